#include "cli/containers/shown_mounts.hpp"

#include "build/volumes.hpp"

namespace ecrin::cli {

Result<std::vector<MountSpec>> shown_mounts(Containers& containers, const run::StoredContainer& record,
                                            const StoredRequest& stored) {
  build::Volumes volumes = TRY(build::Volumes::open(containers.store()));
  auto attached = TRY(volumes.attached(record.id));
  std::vector<MountSpec> mounts = stored.request.mounts;
  for (MountSpec& mount : mounts) {
    const auto volume = attached.extract(mount.destination);
    if (!volume.empty() && mount.type == MountSpec::Type::volume) mount.source = volume.mapped();
  }
  for (const auto& [place, name] : attached) {
    MountSpec& mount = mounts.emplace_back();
    mount.type = MountSpec::Type::volume;
    mount.source = name;
    mount.destination = place;
  }
  return mounts;
}

}  // namespace ecrin::cli
