#include "build/cache_mount.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"
#include "build/image_state.hpp"

namespace ecrin::build {

std::string mount_target(const oci::ImageConfig& before, const std::string& written) {
  std::string target = absolute_path(before, written);
  if (target.size() > 1 && target.ends_with('/')) target.pop_back();
  return target;
}

std::string cache_mount_id(const oci::ImageConfig& before, const recipes::Mount& mount) {
  std::string id = mount.id.empty() ? mount_target(before, mount.target) : mount.id;
  const mode_t mode = mount.mode ? mount.mode : k_cache_mode;
  // What belongs to another user is another cache, as docker has it: that one could not write into this one.
  if (mount.uid != 0 || mount.gid != 0 || mode != k_cache_mode)
    id += fmt::format(" of {}:{}, mode {:o}", mount.uid, mount.gid, mode);
  return id;
}

std::string cache_directory(const std::string& id) {
  return "cache/" + sha256_hex(id).substr(0, 32);
}

std::string waiting_for_cache(const std::string& id) {
  return fmt::format("waiting for the cache '{}': another step has it to itself", printable(id));
}

}  // namespace ecrin::build
