// What -v, --mount and --tmpfs say. Pure: nothing is looked at on disk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::cli {

struct MountSpec {
  enum class Type { bind, volume, tmpfs, image };
  Type type = Type::bind;
  std::string source;       // bind: host path as typed; volume: its name, "" = a new one; image: its name
  std::string destination;  // absolute
  std::vector<std::string> options;  // in mount(8)'s words, complete: "rbind", "ro", "size=64m", ...
  std::string subpath;               // volume, image: only this part of it
  bool copies = true;                // volume: an empty one gets what the image has at the destination
  bool gives_away = false;           // U: the source becomes the property of the container's user
  bool relabels = false;             // z, Z: labels of SELinux
  bool operator==(const MountSpec&) const = default;
};

/// -v SOURCE:DESTINATION[:OPTIONS] or DESTINATION. A source with a slash in front or "." is a host path, else
/// a volume.
Result<MountSpec> parse_volume(std::string_view text);
/// --mount type=bind|volume|tmpfs|image,source=...,destination=...[,readonly]...
Result<MountSpec> parse_mount(std::string_view text);
/// --tmpfs DESTINATION[:OPTIONS]
Result<MountSpec> parse_tmpfs(std::string_view text);

/// --device HOST[:DESTINATION][:PERMISSIONS]: the host's node, or a directory of nodes.
Result<MountSpec> parse_device(std::string_view text);

}  // namespace ecrin::cli
