// What a cgroup's processes have used, read from its files (version 1 and 2). What the kernel does not count
// there is left out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "run/cgroup/cgroup_state.hpp"

namespace ecrin::run {

using Count = std::optional<std::uint64_t>;

/// Times in nanoseconds.
struct CpuStatistics {
  Count usage, user, system;
  std::vector<std::uint64_t> usage_by_processor;  // version 1
  Count periods, throttled_periods, throttled;    // with a quota only
};

/// Bytes. A limit that is none is left out.
struct MemoryStatistics {
  Count usage, peak, limit;
  Count swap_usage, swap_limit;  // of swap alone
  Count cache;                   // of `usage`: pages of files
  Count inactive_file;           // of `cache`: what is not used; podman and docker do not count it as used
  Count failures;                // how often the limit was met
  Count out_of_memory_kills;
  std::map<std::string, std::uint64_t> details;  // memory.stat
};

struct BlockDeviceStatistics {
  std::uint64_t major = 0, minor = 0;
  std::uint64_t read_bytes = 0, write_bytes = 0, read_operations = 0, write_operations = 0;
};

struct HugepageStatistics {
  Count usage, peak, failures;
};

struct CgroupStatistics {
  CpuStatistics cpu;
  MemoryStatistics memory;
  Count pids, pids_limit;
  std::vector<BlockDeviceStatistics> block_devices;
  std::map<std::string, HugepageStatistics> hugepages;  // by page size: "2MB"
};

MemoryStatistics read_memory_statistics(const CgroupState& state);
CgroupStatistics read_cgroup_statistics(const CgroupState& state);

/// The "data" of an event of type "stats", as engines read it from `runc events --stats`.
Json statistics_event_data(const CgroupStatistics& statistics);

}  // namespace ecrin::run
