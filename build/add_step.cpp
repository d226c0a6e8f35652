// ADD: as COPY from the context, and archives are unpacked, URLs and git repositories fetched. FROM a root
// file system: the same for a whole tree.
#include <algorithm>
#include <variant>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/archive_file.hpp"
#include "build/executor.hpp"
#include "build/fetch.hpp"
#include "build/git_fetch.hpp"
#include "build/pattern.hpp"
#include "build/unpack_archive.hpp"
#include "fs/layer_apply.hpp"

namespace ecrin::build {

namespace {

/// Something that becomes one file, or what is in it.
struct AddedFile {
  std::string name;  // for the file in a directory
  Fd file;
  const SourceEntry* entry = nullptr;  // of the context: where the key has its digest from
};

/// The step's sources, fetched and told apart, before anything is written. As docker has it, they are written
/// in the order in which the step names them: of two that bring the same path, the later one stays.
struct Sources {
  using Items = std::vector<SourceItem>;  // of the context
  struct Archive {                        // to be unpacked
    AddedFile file;
  };
  struct Download {  // that stays a file
    AddedFile file;
  };
  struct Tree {
    GitCheckout checkout;
    Fd root;
    bool with_git_directory;
  };
  std::vector<std::variant<Items, Archive, Download, Tree>> parts;
  std::vector<FetchedFile> downloads;  // they live as long as they are read

