#include "build/context_source.hpp"

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/archive_file.hpp"
#include "build/fetch.hpp"
#include "build/pattern.hpp"
#include "build/root_path.hpp"
#include "build/temporary_tree.hpp"
#include "build/unpack_archive.hpp"
#include "oci/registry/fetch.hpp"

namespace ecrin::build {

namespace {

constexpr std::uint64_t k_recipe_limit = 1u << 20;
constexpr std::uint64_t k_stream_limit = 64ull << 30;

std::optional<std::string_view> after(std::string_view text, std::string_view start) {
  if (!text.starts_with(start)) return std::nullopt;
  return text.substr(start.size());
}

// DIRECTORY[:TAG][@DIGEST]
ContextSource layout_source(std::string_view text) {
  ContextSource source{.kind = ContextSource::Kind::oci_layout};
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    source.reference = std::string(text.substr(at + 1));
    text = text.substr(0, at);
  }
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find('/', colon) == std::string_view::npos) {
    // With both, the digest says which image it is.
    if (source.reference.empty()) source.reference = std::string(text.substr(colon + 1));
    text = text.substr(0, colon);
  }
  source.location = std::string(text);
  return source;
}

// Whose files they were does not count: all become root's, as those of a directory.
Result<ContextFiles> unpack_context(Workshop& workshop, const Fd& archive, const CancelToken* cancel) {
  TemporaryTree tree = TRY(make_temporary_tree(workshop.store(), "context"));
  const Fd root = TRY(posix::open(tree.path, O_RDONLY | O_DIRECTORY));
  UpperTree upper(root, nullptr, {});
  TRY(unpack_archive(TRY(open_archive(archive)), root, upper, "", std::pair<uid_t, gid_t>{0, 0}, cancel));
  TRY(upper.finish());
  return ContextFiles{
      .directory = tree.path, .text = {}, .is_temporary = true, .remover = std::move(tree.remover)};
}

/// A file that came from somewhere: an archive, or what stands for itself.
Result<ContextFiles> open_file(Workshop& workshop, const Fd& file, ContextUse use,
                               const CancelToken* cancel) {
  if (TRY(content_of(file)) == FileContent::archive) {
    return TRY_WHILE(unpack_context(workshop, file, cancel), "unpacking the context");
  }
  const Fd again = TRY(posix::open(posix::fd_path(file), O_RDONLY));
  if (use == ContextUse::main) {
    std::string text = TRY_WHILE(posix::read_fd(again, k_recipe_limit), "reading the recipe");
    return ContextFiles{.directory = "", .text = std::move(text), .is_temporary = true, .remover = nullptr};
  }
  TemporaryTree tree = TRY(make_temporary_tree(workshop.store(), "context"));
  const Fd root = TRY(posix::open(tree.path, O_RDONLY | O_DIRECTORY));
  Fd out = TRY(posix::open_at(root, "context", O_WRONLY | O_CREAT | O_EXCL, 0600));
  TRY(posix::copy_file_data(again, out, static_cast<std::uint64_t>(TRY(posix::stat_fd(again)).st_size)));
  TRY(out.close());
  return ContextFiles{
      .directory = tree.path, .text = {}, .is_temporary = true, .remover = std::move(tree.remover)};
}

Result<TemporaryTree> spool(Workshop& workshop, Source& source, std::string_view what,
                            const CancelToken* cancel) {
  TemporaryTree tree = TRY(make_temporary_tree(workshop.store(), "spool"));
  const Fd root = TRY(posix::open(tree.path, O_RDONLY | O_DIRECTORY));
  Fd file = TRY(posix::open_at(root, "file", O_WRONLY | O_CREAT | O_EXCL, 0600));
  std::vector<std::byte> buffer(256 * 1024);
  std::uint64_t size = 0;
  while (const std::size_t count = TRY_WHILE(source.read(buffer), "reading {}", what)) {
    if (cancel) TRY(cancel->check());
    size += count;
    if (size > k_stream_limit) {
      return fail(ErrorKind::limit, "{} has more than {}", what, human_size(k_stream_limit));
    }
    TRY(posix::write_full(file, std::span<const std::byte>(buffer).first(count)));
  }
  TRY(file.close());
  return tree;
}

