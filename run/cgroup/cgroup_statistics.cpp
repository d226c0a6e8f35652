#include "run/cgroup/cgroup_statistics.hpp"

#include <fcntl.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_files.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_nanoseconds = 1000;  // in a microsecond
// What version 1 says where there is no limit: the largest number of whole pages.
constexpr std::uint64_t k_no_limit = 0x7FFF'FFFF'FFFF'0000;

using Numbers = std::map<std::string, std::uint64_t>;

Count find(const Numbers& numbers, const std::string& key) {
  const auto found = numbers.find(key);
  return found == numbers.end() ? Count() : Count(found->second);
}

Count scaled(Count count, std::uint64_t factor) {
  return count ? Count(*count * factor) : count;
}

Count limit_of(Count limit) {
  return limit && *limit < k_no_limit ? limit : Count();
}

Count less(Count together, Count part) {
  if (!together || !part) return std::nullopt;
  return *together - std::min(*together, *part);
}

Count sum(Count one, Count other) {
  return one && other ? Count(*one + *other) : Count();
}

CpuStatistics read_cpu(const std::string& directory) {
  const Numbers numbers = read_cgroup_numbers(directory + "/cpu.stat");
  return {.usage = scaled(find(numbers, "usage_usec"), k_nanoseconds),
          .user = scaled(find(numbers, "user_usec"), k_nanoseconds),
          .system = scaled(find(numbers, "system_usec"), k_nanoseconds),
          .usage_by_processor = {},
          .periods = find(numbers, "nr_periods"),
          .throttled_periods = find(numbers, "nr_throttled"),
          .throttled = scaled(find(numbers, "throttled_usec"), k_nanoseconds)};
}

CpuStatistics read_cpu_version1(const std::string& cpu, const std::string& accounting) {
  CpuStatistics statistics;
  if (!accounting.empty()) {
    statistics.usage = read_cgroup_number(accounting + "/cpuacct.usage");
    statistics.user = read_cgroup_number(accounting + "/cpuacct.usage_user");
    statistics.system = read_cgroup_number(accounting + "/cpuacct.usage_sys");
    const std::string text = read_cgroup_file(accounting + "/cpuacct.usage_percpu").value_or("");
    for (const std::string& word : split(trim(text), ' '))
      if (const auto number = parse_unsigned(word)) statistics.usage_by_processor.push_back(*number);
  }
  if (!cpu.empty()) {
    const Numbers numbers = read_cgroup_numbers(cpu + "/cpu.stat");
    statistics.periods = find(numbers, "nr_periods");
    statistics.throttled_periods = find(numbers, "nr_throttled");
    statistics.throttled = find(numbers, "throttled_time");
  }
  return statistics;
}

MemoryStatistics read_memory(const std::string& directory) {
  MemoryStatistics memory;
  memory.details = read_cgroup_numbers(directory + "/memory.stat");
  const Numbers events = read_cgroup_numbers(directory + "/memory.events");
  memory.usage = read_cgroup_number(directory + "/memory.current");
  memory.peak = read_cgroup_number(directory + "/memory.peak");
  memory.limit = read_cgroup_number(directory + "/memory.max");
  memory.swap_usage = read_cgroup_number(directory + "/memory.swap.current");
  memory.swap_limit = read_cgroup_number(directory + "/memory.swap.max");
  memory.cache = find(memory.details, "file");
  memory.inactive_file = find(memory.details, "inactive_file");
  memory.failures = find(events, "max");
  memory.out_of_memory_kills = find(events, "oom_kill");
  return memory;
}

MemoryStatistics read_memory_version1(const std::string& directory) {
  MemoryStatistics memory;
  memory.details = read_cgroup_numbers(directory + "/memory.stat");
  memory.usage = read_cgroup_number(directory + "/memory.usage_in_bytes");
  memory.peak = read_cgroup_number(directory + "/memory.max_usage_in_bytes");
  memory.limit = limit_of(read_cgroup_number(directory + "/memory.limit_in_bytes"));
  // Version 1 counts memory and swap together.
  memory.swap_usage = less(read_cgroup_number(directory + "/memory.memsw.usage_in_bytes"), memory.usage);
  memory.swap_limit =
      less(limit_of(read_cgroup_number(directory + "/memory.memsw.limit_in_bytes")), memory.limit);
  memory.cache = find(memory.details, "cache");
  memory.inactive_file = find(memory.details, "total_inactive_file");
  memory.failures = read_cgroup_number(directory + "/memory.failcnt");
  memory.out_of_memory_kills = find(read_cgroup_numbers(directory + "/memory.oom_control"), "oom_kill");
  return memory;
}

