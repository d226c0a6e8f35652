// The options of one mount, sorted by who understands them: the mount itself, its propagation, the runtime,
// or the file system.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "run/plan/setup_op.hpp"

namespace ecrin::run {

enum class IdMapped { no, one, recursive };

struct MountOptions {
  AttributeChange attributes;              // "ro", "exec": of the mount itself
  AttributeChange recursive_attributes;    // "rro", "rexec": also of all mounts below it
  std::vector<std::uint64_t> propagation;  // MS_PRIVATE and so on, with MS_REC where recursive; in order
  bool bind = false;                       // "bind", "rbind"
  bool recursive_bind = false;             // "rbind"
  bool remount = false;
  bool copy_up = false;                  // "tmpcopyup"
  IdMapped id_mapped = IdMapped::no;     // "idmap", "ridmap"
  std::vector<std::string> super_block;  // "sync", "lazytime": any file system, as a whole
  std::vector<std::string> file_system;  // all others, in order
  bool operator==(const MountOptions&) const = default;
};

/// As mount(8) and the runtime-spec's config.md name them. Nothing is refused here: what is not an option of
/// the mount is left to the file system, which knows its own.
MountOptions parse_mount_options(std::span<const std::string> options);

/// "rslave" to MS_SLAVE | MS_REC; also the words of linux.rootfsPropagation.
std::optional<std::uint64_t> parse_propagation(std::string_view word);

}  // namespace ecrin::run
