// Identity maps of a user namespace (user_namespaces(7)) and the ranges a user was given (subuid(5)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::fs {

/// runtime-spec's words: containerID is inside, hostID outside.
struct IdRange {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
  bool operator==(const IdRange&) const = default;
};
using IdMap = std::vector<IdRange>;

/// The lines of /etc/subuid or /etc/subgid (its text) that belong to this user, by name or by number.
Result<std::vector<IdRange>> parse_subid(std::string_view text, const std::string& user_name, uid_t user_id);
/// 0 is the user itself, 1.. are the ranges one after the other.
IdMap map_with_ranges(std::uint32_t own_id, const std::vector<IdRange>& ranges);
/// The text of /proc/PID/uid_map, and back.
Result<IdMap> parse_id_map(std::string_view text);
std::string format_id_map(const IdMap& map);
/// How many ids from 0 on are mapped without a gap.
std::uint64_t contiguous_ids(const IdMap& map);

}  // namespace ecrin::fs
