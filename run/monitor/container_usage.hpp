// What a container uses, as `ecrin stats` shows it: its cgroup says, and where it has none of its own, or one
// without the controller, its processes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "run/cgroup/cgroup_container.hpp"
#include "run/monitor/process_list.hpp"

namespace ecrin::run {

/// What cannot be known is left out.
struct ContainerUsage {
  std::int64_t at = 0;       // when this was so; nanoseconds since 1970
  std::int64_t started = 0;  // the container; the same
  Count cpu;                 // nanoseconds of processor time
  Count memory;              // bytes, without pages of files that nobody uses
  Count memory_limit;        // all of the host's, where there is none
  Count processes;           // and threads, where a cgroup counts them
  Count received, sent;      // bytes of its network
  Count read, written;       // bytes of block devices
  bool operator==(const ContainerUsage&) const = default;
};

/// The parts of it that a cgroup and the list of processes say. Pure.
ContainerUsage usage_of(const CgroupStatistics& statistics, const std::vector<ProcessEntry>& processes,
                        std::uint64_t memory_of_host);
/// Does a cgroup say all that processes could?
bool is_complete(const CgroupStatistics& statistics);

struct NetworkTraffic {
  std::uint64_t received = 0, sent = 0;  // bytes
};
/// Of all interfaces but the loopback one, out of /proc/PID/net/dev. Pure.
NetworkTraffic parse_network_devices(std::string_view text);

/// Now. `cgroup`: nullptr when it has none. For who may look into the process.
Result<ContainerUsage> read_usage(pid_t first, const ContainerCgroup* cgroup);

/// To a packet and back.
Json to_json(const ContainerUsage& usage);
Result<ContainerUsage> parse_usage(const Json& json);

}  // namespace ecrin::run