  template <class Part>
  bool has() const {
    return std::ranges::any_of(parts, [](const auto& part) { return std::holds_alternative<Part>(part); });
  }
};

Result<> fetch_url(Sources& sources, Session& session, const StepScope& scope, const recipes::AddStep& add,
                   const std::string& url) {
  FetchedFile fetched;
  if (const auto known = scope.step.fetched.find(url); known != scope.step.fetched.end()) {
    fetched = known->second;
  } else {
    fetched = TRY(fetch_to_store(session, url, add.checksum, scope.stop));
  }
  Fd opened = TRY(posix::open(fetched.path, O_RDONLY));
  AddedFile file{url_file_name(url), std::move(opened)};
  const bool unpacks = add.unpack.value_or(false) && TRY(content_of(file.file)) == FileContent::archive;
  if (unpacks) {
    sources.parts.emplace_back(Sources::Archive{std::move(file)});
  } else {
    sources.parts.emplace_back(Sources::Download{std::move(file)});
  }
  sources.downloads.push_back(std::move(fetched));
  return {};
}

Result<> fetch_git(Sources& sources, Session& session, const StepScope& scope, const recipes::AddStep& add,
                   const PreparedGit& git) {
  const bool keeps = git.source.keep_git_directory.value_or(add.keep_git_directory);
  GitCheckout checkout = TRY(fetch_commit(session.workshop, git.source, git.commit,
                                          keeps ? GitDirectory::keep : GitDirectory::leave_out,
                                          TRY(git_options(session)), &scope.stop));
  const Fd whole = TRY(posix::open(checkout.path, O_RDONLY | O_DIRECTORY));
  const std::string& below = git.source.subdirectory;
  const RootPath found = TRY(resolve_in_root(whole, below));
  if (!found.status || !S_ISDIR(found.status->st_mode)) {
    return fail(ErrorKind::not_found, "there is no directory '{}' in the repository", printable(below));
  }
  Fd root = TRY(open_real_directory(whole, found.path));
  sources.parts.emplace_back(Sources::Tree{std::move(checkout), std::move(root), keeps});
  return {};
}

Result<> collect_item(Sources& sources, const Session& session, const recipes::AddStep& add,
                      const SourceItem& item) {
  const SourceEntry& entry = item.entries.front();
  if (add.unpack.value_or(true) && S_ISREG(entry.status.st_mode)) {
    Fd file = TRY(open_unchanged(session.context->tree(), entry));
    if (TRY(content_of(file)) == FileContent::archive) {
      sources.parts.emplace_back(Sources::Archive{{item.named, std::move(file), &entry}});
      return {};
    }
  }
  if (sources.parts.empty() || !std::holds_alternative<Sources::Items>(sources.parts.back()))
    sources.parts.emplace_back(Sources::Items());
  std::get<Sources::Items>(sources.parts.back()).push_back(item);
  return {};
}

Result<Sources> collect(Session& session, const StepScope& scope, const recipes::AddStep& add) {
  Sources sources;
  const std::vector<SourceItem>& items = scope.step.selection.items;
  auto item = items.begin();
  for (std::size_t number = 0; number < add.sources.size(); ++number) {
    const std::string& source = add.sources[number];
    if (const auto git = scope.step.git.find(source); git != scope.step.git.end()) {
      TRY_WHILE(fetch_git(sources, session, scope, add, git->second), "adding '{}'", printable(source));
    } else if (is_url(source)) {
      TRY_WHILE(fetch_url(sources, session, scope, add, source), "adding '{}'", printable(source));
    }
    for (; item != items.end() && item->source == number; ++item)
      TRY(collect_item(sources, session, add, *item));
  }
  return sources;
}

Result<> copy_download(const AddedFile& file, const std::string& destination, const CopyOptions& options,
                       UpperTree& upper) {
  const bool into_directory = destination.ends_with('/');
  if (into_directory && file.name.empty()) {
    return fail(ErrorKind::invalid, "the URL has no file name: give one as the destination");
  }
  const std::string target = TRY(file_target(upper, destination, file.name, into_directory));
  Fd out = TRY(upper.put_file(target));
  const auto size = static_cast<std::uint64_t>(TRY(posix::stat_fd(file.file)).st_size);
  TRY(posix::copy_file_data(file.file, out, size));
  TRY(out.close());
  return upper.seal(target, file_attributes(options, 0600), S_IFREG);  // docker's mode of a download
}

Result<> copy_tree(const Sources::Tree& tree, const recipes::AddStep& add, const std::string& destination,
                   CopyOptions options, UpperTree& upper, const CancelToken* cancel) {
  std::vector<std::string> patterns = add.exclude;
  if (!tree.with_git_directory) patterns.push_back("**/.git");  // submodules have one each
  const IgnoreRules exclude = TRY(IgnoreRules::from_patterns(patterns));
  const SourceTree source{&tree.root, nullptr, "the repository", ""};
  const Selection selection = TRY(select_sources(source, {"/"}, exclude, cancel));
  // git knows executable files and others, whatever the umask makes of them.
  const std::string own = "u=rwX,go=rX";
  options.mode_change =
      TRY(ModeChange::parse(add.mode_change.empty() ? own : fmt::format("{},{}", own, add.mode_change)));
  options.xattrs = fs::XattrScope::user;
  return copy_selection(source, selection.items, destination, options, upper, cancel);
}

Result<> unpack_here(const AddedFile& archive, const Fd& root, const std::string& destination,
                     const recipes::AddStep& add, const CopyOptions& options, UpperTree& upper,
                     const CancelToken* cancel) {
  const RootPath target = TRY(upper.locate(destination));
  if (target.status && !S_ISDIR(target.status->st_mode)) {
    return fail(ErrorKind::conflict, "'{}' is not a directory", printable(destination));
  }
  TRY(upper.make_directory(target.path));
  // What an archive leaves out is made as tar makes it.
  upper.make_directories_with(0755, std::nullopt);
  const auto owner = add.owner.empty() ? std::nullopt : options.owner;
  TRY(unpack_archive(TRY(open_archive(archive.file)), root, upper, target.path, owner, cancel));
  upper.make_directories_with(add.mode.value_or(0755), options.owner);
  return {};
}

/// Writes the parts of a step.
struct PartWriter {
  const Session& session;
  const recipes::AddStep& add;
  const std::string& destination;
  const CopyOptions& options;
  UpperTree& upper;
  const Fd& root;  // the tree that `upper` writes to; only archives need it
  const CancelToken* cancel;

