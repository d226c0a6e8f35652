// verb: image mount
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/names.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_mounts.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Result<> list_mounts(Session& session, const std::string& format) {
  oci::ImageStore* images = TRY(session.images());
  build::ImageMounts mounts = TRY(build::ImageMounts::open(images->blobs().store()));
  const auto shared = shared_namespace(session.environment());
  std::vector<Json> rows;
  std::string lines;
  for (const build::ImageMount& mount : TRY(mounts.list())) {
    if (!is_visible(mount, shared)) continue;
    const auto record = images->find(mount.manifest);
    const std::vector<std::string> names = record ? record->names : std::vector<std::string>();
    const std::string id = mount.image.substr(mount.image.find(':') + 1);
    rows.push_back({{"id", id},
                    {"Repositories", names},
                    {"mountpoint", mounts.path(mount)},
                    {"kind", build::to_string(mount.kind)}});
    lines += fmt::format("{}  {}\n", names.empty() ? ecrin::short_id(id) : names.front(), mounts.path(mount));
  }
  if (!format.empty()) return print_formatted(format, rows);
  print(lines);
  return {};
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  if (words.empty()) {
    TRY(clear_dead_mounts(session));
    TRY(list_mounts(session, arguments.value("format")));
    return 0;
  }
  const Interrupts interrupts;
  const FuseServer server = arguments.has("fuse") ? FuseServer::ecrin : FuseServer::fuse_overlayfs;
  for (const std::string& word : words) {
    const auto path = mount_image(session, word, server, interrupts.token());
    if (!path) {
      return std::unexpected(Error(path.error()).context("mounting " + printable(word)));
    }
    print_line(words.size() == 1 ? *path : fmt::format("{}  {}", printable(word), *path));
  }
  return 0;
}

}  // namespace

const Verb& image_mount_verb() {
  static const Verb verb{
      .name = "image mount",
      .operands = "[IMAGE...]",
      .summary = "Show an image's files in a directory, for reading",
      .details =
          "The directory is printed. Without IMAGE: what is mounted. It stays until 'ecrin image unmount' or "
          "a "
          "reboot. Inside 'ecrin unshare' the kernel's overlay is used and the mount goes with that session.",
      .flags = {{.name = "format", .value = "FORMAT", .help = "of the list: json, or a template"},
                {.name = "fuse", .help = "mount with ecrin's own file system, not with fuse-overlayfs"}},
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
