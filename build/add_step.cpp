// ADD: as COPY from the context, and archives are unpacked and URLs fetched. FROM a root file system: the
// same for a whole tree.
#include "base/compression.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/executor.hpp"
#include "build/fetch.hpp"
#include "build/pattern.hpp"
#include "fs/layer_apply.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_tar_block = 512;

enum class Content { tar, other };
/// Is this a tar archive (compressed or not)? Told by its bytes, as docker does.
Result<Content> content_of(const Fd& file) {
  Fd copy = TRY(posix::open(posix::fd_path(file), O_RDONLY));
  Compression compression = Compression::none;
  auto plain = decompress_any(std::make_unique<FdSource>(std::move(copy)), &compression);
  if (!plain) {
    // What cannot be decompressed here (bzip2, xz) is refused only if it is to be unpacked.
    return plain.error().kind() == ErrorKind::unsupported ? Content::tar : Content::other;
  }
  std::vector<std::byte> head(k_tar_block);
  std::size_t size = 0;
  while (size < head.size()) {
    const auto more = (*plain)->read(std::span(head).subspan(size));
    if (!more || *more == 0) return Content::other;
    size += *more;
  }
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  return text.substr(257, 5) == "ustar" ? Content::tar : Content::other;
}

Result<> unpack(const Fd& file, const Fd& directory, fs::ApplyForm form, const CancelToken& stop) {
  Fd copy = TRY(posix::open(posix::fd_path(file), O_RDONLY));
  auto plain = decompress_any(std::make_unique<FdSource>(std::move(copy)));
  if (!plain && plain.error().kind() == ErrorKind::unsupported) {
    return std::unexpected(std::move(plain).error().hint("compress it with gzip or zstd"));
  }
  TRY(fs::apply_layer(TRY(std::move(plain)), directory, form, {}, &stop));
  return {};
}

Result<> add_fetched(const StepScope& scope, Session& session, const recipes::AddStep& add,
                     const std::string& url, const std::string& destination, const Attributes& attributes,
                     UpperTree& upper) {
  FetchedFile file;
  if (const auto known = scope.step.fetched.find(url); known != scope.step.fetched.end()) {
    file = known->second;
  } else {
    if (!add.checksum.starts_with("sha256:")) {
      return fail(ErrorKind::unsupported, "cannot check '{}': only sha256 checksums are known",
                  printable(add.checksum));
    }
    file = TRY(fetch_to_store(session, url, add.checksum.substr(7), scope.stop));
  }
  const std::string name = url_file_name(url);
  const bool into_directory = destination.ends_with('/');
  if (into_directory && name.empty()) {
    return fail(ErrorKind::invalid, "'{}' has no file name: give one as the destination", printable(url));
  }
  const std::string target = TRY(file_target(upper, destination, name, into_directory));
  const Fd source = TRY(posix::open(file.path, O_RDONLY));
  Fd out = TRY(upper.put_file(target));
  TRY(posix::copy_file_data(source, out, static_cast<std::uint64_t>(TRY(posix::stat_fd(source)).st_size)));
  TRY(out.close());
  return upper.seal(target, attributes, S_IFREG);
}

}  // namespace

Result<StepOutcome> execute_add(Session& session, const StepScope& scope, const recipes::AddStep& add) {
  LowerView lower(session, scope.below, scope.stop);
  const Fd* root = TRY(lower.root());
  fs::LayerDraft draft = TRY(session.workshop.layers().draft());
  UpperTree upper(draft.diff(), root, file_time(session));
  const auto owner = TRY(find_owner(add.owner, lower));
  const std::string destination = absolute_path(scope.step.before, add.destination);

  std::vector<SourceItem> plain;
  for (const SourceItem& item : scope.step.selection.items) {
    if (item.is_directory()) {
      plain.push_back(item);
      continue;
    }
    const Fd file = TRY(posix::open_beneath_no_symlinks(session.context->root(), item.entries.front().path,
                                                        O_RDONLY | O_NONBLOCK));
    if (TRY(content_of(file)) == Content::other) {
      plain.push_back(item);
      continue;
    }
    const RootPath target = TRY(upper.locate(destination));
    const Fd directory = TRY(upper.open_directory(target.path));
    TRY_WHILE(unpack(file, directory, fs::ApplyForm::plain_tree, scope.stop), "unpacking '{}'",
              printable(item.named));
  }
  if (!plain.empty()) {
    CopyOptions options;
    options.owner = owner;
    options.mode = add.mode;
    if (!session.options.current_time) options.mtime = file_time(session);
    options.must_be_unchanged = true;
    TRY(copy_selection(session.context->tree(), plain, destination, options, upper, &scope.stop));
  }
  // Docker's mode of a downloaded file is 0600.
  const Attributes attributes{
      .mode = add.mode.value_or(0600), .uid = owner.first, .gid = owner.second, .mtime = file_time(session)};
  for (const std::string& source : add.sources) {
    if (!is_url(source)) continue;
    TRY_WHILE(add_fetched(scope, session, add, source, destination, attributes, upper), "adding '{}'",
              printable(source));
  }
  TRY(upper.finish());
  return publish_changes(session, std::move(draft), root, {}, scope.stop);
}

Result<StepOutcome> execute_rootfs(Session& session, const StepScope& scope,
                                   const recipes::FromRootfs& rootfs) {
  Fd file;
  if (is_url(rootfs.location)) {
    const FetchedFile fetched = TRY(fetch_to_store(session, rootfs.location, rootfs.sha256, scope.stop));
    file = TRY(posix::open(fetched.path, O_RDONLY));
  } else {
    const BuildContext* context = TRY(session.need_context());
    file = TRY(posix::open_in_root(context->root(), rootfs.location, O_RDONLY | O_NONBLOCK));
  }
  fs::LayerDraft draft = TRY(session.workshop.layers().draft());
  TRY_WHILE(unpack(file, draft.diff(), fs::ApplyForm::plain_tree, scope.stop), "unpacking '{}'",
            printable(rootfs.location));
  return publish_changes(session, std::move(draft), nullptr, {}, scope.stop);
}

}  // namespace ecrin::build