struct Device {
  std::uint64_t major, minor;
};
std::optional<Device> parse_device(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto major = parse_unsigned(text.substr(0, colon));
  const auto minor = parse_unsigned(text.substr(colon + 1));
  if (!major || !minor) return std::nullopt;
  return Device{*major, *minor};
}

BlockDeviceStatistics& device_in(std::vector<BlockDeviceStatistics>& devices, const Device& device) {
  for (BlockDeviceStatistics& known : devices)
    if (known.major == device.major && known.minor == device.minor) return known;
  return devices.emplace_back(BlockDeviceStatistics{.major = device.major, .minor = device.minor});
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"
std::vector<BlockDeviceStatistics> read_block_devices(const std::string& directory) {
  std::vector<BlockDeviceStatistics> devices;
  for (const std::string& line : split(read_cgroup_file(directory + "/io.stat").value_or(""), '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    const auto number = parse_device(words.front());
    if (!number) continue;
    BlockDeviceStatistics& device = device_in(devices, *number);
    for (const std::string& word : words) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) continue;
      const std::string key = word.substr(0, equals);
      const auto value = parse_unsigned(word.substr(equals + 1));
      if (!value) continue;
      if (key == "rbytes") device.read_bytes = *value;
      if (key == "wbytes") device.write_bytes = *value;
      if (key == "rios") device.read_operations = *value;
      if (key == "wios") device.write_operations = *value;
    }
  }
  return devices;
}

// "8:0 Read 1024", once for bytes and once for operations.
void read_block_file(std::vector<BlockDeviceStatistics>& devices, const std::string& path,
                     std::uint64_t BlockDeviceStatistics::*read,
                     std::uint64_t BlockDeviceStatistics::*written) {
  for (const std::string& line : split(read_cgroup_file(path).value_or(""), '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    const auto number = words.size() == 3 ? parse_device(words[0]) : std::nullopt;
    const auto value = number ? parse_unsigned(words[2]) : Result<std::uint64_t>(0);
    if (!number || !value) continue;
    if (words[1] == "Read") device_in(devices, *number).*read = *value;
    if (words[1] == "Write") device_in(devices, *number).*written = *value;
  }
}

std::vector<BlockDeviceStatistics> read_block_devices_version1(const std::string& directory) {
  std::vector<BlockDeviceStatistics> devices;
  for (const char* prefix : {"/blkio.bfq.", "/blkio.throttle."}) {
    read_block_file(devices, directory + prefix + "io_service_bytes_recursive",
                    &BlockDeviceStatistics::read_bytes, &BlockDeviceStatistics::write_bytes);
    read_block_file(devices, directory + prefix + "io_serviced_recursive",
                    &BlockDeviceStatistics::read_operations, &BlockDeviceStatistics::write_operations);
    if (!devices.empty()) break;  // whichever counts
  }
  return devices;
}

// The sizes that this kernel has: "hugetlb.2MB.max" or "hugetlb.2MB.limit_in_bytes".
std::map<std::string, HugepageStatistics> read_hugepages(const std::string& path, int version) {
  std::map<std::string, HugepageStatistics> pages;
  const auto directory = posix::open(path, O_RDONLY | O_DIRECTORY);
  if (!directory) return pages;
  const auto entries = posix::list_directory(*directory);
  if (!entries) return pages;
  const std::string ending = version == 2 ? "max" : "limit_in_bytes";
  for (const auto& entry : *entries) {
    const std::vector<std::string> words = split(entry.name, '.');
    if (words.size() != 3 || words[0] != "hugetlb" || words[2] != ending) continue;
    const std::string prefix = path + "/hugetlb." + words[1];
    HugepageStatistics& page = pages[words[1]];
    if (version == 2) {
      page.usage = read_cgroup_number(prefix + ".current");
      page.failures = find(read_cgroup_numbers(prefix + ".events"), "max");
    } else {
      page.usage = read_cgroup_number(prefix + ".usage_in_bytes");
      page.peak = read_cgroup_number(prefix + ".max_usage_in_bytes");
      page.failures = read_cgroup_number(prefix + ".failcnt");
    }
  }
  return pages;
}

Json memory_entry(Count limit, Count usage, Count peak, Count failures) {
  // No limit is the largest number.
  return {{"limit", limit.value_or(UINT64_MAX)},
          {"usage", usage.value_or(0)},
          {"max", peak.value_or(0)},
          {"failcnt", failures.value_or(0)}};
}

Json block_entries(const std::vector<BlockDeviceStatistics>& devices,
                   std::uint64_t BlockDeviceStatistics::*read,
                   std::uint64_t BlockDeviceStatistics::*written) {
  Json entries = Json::array();
  for (const BlockDeviceStatistics& device : devices) {
    entries.push_back(
        {{"major", device.major}, {"minor", device.minor}, {"op", "Read"}, {"value", device.*read}});
    entries.push_back(
        {{"major", device.major}, {"minor", device.minor}, {"op", "Write"}, {"value", device.*written}});
  }
  return entries;
}

}  // namespace

