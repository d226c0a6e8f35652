#include "cli/container_mounts.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/pattern.hpp"
#include "build/root_path.hpp"
#include "cli/image_names.hpp"
#include "fs/file_owners.hpp"
#include "fs/tree.hpp"
#include "fs/walk.hpp"

namespace ecrin::cli {
namespace {

// An image's word for a place, which nobody has checked.
bool is_place(const std::string& place) {
  const std::vector<std::string> parts = split(place, '/');
  return place.starts_with('/') && std::ranges::find(parts, "..") == parts.end() &&
         std::ranges::any_of(parts, [](const std::string& part) { return !part.empty() && part != "."; });
}

std::string clean(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::size_t depth(const MountSpec& spec) {
  const std::string place = clean(spec.destination);
  return static_cast<std::size_t>(std::ranges::count(place, '/'));
}

struct NewOwner : fs::Visitor {
  uid_t uid = 0;
  gid_t gid = 0;
  Result<fs::Descend> visit(const fs::Place& place) const {
    if (place.status.st_uid != uid || place.status.st_gid != gid)
      TRY(fs::set_owner_at(place.directory, place.name, uid, gid));
    return S_ISDIR(place.status.st_mode) ? fs::Descend::yes : fs::Descend::no;
  }
};

Result<> give_away(const std::string& path, uid_t uid, gid_t gid) {
  const Fd parent = TRY(posix::open(build::parent_path(path), O_PATH | O_DIRECTORY));
  const std::string name = build::base_name(path);
  if (name.empty()) return fail(ErrorKind::invalid, "the root directory cannot be given away");
  const struct stat status = TRY(fs::status_at(parent, name));
  NewOwner visitor;
  visitor.uid = uid;
  visitor.gid = gid;
  if (S_ISDIR(status.st_mode)) {
    const Fd directory = TRY(posix::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(fs::walk(directory, visitor));
  }
  if (status.st_uid == uid && status.st_gid == gid) return {};
  return fs::set_owner_at(parent, name, uid, gid);
}

// To the user of the container's program.
Result<> give_away_to(const oci::RuntimeConfig& config, const std::string& path) {
  const auto uid = id_outside(config.uid_mappings, config.process.uid);
  const auto gid = id_outside(config.gid_mappings, config.process.gid);
  if (!uid || !gid)
    return fail(ErrorKind::unsupported, "the container has no user {}:{}", config.process.uid,
                config.process.gid);
  return give_away(path, *uid, *gid);
}

}  // namespace

std::vector<MountSpec> all_mounts(const ContainerRequest& request, const oci::ImageConfig& image) {
  std::vector<MountSpec> specs = request.mounts;
  const auto is_taken = [&](const std::string& place) {
    return std::ranges::any_of(
        specs, [&](const MountSpec& spec) { return clean(spec.destination) == clean(place); });
  };
  if (request.image_volumes != ImageVolumes::ignored) {
    for (const std::string& place : image.volumes) {
      if (!is_place(place)) {
        log::warning("the image's volume '{}' is no place for one", printable(place, 200));
        continue;
      }
      if (is_taken(place)) continue;
      MountSpec spec{
          .type = MountSpec::Type::volume, .source = "", .destination = place, .options = {"bind"}};
      if (request.image_volumes == ImageVolumes::in_memory) {
        spec.type = MountSpec::Type::tmpfs;
        spec.options = {"nosuid", "nodev", "mode=0755"};
      }
      specs.push_back(std::move(spec));
    }
  }
  if (boots_systemd(request, image)) {
    for (MountSpec& spec : systemd_mounts())
      if (!is_taken(spec.destination)) specs.push_back(std::move(spec));
  }
  // A read-only root still has the places that programs must write to, as podman has it.
  for (const char* place : {"/run", "/tmp", "/var/tmp"}) {
    if (!request.read_only || !request.read_only_tmpfs || is_taken(place)) continue;
    specs.push_back(
        {.type = MountSpec::Type::tmpfs,
         .source = "",
         .destination = place,
         .options = {"nosuid", "nodev", std::string(place) == "/run" ? "mode=0755" : "mode=1777"}});
  }
  std::ranges::stable_sort(specs, {}, depth);
  return specs;
}

Result<ContainerMounts> ContainerMounts::open(build::Workshop& workshop, std::string container) {
  build::Volumes volumes = TRY(build::Volumes::open(workshop.store()));
  ContainerMounts mounts(workshop, std::move(volumes), std::move(container));
  if (!mounts.m_container.empty()) mounts.m_attached = TRY(mounts.m_volumes.attached(mounts.m_container));
  return mounts;
}

ContainerMounts::ContainerMounts(build::Workshop& workshop, build::Volumes volumes, std::string container)
    : m_workshop(&workshop), m_volumes(std::move(volumes)), m_container(std::move(container)) {}

ContainerMounts::~ContainerMounts() {
  m_parts.clear();
  for (const std::string& path : m_part_places)
    if (::rmdir(path.c_str()) != 0) (void)::unlink(path.c_str());
  if (m_passing.empty()) return;
  const auto temporary = m_workshop->store().temporary();
  for (const std::string& name : m_passing) {
    const Result<> removed =
        temporary ? fs::remove_tree(*temporary, name) : Result<>(std::unexpected(temporary.error()));
    if (!removed)
      log::warning("cannot remove a volume that is not needed any more: {}", removed.error().message());
  }
}

Result<> ContainerMounts::add(oci::RuntimeConfig& config, const ContainerRequest& request,
                              const oci::ImageConfig& image, const Fd& rootfs) {
  if (std::ranges::any_of(request.mounts, &MountSpec::relabels))
    log::warning("labels of SELinux are not set: 'z' and 'Z' of a mount do nothing");
  for (const MountSpec& spec : all_mounts(request, image)) {
    oci::RuntimeMount mount{
        .destination = spec.destination, .type = "bind", .source = "", .options = spec.options};
    if (spec.type == MountSpec::Type::tmpfs) {
      mount.type = "tmpfs";
      mount.source = "tmpfs";
    } else {
      mount.source = TRY(source_of(spec, rootfs));
    }
    if (spec.gives_away)
      TRY_WHILE(give_away_to(config, mount.source), "giving '{}' away",
                printable(spec.source.empty() ? spec.destination : spec.source));
    // The user's mount takes the place of a default one (/dev/shm, for instance).
    std::erase_if(config.mounts,
                  [&spec](const oci::RuntimeMount& one) { return one.destination == spec.destination; });
    config.mounts.push_back(std::move(mount));
  }
  return {};
}

Result<std::string> ContainerMounts::source_of(const MountSpec& spec, const Fd& rootfs) {
  if (spec.type == MountSpec::Type::volume) return volume_source(spec, rootfs);
  if (spec.type == MountSpec::Type::image) return image_source(spec);
  std::string path = TRY(absolute_path(spec.source));
  const auto there = posix::open(path, O_PATH);
  if (there) return path;
  return std::unexpected(
      Error(there.error()).context("looking for what shall be mounted on " + printable(spec.destination)));
}

Result<std::string> ContainerMounts::volume_source(const MountSpec& spec, const Fd& rootfs) {
  if (spec.source.empty() && m_container.empty())
    return TRY_WHILE(passing_volume(spec, rootfs), "making a volume for '{}'", printable(spec.destination));
  std::string name = spec.source;
  if (name.empty()) {
    name =
        TRY_WHILE(nameless_volume(spec.destination), "making a volume for '{}'", printable(spec.destination));
  } else {
    while (!TRY(m_volumes.hold(name))) {
      const auto made = m_volumes.create({.name = name, .created = ::time(nullptr)});
      if (made) break;
      // Somebody else was faster: then that one's is the volume.
      if (made.error().kind() != ErrorKind::conflict)
        return std::unexpected(Error(made.error()).context(fmt::format("making the volume '{}'", name)));
    }
    if (!m_container.empty()) TRY(m_volumes.attach(m_container, spec.destination, name));
  }
  if (!spec.subpath.empty())
    return TRY_WHILE(part_of(m_volumes.path(name), spec.subpath), "looking into the volume '{}'", name);
  if (spec.copies)
    TRY_WHILE(m_volumes.fill(name, rootfs, spec.destination, nullptr), "filling the volume '{}'", name);
  return m_volumes.path(name);
}

// Among what goes with this process, however that ends.
Result<std::string> ContainerMounts::passing_volume(const MountSpec& spec, const Fd& rootfs) {
  const Fd temporary = TRY(m_workshop->store().temporary());
  const std::string name = "volume-" + Store::unique_name();
  TRY(posix::mkdir_at(temporary, name, 0700));
  m_passing.push_back(name);
  const Fd volume = TRY(posix::open_at(temporary, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(posix::mkdir_at(volume, "data", 0755));
  TRY(posix::chmod_at(volume, "data", 0755));
  if (spec.copies) TRY(build::copy_up(volume, "data", rootfs, spec.destination));
  return m_workshop->store().temporary_path() + "/" + name + "/data";
}

Result<std::string> ContainerMounts::nameless_volume(const std::string& place) {
  const auto known = m_attached.find(place);
  if (known != m_attached.end() && TRY(m_volumes.hold(known->second))) return known->second;
  std::string name = build::new_volume_name();
  TRY(m_volumes.create({.name = name, .created = ::time(nullptr), .labels = {}, .anonymous = true}));
  TRY(m_volumes.attach(m_container, place, name));
  return name;
}

Result<std::string> ContainerMounts::image_source(const MountSpec& spec) {
  const oci::ImageRecord record = TRY(find_image(m_workshop->images(), spec.source, std::nullopt));
  const oci::Image image = TRY(m_workshop->images().load(record.manifest));
  const std::vector<fs::Layer> layers =
      TRY_WHILE(m_workshop->unpack(image, nullptr), "unpacking {}", printable(spec.source));
  const auto last =
      std::ranges::find_if(spec.options.rbegin(), spec.options.rend(),
                           [](const std::string& option) { return option == "ro" || option == "rw"; });
  const bool writable = last != spec.options.rend() && *last == "rw";
  m_images.push_back(TRY(build::mount_layers(*m_workshop, layers,
                                             writable ? build::Access::writable : build::Access::read_only)));
  const std::string path = m_images.back().tree->path();
  if (spec.subpath.empty()) return path;
  return TRY_WHILE(part_of(path, spec.subpath), "looking into '{}'", printable(spec.source));
}

// Mounted by its descriptor: whoever can write there must not be able to put a symlink in its place.
Result<std::string> ContainerMounts::part_of(const std::string& directory, const std::string& subpath) {
  const Fd root = TRY(posix::open(directory, O_PATH | O_DIRECTORY));
  const auto part = posix::open_in_root(root, subpath, O_PATH);
  if (!part) {
    return fail(part.error().kind(), "there is no '{}' in it", printable(subpath));
  }
  const std::string name = "part-" + Store::unique_name();
  const Fd temporary = TRY(m_workshop->store().temporary());
  if (S_ISDIR(TRY(posix::stat_fd(*part)).st_mode)) {
    TRY(posix::mkdir_at(temporary, name, 0700));
  } else {
    TRY(posix::open_at(temporary, name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  }
  std::string path = m_workshop->store().temporary_path() + "/" + name;
  if (::mount(posix::fd_path(*part).c_str(), path.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
    return fail_errno("cannot mount '{}'", printable(subpath));
  m_parts.emplace_back(path);
  m_part_places.push_back(path);
  return path;
}

}  // namespace ecrin::cli