  Result<> operator()(const Sources::Items& items) const {
    CopyOptions checked = options;
    checked.must_be_unchanged = true;
    return copy_selection(session.context->tree(), items, destination, checked, upper, cancel);
  }
  Result<> operator()(const Sources::Archive& archive) const {
    const AddedFile& file = archive.file;
    auto unpacked = unpack_here(file, root, destination, add, options, upper, cancel);
    if (file.entry) TRY(check_unchanged(session.context->tree(), *file.entry, file.file));
    TRY_WHILE(std::move(unpacked), "unpacking '{}'", printable(file.name));
    return {};
  }
  Result<> operator()(const Sources::Download& download) const {
    TRY_WHILE(copy_download(download.file, destination, options, upper), "adding '{}'",
              printable(download.file.name));
    return {};
  }
  Result<> operator()(const Sources::Tree& tree) const {
    return copy_tree(tree, add, destination, options, upper, cancel);
  }
};

Result<> write_all(const Session& session, const StepScope& scope, const recipes::AddStep& add,
                   const Sources& sources, LowerView& view, UpperTree& upper, const Fd& root) {
  const CopyOptions options =
      TRY(target_options(session, {add.owner, add.mode, add.mode_change}, view, upper));
  const std::string destination = absolute_path(*scope.step.before, add.destination);
  std::size_t count = add.files.size();
  for (const auto& part : sources.parts) {
    const auto* items = std::get_if<Sources::Items>(&part);
    count += items ? items->size() : 1;
  }
  const bool has_single = sources.has<Sources::Download>() || !add.files.empty();
  if (has_single && count > 1) TRY(need_directory_for_several(upper, destination));
  const PartWriter writer{session, add, destination, options, upper, root, &scope.stop};
  for (const auto& part : sources.parts) TRY(std::visit(writer, part));
  for (const recipes::InlineFile& file : add.files) {
    TRY(copy_inline_file(file.name, file.content, destination, options, upper));
  }
  return upper.finish();
}

}  // namespace

Result<StepOutcome> execute_add(Session& session, const StepScope& scope, const recipes::AddStep& add) {
  const Sources sources = TRY(collect(session, scope, add));
  LowerView view(session, scope.below, scope.stop);
  if (!sources.has<Sources::Archive>()) {
    fs::LowerTree lower = TRY(lower_tree(session, scope));
    fs::LayerDraft draft = TRY(session.workshop.layers().draft());
    UpperTree upper(draft.diff(), &lower, file_time(session));
    TRY(write_all(session, scope, add, sources, view, upper, draft.diff()));
    return publish_changes(session, std::move(draft), lower, {}, scope.stop);
  }
  // An archive says of the tree below only what it needs to know itself: it is unpacked through a mount, as a
  // program in a container would do it.
  TreeMount mount =
      TRY(mount_layers(session.workshop, TRY(session.directories(scope.below, scope.stop)), Access::step));
  {
    const Fd merged = TRY(posix::open(mount.tree->path(), O_RDONLY | O_DIRECTORY));
    UpperTree upper(merged, nullptr, file_time(session));
    TRY(write_all(session, scope, add, sources, view, upper, merged));
  }
  TRY(mount.tree->finish());
  mount.tree.reset();
  fs::LowerTree below = TRY(lower_tree(session, scope));
  return publish_changes(session, std::move(*mount.draft), below, {}, scope.stop);
}

Result<StepOutcome> execute_rootfs(Session& session, const StepScope& scope,
                                   const recipes::FromRootfs& rootfs) {
  Fd file;
  FetchedFile fetched;
  const SourceEntry* entry = nullptr;
  if (is_url(rootfs.location)) {
    const std::string checksum = rootfs.sha256.empty() ? "" : "sha256:" + rootfs.sha256;
    fetched = TRY(fetch_to_store(session, rootfs.location, checksum, scope.stop));
    file = TRY(posix::open(fetched.path, O_RDONLY));
  } else {
    const BuildContext* context = TRY(session.need_context());
    entry = &scope.step.selection.items.front().entries.front();
    file = TRY(open_unchanged(context->tree(), *entry));
  }
  fs::LayerDraft draft = TRY(session.workshop.layers().draft());
  auto unpacked =
      fs::apply_layer(TRY(open_archive(file)), draft.diff(), fs::ApplyForm::plain_tree, {}, &scope.stop);
  if (entry) TRY(check_unchanged(session.context->tree(), *entry, file));
  TRY_WHILE(std::move(unpacked), "unpacking '{}'", printable(rootfs.location));
  return publish_first(session, std::move(draft), scope.stop);
}

}  // namespace ecrin::build
