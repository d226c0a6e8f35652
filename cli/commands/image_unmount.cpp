// verb: image unmount
#include <algorithm>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_mounts.hpp"
#include "cli/image_names.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

// The mounts of an image, by its name, ID or the directory. One that this process cannot see is told.
Result<std::vector<build::ImageMount>> select(oci::ImageStore& images, build::ImageMounts& mounts,
                                              const std::string& word,
                                              const std::optional<SharedNamespace>& shared) {
  const auto record = images.find(word);
  std::vector<build::ImageMount> chosen;
  bool elsewhere = false;
  for (build::ImageMount& mount : TRY(mounts.list())) {
    const bool meant =
        mounts.path(mount) == word || (record && record->manifest.to_string() == mount.manifest);
    if (!meant) continue;
    if (is_visible(mount, shared)) {
      chosen.push_back(std::move(mount));
    } else {
      elsewhere = true;
    }
  }
  if (!chosen.empty()) return chosen;
  if (elsewhere) {
    return std::unexpected(Error(ErrorKind::not_found,
                                 fmt::format("'{}' is mounted in another 'ecrin unshare'", printable(word)))
                               .hint("unmount it there, or leave that shell: its mounts go with it"));
  }
  return std::unexpected(Error(ErrorKind::not_found, fmt::format("'{}' is not mounted", printable(word)))
                             .hint("'ecrin image mount' lists what is"));
}

Outcome run(Session& session, const Arguments& arguments) {
  const auto shared = shared_namespace(session.environment());
  const bool all = arguments.on("all");
  const std::vector<std::string>& words = arguments.operands();
  if (all == !words.empty())
    return std::unexpected(Error(ErrorKind::invalid, "name the images to unmount, or give --all"));
  const Force force = arguments.on("force") ? Force::yes : Force::no;
  if (shared) TRY(session.stay_in_namespace());
  TRY(clear_dead_mounts(session));
  oci::ImageStore* images = TRY(session.images());
  build::ImageMounts mounts = TRY(build::ImageMounts::open(images->blobs().store()));
  std::vector<build::ImageMount> chosen;
  for (const std::string& word : words) {
    for (build::ImageMount& mount : TRY(select(*images, mounts, word, shared)))
      chosen.push_back(std::move(mount));
  }
  if (all) {
    chosen = TRY(mounts.list());
    std::erase_if(chosen, [&](const build::ImageMount& mount) {
      const bool is_outside = shared && mount.kind == build::ImageMount::Kind::fuse;
      return !is_visible(mount, shared) || is_outside;
    });
  }
  // Copies last: for them a user namespace is entered, from where the others cannot be unmounted.
  std::ranges::stable_sort(chosen, {}, &build::ImageMount::kind);
  for (const build::ImageMount& mount : chosen) {
    TRY(unmount_image(session, mounts, mount, force));
    print_line(mount.image.substr(mount.image.find(':') + 1));
  }
  return 0;
}

}  // namespace

const Verb& image_unmount_verb() {
  static const Verb verb{
      .name = "image unmount",
      .operands = "IMAGE...",
      .summary = "Take down what 'ecrin image mount' shows",
      .details = "An IMAGE may also be named by its directory. The IDs of the images are printed.",
      .flags = {{.name = "all", .letter = 'a', .value = "", .help = "unmount all images"},
                {.name = "force",
                 .letter = 'f',
                 .value = "",
                 .help = "also while programs use the directory: it goes with the last of them"}},
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
