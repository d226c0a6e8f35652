// verb: rmi
#include <algorithm>

#include "base/text.hpp"
#include "build/garbage.hpp"
#include "build/image_mounts.hpp"
#include "build/working_containers.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/removal.hpp"
#include "cli/first_error.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/working_mounts.hpp"

namespace ecrin::cli {
namespace {

enum class Force { no, yes };

struct Removal {
  Session& session;
  oci::ImageStore& images;
  build::ImageMounts& mounts;
  Force force;
  std::vector<build::ImageMount> mounted;                  // that there are
  std::vector<std::pair<std::string, std::string>> bases;  // of working containers: name, manifest
  Containers containers;
};

// An index takes images with it that came only as its parts.
Result<bool> goes_with(oci::ImageStore& images, const oci::ImageRecord& record, const std::string& manifest) {
  if (record.manifest.to_string() == manifest) return true;
  const bool is_entry = std::ranges::any_of(
      record.entries, [&](const oci::Digest& entry) { return entry.to_string() == manifest; });
  if (!is_entry) return false;
  const auto part = images.find_any(manifest);
  if (!part && part.error().kind() == ErrorKind::not_found) return false;
  if (!part) return std::unexpected(part.error());
  return part->part && part->names.empty();
}

Result<> check_unused(const Removal& removal, const oci::ImageRecord& record) {
  for (const build::ImageMount& mount : removal.mounted) {
    if (!TRY(goes_with(removal.images, record, mount.manifest))) continue;
    const std::string path = removal.mounts.path(mount);
    return std::unexpected(
        Error(ErrorKind::conflict,
              fmt::format("image {} is in use: it is mounted at '{}'", short_id(record.id), printable(path)))
            .hint(fmt::format("'ecrin image unmount {}' first, or give -f: then the mount stays until that",
                              printable(path))));
  }
  return {};
}

// A working container cannot do without its base: by force it goes, too.
Result<> free_from_containers(Removal& removal, const oci::ImageRecord& record) {
  build::WorkingContainers containers(removal.images.blobs().store());
  for (auto& [name, base] : removal.bases) {
    if (base.empty() || !TRY(goes_with(removal.images, record, base))) continue;
    if (removal.force == Force::no) {
      return std::unexpected(
          Error(ErrorKind::conflict,
                fmt::format("image {} is the base of working container '{}'", short_id(record.id), name))
              .hint(fmt::format("remove that first: ecrin rm {}; or give -f", name)));
    }
    const NamedLock lock = TRY(containers.lock(name, nullptr));
    // Whoever had the lock may have removed it, or made another one of this name.
    const auto now = TRY(containers.bases());
    if (std::ranges::find(now, std::pair(name, base)) != now.end()) {
      TRY(drop_mount(removal.session, name));
      TRY(containers.remove(name));
    }
    base.clear();
  }
  return {};
}

// The same with containers that run it, or may be started again.
Result<> free_from_runs(Removal& removal, const oci::ImageRecord& record) {
  for (const run::StoredContainer& container : TRY(removal.containers.list())) {
    if (container.manifest.empty() || !TRY(goes_with(removal.images, record, container.manifest))) continue;
    if (removal.force == Force::no)
      return std::unexpected(
          Error(ErrorKind::conflict,
                fmt::format("image {} is in use by container '{}'", short_id(record.id), container.name))
              .hint(fmt::format("remove that first: ecrin rm {}; or give -f", container.name)));
    TRY(remove_container(removal.containers, container, EndRunning::yes, std::chrono::seconds(0)));
  }
  return {};
}

Result<> remove_image(Removal& removal, const oci::ImageRecord& record) {
  if (removal.force == Force::no) TRY(check_unused(removal, record));
  TRY(free_from_runs(removal, record));
  TRY(free_from_containers(removal, record));
  TRY(removal.images.remove(record.manifest));
  for (const std::string& name : record.names) print_line("Untagged: " + name);
  print_line("Deleted: " + record.id.digest.hex());
  return {};
}

// By name: the name goes, and the image with its last one. By ID: the image goes, with all names only if
// forced.
Result<> remove_one(Removal& removal, const std::string& words) {
  auto found = find_any_image(removal.images, words);
  const bool forced = removal.force == Force::yes;
  if (!found && found.error().kind() == ErrorKind::not_found && forced) return {};
  const oci::ImageRecord record = TRY(std::move(found));
  const auto name = meant_name(record, words);
  if (name && record.names.size() > 1) {
    TRY(removal.images.untag(TRY(oci::Reference::parse(*name))));
    print_line("Untagged: " + *name);
    return {};
  }
  if (!name && record.names.size() > 1 && !forced) {
    return std::unexpected(
        Error(ErrorKind::conflict,
              fmt::format("image {} has several names: {}", short_id(record.id), join(record.names, ", ")))
            .hint("remove a name, or give -f to remove the image with all its names"));
  }
  return remove_image(removal, record);
}

Outcome run(Session& session, const Arguments& arguments) {
  const bool all = arguments.on("all");
  if (all == !arguments.operands().empty()) {
    return std::unexpected(
        Error(ErrorKind::invalid, all ? "--all takes no names" : "'ecrin rmi' needs IMAGE... or --all"));
  }
  // Where mounts of this session can be taken down.
  if (shared_namespace(session.environment())) TRY(session.stay_in_namespace());
  build::Workshop* workshop = TRY(session.workshop(Store::Purpose::freeing));
  oci::ImageStore& images = workshop->images();
  build::ImageMounts mounts = TRY(build::ImageMounts::open(workshop->store()));
  Containers containers = TRY(Containers::open(workshop->store()));
  Removal removal{.session = session,
                  .images = images,
                  .mounts = mounts,
                  .force = arguments.on("force") ? Force::yes : Force::no,
                  .mounted = {},
                  .bases = {},
                  .containers = std::move(containers)};
  removal.mounted = TRY(mounts.list());
  removal.bases = TRY(build::WorkingContainers(workshop->store()).bases());
  FirstError errors(session.console());
  if (all) {
    for (const oci::ImageRecord& record : TRY(images.list_all())) {
      // Gone already with the index that it came with.
      if (!images.find_any(record.manifest.to_string())) continue;
      errors.done(remove_image(removal, record));
    }
  } else {
    for (const std::string& words : arguments.operands()) errors.done(remove_one(removal, words));
  }
  // What only these images held goes now; the build cache keeps what it has.
  TRY(build::prune(*workshop, {.images = false, .all_images = false, .cache = false, .blobs = false}));
  return std::move(errors).outcome({.not_found = 1, .conflict = 2});
}

}  // namespace

const Verb& rmi_verb() {
  static const Verb verb{
      .name = "rmi",
      .operands = "IMAGE...",
      .summary = "Remove names and images",
      .details =
          "A name is taken from its image; an image goes with its last name. An image given by ID goes when "
          "it has at "
          "most one name, or with -f. One that 'ecrin image mount' shows stays, unless -f is given.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "remove all images"},
              {.name = "force",
               .letter = 'f',
               .value = "",
               .help = "remove an ID with all its names, what is mounted, and working containers made from "
                       "it; ignore what is missing"},
          },
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
