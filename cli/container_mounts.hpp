// ContainerMounts: what -v, --mount, --tmpfs and the VOLUMEs of an image put into a container.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "build/volumes.hpp"
#include "build/workshop.hpp"
#include "cli/container_request.hpp"
#include "fs/mount.hpp"

namespace ecrin::cli {

/// Those that were asked for, those that the image wants, and those that a read-only root has; what is
/// mounted on another one comes after it.
std::vector<MountSpec> all_mounts(const ContainerRequest& request, const oci::ImageConfig& image);

class ContainerMounts {
public:
  /// `container`: its ID, by which it gets the same nameless volumes again; "" = one without a record, whose
  /// nameless volumes go with this object.
  static Result<ContainerMounts> open(build::Workshop& workshop, std::string container);
  ContainerMounts(ContainerMounts&&) noexcept = default;
  ContainerMounts& operator=(ContainerMounts&&) = delete;
  ~ContainerMounts();

  /// Puts them into `config`, in place of default mounts at the same destinations. The process's user in it
  /// is known. What must live as long as the container (mounted images, parts of volumes) lives here.
  Result<> add(oci::RuntimeConfig& config, const ContainerRequest& request, const oci::ImageConfig& image,
               const Fd& rootfs);

private:
  ContainerMounts(build::Workshop& workshop, build::Volumes volumes, std::string container);
  Result<std::string> source_of(const MountSpec& spec, const Fd& rootfs);
  Result<std::string> volume_source(const MountSpec& spec, const Fd& rootfs);
  Result<std::string> passing_volume(const MountSpec& spec, const Fd& rootfs);
  Result<std::string> nameless_volume(const std::string& place);
  Result<std::string> image_source(const MountSpec& spec);
  Result<std::string> part_of(const std::string& directory, const std::string& subpath);
  build::Workshop* m_workshop;
  build::Volumes m_volumes;
  std::string m_container;
  std::map<std::string, std::string> m_attached;  // before: volumes by place
  std::vector<std::string> m_passing;             // trees of volumes that go with this object
  std::vector<build::TreeMount> m_images;
  std::vector<std::string> m_part_places;  // what they are mounted on
  std::vector<fs::Mounted> m_parts;        // before what they are parts of
};

}  // namespace ecrin::cli
