// The values of --filter that choose networks: podman's words with podman's meaning.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/garbage.hpp"
#include "run/network/network_config.hpp"

namespace ecrin::cli {

class NetworkFilter {
public:
  static Result<NetworkFilter> parse(const std::vector<std::string>& values, std::int64_t now);
  /// All filters of different kinds must fit, of one kind any (labels: all).
  bool accepts(const run::NetworkConfig& config) const;

private:
  std::vector<std::string> m_names;  // parts of names
  std::vector<std::string> m_ids;    // beginnings of IDs
  std::vector<std::string> m_drivers;
  std::vector<build::LabelFilter> m_labels;
  std::optional<std::int64_t> m_before;  // created before
};

}  // namespace ecrin::cli
