// The values of --filter that choose containers: podman's words with podman's meaning.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/image_needs.hpp"
#include "run/monitor/container_record.hpp"

namespace ecrin::cli {

class ContainerFilter {
public:
  static Result<ContainerFilter> parse(const std::vector<std::string>& values, std::int64_t now);
  /// Filters of one kind: any must fit (labels: all); of different kinds: all. `all`: the containers that
  /// before= and since= may name.
  Result<bool> accepts(const run::StoredContainer& record,
                       const std::vector<run::StoredContainer>& all) const;
  /// Do they ask for states themselves? Then those that do not run are looked at, too.
  bool asks_for_state() const { return !m_states.empty() || !m_exit_codes.empty(); }

private:
  std::vector<std::string> m_ids;    // prefixes
  std::vector<std::string> m_names;  // regular expressions
  std::vector<build::LabelFilter> m_labels;
  std::vector<std::string> m_states;
  std::vector<std::string> m_health;
  std::vector<std::string> m_ancestors;
  std::vector<std::string> m_volumes;
  std::vector<std::string> m_networks;
  std::vector<std::string> m_restart_policies;
  std::vector<int> m_exit_codes;
  std::vector<std::string> m_before, m_since;  // names or IDs
  std::optional<std::int64_t> m_until;         // made before; seconds
};

}  // namespace ecrin::cli