Result<ContextFiles> open_url(Workshop& workshop, const std::string& url, ContextUse use,
                              const ContextAccess& access, const CancelToken* cancel) {
  const TemporaryTree tree = TRY(make_temporary_tree(workshop.store(), "download"));
  const Fd root = TRY(posix::open(tree.path, O_RDONLY | O_DIRECTORY));
  Fd file = TRY(posix::open_at(root, "file", O_RDWR | O_CREAT | O_EXCL, 0600));
  FdSink to_file(file);
  BufferedSink sink(to_file);
  oci::FetchOptions options;
  options.transport.proxies = access.proxies;
  TRY_WHILE(oci::fetch_url(url, sink, options, cancel), "fetching the context");
  TRY(sink.finish());
  return open_file(workshop, file, use, cancel);
}

Result<ContextFiles> open_git(Workshop& workshop, const GitSource& source, const ContextAccess& access,
                              const CancelToken* cancel) {
  const std::string commit = TRY(find_commit(source, access.git, cancel));
  const bool keeps = source.keep_git_directory.value_or(false);
  GitCheckout checkout = TRY(fetch_commit(
      workshop, source, commit, keeps ? GitDirectory::keep : GitDirectory::leave_out, access.git, cancel));
  const Fd root = TRY(posix::open(checkout.path, O_RDONLY | O_DIRECTORY));
  const RootPath found = TRY(resolve_in_root(root, source.subdirectory));
  if (!found.status || !S_ISDIR(found.status->st_mode)) {
    return fail(ErrorKind::not_found, "there is no directory '{}' in the repository",
                printable(source.subdirectory));
  }
  return ContextFiles{.directory = join_path(checkout.path, found.path),
                      .text = {},
                      .is_temporary = true,
                      .remover = std::move(checkout.remover)};
}

}  // namespace

Result<ContextSource> parse_context(std::string_view text) {
  if (auto git = TRY(parse_git_source(text, GitForms::context))) {
    return ContextSource{ContextSource::Kind::git, std::string(text), "", std::move(*git)};
  }
  const bool remote = is_url(text);
  return ContextSource{
      remote ? ContextSource::Kind::url : ContextSource::Kind::path, std::string(text), "", {}};
}

Result<ContextSource> parse_named_context(std::string_view text) {
  for (const char* start : {"docker-image://", "container-image://", "docker://"}) {
    if (const auto name = after(text, start)) {
      if (name->empty()) return fail(ErrorKind::invalid, "'{}' names no image", printable(text));
      return ContextSource{ContextSource::Kind::image, std::string(*name), "", {}};
    }
  }
  for (const char* start : {"oci-layout://", "oci:"}) {
    if (const auto directory = after(text, start)) return layout_source(*directory);
  }
  return parse_context(text);
}

Result<ContextFiles> open_context(Workshop& workshop, const ContextSource& source, ContextUse use,
                                  const ContextAccess& access, const CancelToken* cancel) {
  switch (source.kind) {
    case ContextSource::Kind::url:
      return open_url(workshop, source.location, use, access, cancel);
    case ContextSource::Kind::git:
      return open_git(workshop, source.git, access, cancel);
    case ContextSource::Kind::image:
    case ContextSource::Kind::oci_layout:
      return fail(ErrorKind::invalid, "'{}' is an image, not a directory", printable(source.location));
    case ContextSource::Kind::path:
      break;
  }
  Fd file = TRY_WHILE(posix::open(source.location, O_RDONLY | O_NONBLOCK), "opening the context");
  const struct stat status = TRY(posix::stat_fd(file));
  if (S_ISDIR(status.st_mode)) {
    return ContextFiles{.directory = source.location, .text = {}, .is_temporary = false, .remover = nullptr};
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::invalid, "'{}' is neither a directory nor an archive", printable(source.location));
  }
  if (use == ContextUse::named && TRY(content_of(file)) != FileContent::archive) {
    return fail(ErrorKind::invalid, "'{}' is neither a directory nor an archive", printable(source.location));
  }
  return open_file(workshop, file, use, cancel);
}

Result<ContextFiles> read_context(Workshop& workshop, Fd input, const CancelToken* cancel) {
  FdSource source(std::move(input));
  const TemporaryTree tree = TRY(spool(workshop, source, "standard input", cancel));
  const Fd root = TRY(posix::open(tree.path, O_RDONLY | O_DIRECTORY));
  const Fd file = TRY(posix::open_at(root, "file", O_RDONLY | O_NOFOLLOW));
  return open_file(workshop, file, ContextUse::main, cancel);
}

}  // namespace ecrin::build
