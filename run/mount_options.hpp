// The options of one mount, sorted by who understands them: the mount itself, its propagation, or the file
// system.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace ecrin::run {

struct MountOptions {
  std::uint64_t attributes = 0;   // MOUNT_ATTR_* to set; "rw", "exec" and the like take earlier ones back
  std::uint64_t propagation = 0;  // MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE; 0: not named
  bool bind = false;
  bool recursive = false;                // "rbind", "rro", "rprivate" ...
  std::vector<std::string> file_system;  // all others, in order
  bool operator==(const MountOptions&) const = default;
};

/// As mount(8) and the runtime-spec's config.md name them. Nothing is refused here: what is not an option of
/// the mount is left to the file system, which knows its own.
MountOptions parse_mount_options(std::span<const std::string> options);

}  // namespace ecrin::run
