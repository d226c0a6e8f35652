// Cache mounts of RUN steps: what they are called, and where they lie: <store>/cache/<digest of the name>/.
// There "data" is what steps share, "private-N" are for those that want one to themselves, "*.lock" the
// locks.
#pragma once

#include <string>

#include "build/workshop.hpp"
#include "oci/image_config.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::build {

inline constexpr const char* k_cache_data = "data";
inline constexpr const char* k_cache_data_lock = "data.lock";
inline constexpr mode_t k_cache_mode = 0755;

/// What is mounted there for a container with this config.
std::string mount_target(const oci::ImageConfig& before, const std::string& written);
/// The name that the recipe gives it, else the place where it is mounted; one of another owner is another
/// one.
std::string cache_mount_id(const oci::ImageConfig& before, const recipes::Mount& mount);
/// Its directory, below that of the store. The id is never part of a path.
std::string cache_directory(const std::string& id);
/// For people, while the lock of one is not to be had.
std::string waiting_for_cache(const std::string& id);

}  // namespace ecrin::build
