// FaultyStore: a store whose commands run with a call on files that fails or kills, and are judged
// afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/ecrin.hpp"

namespace ecrin::tests {

/// What tests/faults/fault_point.hpp counts.
struct CallCounts {
  std::uint64_t changes = 0;
  std::uint64_t space = 0;
  std::uint64_t reads = 0;
  std::uint64_t hits = 0;
  std::uint64_t of(const std::string& kind) const {
    return kind == "change" ? changes : kind == "space" ? space : reads;
  }
};

class FaultyStore {
public:
  FaultyStore();
  /// The ordinary program on it.
  Ecrin& ecrin() { return m_ecrin; }
  const Ecrin& ecrin() const { return m_ecrin; }

  /// Runs what `invocation` of the ordinary program is, with the fault ("space:17:ENOSPC"; "" = only
  /// counted).
  Outcome run_with(Invocation invocation, const std::string& fault);
  CallCounts counts() const;
  /// From now on what a power cut could take is written down, and the boot has another ID after each cut.
  void trace_power_cuts();
  /// Leaves what a power cut could leave (tests/support/store_check.py), and the machine starts again.
  void cut_power(bool keeps_names, bool old_database);
  /// From here on all that there is now counts as synced.
  void sync_all();

private:
  void begin_counts() const;
  Ecrin m_ecrin;
  std::string m_counts;
  std::string m_shadow;
  std::string m_boot_id;
  bool m_traces = false;
  int m_boots = 0;
  long long m_synced_at = 0;  // nanoseconds of the clock that files' times come from
};

}  // namespace ecrin::tests
