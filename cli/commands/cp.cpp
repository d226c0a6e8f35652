// verb: cp
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "base/posix.hpp"
#include "base/stream.hpp"
#include "base/text.hpp"
#include "build/pattern.hpp"
#include "build/unpack_archive.hpp"
#include "build/upper_tree.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/container_files.hpp"
#include "cli/interrupt.hpp"
#include "cli/standard_streams.hpp"
#include "fs/changeset.hpp"
#include "fs/tree.hpp"

namespace ecrin::cli {
namespace {

// "CONTAINER:PATH", or a path of the host, or "-". A path with a slash before the colon is one of the host.
struct Place {
  std::string container;  // "" = the host
  std::string path;
  bool is_stream() const { return container.empty() && path == "-"; }
};

Place parse_place(const std::string& text) {
  const std::size_t colon = text.find(':');
  const bool is_host = colon == std::string::npos || colon == 0 || text.starts_with('/') ||
                       text.starts_with('.') || text.find('/') < colon;
  if (is_host) return {.container = "", .path = text};
  return {.container = text.substr(0, colon), .path = text.substr(colon + 1)};
}

bool means_contents(const std::string& path) {
  return path == "." || path.ends_with("/.");
}

// A name is no pattern here.
std::string literal(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

// Where it is on the host: a directory, and a path below it.
struct Source {
  Fd root;
  std::string path;  // below it
  std::string name;  // what it is called at the destination
  bool contents = false;
};

Result<Source> host_source(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  if (!real) return fail_errno("cannot find '{}'", printable(path));
  const std::string found = real.get();
  Source source{.root = {},
                .path = "",
                .name = build::base_name(build::clean_path(path)),
                .contents = means_contents(path)};
  if (found == "/") return fail(ErrorKind::invalid, "the root directory of the host cannot be copied");
  const std::size_t slash = found.rfind('/');
  source.root = TRY(posix::open(slash == 0 ? "/" : found.substr(0, slash), O_RDONLY | O_DIRECTORY));
  source.path = found.substr(slash + 1);
  if (source.name == "." || source.name == ".." || source.name == "/") source.name = source.path;
  return source;
}

Result<Source> container_source(const Fd& root, const std::string& path) {
  Source source{.root = {},
                .path = path,
                .name = build::base_name(build::relative_to_root(path)),
                .contents = means_contents(path)};
  source.root = TRY(root.duplicate());
  if (source.name.empty()) source.contents = true;
  return source;
}

// Puts it below `root` at `destination`, as cp(1) does.
Result<> copy_into(const Source& source, const std::string& what, const Fd& root,
                   const std::string& destination, const build::CopyOptions& options,
                   const CancelToken& cancel) {
  build::UpperTree tree(root, nullptr, {});
  const build::SourceTree from{.root = &source.root, .ignore = nullptr, .name = what, .ignore_file = ""};
  const auto selection =
      TRY(build::select_sources(from, {literal(source.path.empty() ? "." : source.path)}, {}, &cancel));
  if (selection.items.empty())
    return fail(ErrorKind::not_found, "there is nothing at '{}'", printable(source.path));
  const build::SourceItem& item = selection.items.front();
  const build::RootPath target = TRY(tree.locate(destination));
  const bool exists = target.status.has_value();
  const bool into = exists && S_ISDIR(target.status->st_mode);
  std::string place = target.path;
  if (into && !(item.is_directory() && source.contents)) place = build::join_path(place, source.name);
  if (!exists && !item.is_directory() && destination.ends_with('/'))
    return fail(ErrorKind::not_found, "there is no directory '{}'", printable(destination));
  const build::RootPath parent = TRY(tree.locate("/" + build::parent_path(place)));
  if (!parent.status || !S_ISDIR(parent.status->st_mode))
    return fail(ErrorKind::not_found, "there is no directory '/{}'", printable(build::parent_path(place)));
  const bool is_new = !TRY(tree.locate("/" + place)).status;
  TRY(build::copy_selection(from, selection.items, "/" + place, options, tree, &cancel));
  if (item.is_directory() && is_new && !place.empty()) {
    const build::SourceStatus& status = item.entries.front().status;
    TRY(tree.put_directory(place, {.mode = status.st_mode & 07777,
                                   .uid = options.owner ? options.owner->first : status.st_uid,
                                   .gid = options.owner ? options.owner->second : status.st_gid,
                                   .mtime = status.st_mtim}));
  }
  // Directories keep the times that they have now: those that were there are not ours.
  return {};
}

build::CopyOptions copy_options(bool keeps_owner) {
  build::CopyOptions options;
  if (!keeps_owner) options.owner = {{0, 0}};  // the user, outside
  options.skip_devices = true;
  return options;
}

// Everything on the host that may be there is the user's, who is root in the namespace.
Result<> copy_in(Session& session, const Place& from, const Place& to, const CancelToken& cancel) {
  std::optional<Source> source;
  if (!from.is_stream()) source = TRY(host_source(from.path));
  ContainerRoot root = TRY(ContainerRoot::open(session, to.container));
  const auto done = [&]() -> Result<> {
    const Fd directory = TRY(posix::open_at(root.directory(), ".", O_RDONLY | O_DIRECTORY));
    if (source) return copy_into(*source, "the host", directory, "/" + to.path, copy_options(false), cancel);
    build::UpperTree tree(directory, nullptr, {});
    const build::RootPath target = TRY(tree.locate("/" + to.path));
    if (!target.status || !S_ISDIR(target.status->st_mode))
      return fail(ErrorKind::not_found, "there is no directory '{}' in the container", printable(to.path));
    TRY(build::unpack_archive(std::make_unique<FdSource>(TRY(standard_stream(0))), directory, tree,
                              target.path, std::nullopt, &cancel));
    // Directories keep the times that they have now: those that were there are not ours.
    return {};
  }();
  TRY(root.finish());
  return done;
}

Result<> write_archive(build::Workshop& workshop, const Source& source, const CancelToken& cancel) {
  const Fd temporary = TRY(workshop.store().temporary());
  const std::string name = "cp-" + Store::unique_name();
  TRY(posix::mkdir_at(temporary, name, 0700));
  const auto written = [&]() -> Result<> {
    const Fd directory = TRY(posix::open_at(temporary, name, O_RDONLY | O_DIRECTORY));
    TRY(copy_into(source, "the container", directory, "/", copy_options(true), cancel));
    const Fd output = TRY(standard_stream(1));
    FdSink file(output);
    BufferedSink sink(file);
    TRY(fs::write_tree(directory, sink, &cancel));
    return sink.finish();
  }();
  TRY(fs::remove_tree(temporary, name));
  return written;
}

Result<> copy_out(Session& session, const Place& from, const Place& to, const CancelToken& cancel) {
  // The host's directory is opened before: the user's path means what it means to the user.
  Fd target;
  std::string name;
  if (!to.is_stream()) {
    auto whole = posix::open(to.path, O_RDONLY | O_DIRECTORY);
    if (whole) {
      target = std::move(*whole);
    } else {
      const std::string path = TRY(absolute_path(to.path));
      std::string trimmed = path;
      while (trimmed.size() > 1 && trimmed.ends_with('/')) trimmed.pop_back();
      const std::size_t slash = trimmed.rfind('/');
      target = TRY(posix::open(slash == 0 ? "/" : trimmed.substr(0, slash), O_RDONLY | O_DIRECTORY));
      name = trimmed.substr(slash + 1) + (to.path.ends_with('/') ? "/" : "");
    }
  }
  ContainerRoot root = TRY(ContainerRoot::open(session, from.container));
  const auto done = [&]() -> Result<> {
    const Source source = TRY(container_source(root.directory(), from.path));
    if (to.is_stream()) return write_archive(root.workshop(), source, cancel);
    return copy_into(source, "the container", target, "/" + name, copy_options(false), cancel);
  }();
  TRY(root.finish());
  return done;
}

Outcome run(Session& session, const Arguments& arguments) {
  const Place from = parse_place(arguments.operands()[0]);
  const Place to = parse_place(arguments.operands()[1]);
  if (from.container.empty() == to.container.empty())
    return std::unexpected(
        Error(ErrorKind::invalid, "one of the two places must be in a container: CONTAINER:PATH"));
  if (to.is_stream() && ::isatty(1) == 1)
    return std::unexpected(
        Error(ErrorKind::invalid, "an archive is nothing for a terminal").hint("redirect the output"));
  const Interrupts interrupts;
  const auto done = from.container.empty() ? copy_in(session, from, to, interrupts.token())
                                           : copy_out(session, from, to, interrupts.token());
  if (!done) return std::unexpected(done.error());
  return 0;
}

}  // namespace

const Verb& cp_verb() {
  static const Verb verb{
      .name = "cp",
      .operands = "CONTAINER:PATH|PATH CONTAINER:PATH|PATH",
      .summary = "Copy files between a container and the host",
      .details =
          "Also while it runs, and when it does not. As cp -r: into a directory that exists, else to that "
          "name; "
          "PATH/. is what is in a directory. A tar archive is read from standard input, or written to "
          "standard "
          "output, for '-'. Symlinks are followed inside the container only.",
      .flags = {{.name = "archive",
                 .letter = 'a',
                 .value = "",
                 .help = "accepted: modes of all and times of files are kept always"},
                {.name = "follow-link",
                 .letter = 'L',
                 .value = "",
                 .help = "accepted: a source that is a symlink is followed always"},
                {.name = "overwrite", .value = "", .help = "accepted: a file may replace another one"}},
      .least_operands = 2,
      .most_operands = 2,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