MemoryStatistics read_memory_statistics(const CgroupState& state) {
  const std::string directory = state.version == 0 ? "" : directory_of(state, "memory");
  if (directory.empty()) return {};
  return state.version == 2 ? read_memory(directory) : read_memory_version1(directory);
}

CgroupStatistics read_cgroup_statistics(const CgroupState& state) {
  CgroupStatistics statistics;
  if (state.version == 0) return statistics;
  const bool is_version2 = state.version == 2;
  const auto directory = [&](std::string_view controller) { return directory_of(state, controller); };
  statistics.cpu =
      is_version2 ? read_cpu(directory("cpu")) : read_cpu_version1(directory("cpu"), directory("cpuacct"));
  statistics.memory = read_memory_statistics(state);
  if (const std::string pids = directory("pids"); !pids.empty()) {
    statistics.pids = read_cgroup_number(pids + "/pids.current");
    statistics.pids_limit = read_cgroup_number(pids + "/pids.max");
  }
  if (!statistics.pids)  // without the controller: processes, not their threads
    if (const auto processes = cgroup_processes(state.directories.front().path))
      statistics.pids = processes->size();
  if (const std::string io = directory(is_version2 ? "io" : "blkio"); !io.empty())
    statistics.block_devices = is_version2 ? read_block_devices(io) : read_block_devices_version1(io);
  if (const std::string pages = directory("hugetlb"); !pages.empty())
    statistics.hugepages = read_hugepages(pages, state.version);
  return statistics;
}

Json statistics_event_data(const CgroupStatistics& statistics) {
  const CpuStatistics& cpu = statistics.cpu;
  const MemoryStatistics& memory = statistics.memory;
  Json usage = {
      {"total", cpu.usage.value_or(0)}, {"kernel", cpu.system.value_or(0)}, {"user", cpu.user.value_or(0)}};
  if (!cpu.usage_by_processor.empty()) usage["percpu"] = cpu.usage_by_processor;
  Json hugepages = Json::object();
  for (const auto& [size, page] : statistics.hugepages)
    hugepages[size] = {{"usage", page.usage.value_or(0)},
                       {"max", page.peak.value_or(0)},
                       {"failcnt", page.failures.value_or(0)}};
  Json pids = {{"current", statistics.pids.value_or(0)}};
  if (statistics.pids_limit) pids["limit"] = *statistics.pids_limit;
  return {{"cpu",
           {{"usage", usage},
            {"throttling",
             {{"periods", cpu.periods.value_or(0)},
              {"throttledPeriods", cpu.throttled_periods.value_or(0)},
              {"throttledTime", cpu.throttled.value_or(0)}}}}},
          {"memory",
           {{"cache", memory.cache.value_or(0)},
            {"usage", memory_entry(memory.limit, memory.usage, memory.peak, memory.failures)},
            // Engines expect what version 1 counts.
            {"swap", memory_entry(sum(memory.limit, memory.swap_limit), sum(memory.usage, memory.swap_usage),
                                  {}, {})},
            {"raw", memory.details}}},
          {"pids", pids},
          {"blkio",
           {{"ioServiceBytesRecursive",
             block_entries(statistics.block_devices, &BlockDeviceStatistics::read_bytes,
                           &BlockDeviceStatistics::write_bytes)},
            {"ioServicedRecursive",
             block_entries(statistics.block_devices, &BlockDeviceStatistics::read_operations,
                           &BlockDeviceStatistics::write_operations)}}},
          {"hugetlb", hugepages}};
}

}  // namespace ecrin::run
