// --volumes-from: the mounts of another container, for a new one.
#pragma once

#include "cli/container_request.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

/// "NAME[:ro|rw[,z]]"
struct VolumesFrom {
  std::string container;
  std::string options;  // "", "ro", "rw"
  bool operator==(const VolumesFrom&) const = default;
};
Result<VolumesFrom> parse_volumes_from(const std::string& text);

/// A word of another container's request ("--volume=...", "--mount=...") for the new one; none: it is no bind
/// and no volume. `volumes`: names of that container's volumes by place.
Result<std::optional<std::string>> inherited_word(const std::string& word, const std::string& options,
                                                  const std::map<std::string, std::string>& volumes);

/// Adds what request.volumes_from says: mounts, and the words that they are kept as. What the request mounts
/// itself stays.
Result<> inherit_volumes(Session& session, ContainerRequest& request);

}  // namespace ecrin::cli
