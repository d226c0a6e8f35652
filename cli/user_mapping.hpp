// Who is who in a container: --userns, and the maps of a user namespace in which the user who started ecrin
// has a number of its own instead of being root.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "oci/runtime_config.hpp"
#include "run/user_namespace.hpp"

namespace ecrin::cli {

struct UserMapping {
  bool keeps = false;                     // keep-id; else the user is root
  std::optional<std::uint32_t> uid, gid;  // what to be inside; none: the same as outside
  bool operator==(const UserMapping&) const = default;
};
Flag user_mapping_flag();
/// --userns: host, keep-id, keep-id:uid=N,gid=N.
Result<UserMapping> parse_user_mapping(const std::string& text);

/// The ids of a user namespace in ours: `own` is the user, who is 0 in ours; whoever has that number in ours
/// is 0. `ids`: how many there are in ours.
std::vector<oci::IdMapping> exchanged_ids(std::uint64_t ids, std::uint32_t own);

/// Gives the container a user namespace in which the user has these numbers; none when they are root's.
void keep_user(oci::RuntimeConfig& config, const run::Identity& identity, std::uint32_t uid,
               std::uint32_t gid);

/// The id in our user namespace of one in the container's; none: nobody is there under this number.
std::optional<std::uint32_t> id_outside(const std::vector<oci::IdMapping>& mappings, std::uint32_t id);

}  // namespace ecrin::cli
