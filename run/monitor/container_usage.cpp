#include "run/monitor/container_usage.hpp"

#include <sys/stat.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_files.hpp"
#include "run/monitor/container_record.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_what = "what a container uses";
constexpr std::uint64_t k_nanoseconds = 1'000'000;  // in a millisecond
constexpr std::uint64_t k_file_limit = 1u << 20;

struct Member {
  const char* key;
  Count ContainerUsage::*value;
};
constexpr std::array<Member, 8> k_members = {{{"cpu", &ContainerUsage::cpu},
                                              {"memory", &ContainerUsage::memory},
                                              {"memoryLimit", &ContainerUsage::memory_limit},
                                              {"processes", &ContainerUsage::processes},
                                              {"received", &ContainerUsage::received},
                                              {"sent", &ContainerUsage::sent},
                                              {"read", &ContainerUsage::read},
                                              {"written", &ContainerUsage::written}}};

std::uint64_t memory_of_host() {
  struct sysinfo info {};
  return ::sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
}

bool is_own_network(pid_t pid) {
  struct stat ours {};
  struct stat theirs {};
  return ::stat("/proc/self/ns/net", &ours) == 0 &&
         ::stat(fmt::format("/proc/{}/ns/net", pid).c_str(), &theirs) == 0 &&
         (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev);
}

}  // namespace

bool is_complete(const CgroupStatistics& statistics) {
  return statistics.cpu.usage && statistics.memory.usage && statistics.pids;
}

ContainerUsage usage_of(const CgroupStatistics& statistics, const std::vector<ProcessEntry>& processes,
                        std::uint64_t memory_of_host) {
  ContainerUsage usage;
  std::uint64_t cpu = 0;
  std::uint64_t resident = 0;
  for (const ProcessEntry& process : processes) {
    cpu += (process.cpu + process.children_cpu) * k_nanoseconds;
    resident += process.resident;
  }
  const MemoryStatistics& memory = statistics.memory;
  usage.cpu = statistics.cpu.usage.value_or(cpu);
  usage.memory = resident;
  if (memory.usage) usage.memory = *memory.usage - std::min(*memory.usage, memory.inactive_file.value_or(0));
  usage.memory_limit = memory.limit;
  if (memory_of_host > 0) usage.memory_limit = std::min(memory.limit.value_or(UINT64_MAX), memory_of_host);
  usage.processes = statistics.pids.value_or(processes.size());
  for (const BlockDeviceStatistics& device : statistics.block_devices) {
    usage.read = usage.read.value_or(0) + device.read_bytes;
    usage.written = usage.written.value_or(0) + device.write_bytes;
  }
  return usage;
}

NetworkTraffic parse_network_devices(std::string_view text) {
  NetworkTraffic traffic;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || trim(std::string_view(line).substr(0, colon)) == "lo") continue;
    std::vector<std::string> fields = split(std::string_view(line).substr(colon + 1), ' ');
    std::erase(fields, "");
    constexpr std::size_t k_sent = 8;  // after the eight of what was received
    if (fields.size() <= k_sent) continue;
    traffic.received += parse_unsigned(fields[0]).value_or(0);
    traffic.sent += parse_unsigned(fields[k_sent]).value_or(0);
  }
  return traffic;
}

Result<ContainerUsage> read_usage(pid_t first, const ContainerCgroup* cgroup) {
  CgroupStatistics statistics;
  if (cgroup) statistics = cgroup->statistics();
  std::vector<ProcessEntry> processes;
  if (!is_complete(statistics)) processes = TRY(list_processes(first));
  ContainerUsage usage = usage_of(statistics, processes, memory_of_host());
  // The file names devices that were used only.
  if (cgroup && has_cgroup_file(cgroup->directory() + "/io.stat")) {
    usage.read = usage.read.value_or(0);
    usage.written = usage.written.value_or(0);
  }
  usage.at = nanoseconds_now();
  if (is_own_network(first)) {
    const auto text = posix::read_file(fmt::format("/proc/{}/net/dev", first), k_file_limit);
    if (text) {
      const NetworkTraffic traffic = parse_network_devices(*text);
      usage.received = traffic.received;
      usage.sent = traffic.sent;
    }
  }
  return usage;
}

Json to_json(const ContainerUsage& usage) {
  Json json = {{"at", usage.at}, {"started", usage.started}};
  for (const Member& member : k_members)
    if (const Count value = usage.*member.value) json[member.key] = *value;
  return json;
}

Result<ContainerUsage> parse_usage(const Json& json) {
  ContainerUsage usage;
  usage.at = TRY(json_integer(json, "at", k_what)).value_or(0);
  usage.started = TRY(json_integer(json, "started", k_what)).value_or(0);
  for (const Member& member : k_members) usage.*member.value = TRY(json_unsigned(json, member.key, k_what));
  return usage;
}

}  // namespace ecrin::run
