// What -v, --mount and --tmpfs say. Pure: nothing is looked at on disk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::cli {

struct MountSpec {
  enum class Type { bind, volume, tmpfs };
  Type type = Type::bind;
  std::string source;       // bind: host path as typed; volume: its name, "" = a new one that is thrown away
  std::string destination;  // absolute
  std::vector<std::string> options;  // in mount(8)'s words, complete: "rbind", "ro", "size=64m", ...
  bool operator==(const MountSpec&) const = default;
};

/// -v SOURCE:DESTINATION[:OPTIONS] or DESTINATION. A source with a slash in front or "." is a host path, else
/// a volume.
Result<MountSpec> parse_volume(std::string_view text);
/// --mount type=bind|volume|tmpfs,source=...,destination=...[,readonly]...
Result<MountSpec> parse_mount(std::string_view text);
/// --tmpfs DESTINATION[:OPTIONS]
Result<MountSpec> parse_tmpfs(std::string_view text);

/// --device HOST[:DESTINATION][:PERMISSIONS]: the host's node, or a directory of nodes.
Result<MountSpec> parse_device(std::string_view text);

}  // namespace ecrin::cli
