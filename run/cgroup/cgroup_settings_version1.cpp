#include "base/text.hpp"
#include "run/cgroup/cgroup_settings_common.hpp"

namespace ecrin::run {
namespace {

using Settings = std::vector<CgroupSetting>;

constexpr std::uint64_t k_least_shares = 2;
constexpr std::uint64_t k_most_shares = 262'144;
constexpr std::uint64_t k_most_swappiness = 100;

Result<> add_memory(Settings& settings, const oci::MemoryResources& memory) {
  const auto limit = asked(memory.limit);
  const auto swap = asked(memory.swap);
  if (limit) settings.push_back({"memory.limit", "memory", "memory.limit_in_bytes", std::to_string(*limit)});
  if (swap && *swap > 0 && limit && *swap < *limit)
    return fail(ErrorKind::invalid, "the limit of memory and swap together is below the one of memory");
  if (swap)
    settings.push_back(
        {"memory.swap", "memory", "memory.memsw.limit_in_bytes", std::to_string(*swap), *swap < 0});
  else if (limit && *limit < 0)
    settings.push_back({"memory.limit", "memory", "memory.memsw.limit_in_bytes", "-1", true});
  if (const auto low = asked(memory.reservation))
    settings.push_back({"memory.reservation", "memory", "memory.soft_limit_in_bytes", std::to_string(*low)});
  if (memory.swappiness) {
    if (*memory.swappiness > k_most_swappiness)
      return fail(ErrorKind::invalid, "linux.resources.memory.swappiness is {}: it is 0 to {}",
                  *memory.swappiness, k_most_swappiness);
    settings.push_back(
        {"memory.swappiness", "memory", "memory.swappiness", std::to_string(*memory.swappiness)});
  }
  if (memory.disable_oom_killer)
    settings.push_back({"memory.disableOOMKiller", "memory", "memory.oom_control", "1"});
  return {};
}

Result<> add_cpu(Settings& settings, const oci::CpuResources& cpu) {
  const auto add = [&](const char* property, const char* file, const auto& value) {
    if (value) settings.push_back({property, "cpu", file, std::to_string(*value)});
  };
  add("cpu.realtimePeriod", "cpu.rt_period_us", asked(cpu.realtime_period));
  add("cpu.realtimeRuntime", "cpu.rt_runtime_us", asked(cpu.realtime_runtime));
  const auto shares = asked(cpu.shares);
  if (shares && (*shares < k_least_shares || *shares > k_most_shares))
    return fail(ErrorKind::invalid, "linux.resources.cpu.shares is {}: it is {} to {}", *shares,
                k_least_shares, k_most_shares);
  add("cpu.shares", "cpu.shares", shares);
  add("cpu.period", "cpu.cfs_period_us", asked(cpu.period));
  add("cpu.quota", "cpu.cfs_quota_us", asked(cpu.quota));
  add("cpu.burst", "cpu.cfs_burst_us", cpu.burst);
  add("cpu.idle", "cpu.idle", cpu.idle);
  if (!cpu.cpus.empty()) settings.push_back({"cpu.cpus", "cpuset", "cpuset.cpus", cpu.cpus});
  if (!cpu.mems.empty()) settings.push_back({"cpu.mems", "cpuset", "cpuset.mems", cpu.mems});
  return {};
}

// `other`: the same file of a kernel whose weights are those of the scheduler BFQ.
void add_values(Settings& settings, const std::vector<oci::BlockDeviceValue>& values,
                std::string_view property, const std::string& file, const std::string& other = {}) {
  for (const oci::BlockDeviceValue& device : values) {
    const std::string value = fmt::format("{}:{} {}", device.major, device.minor, device.value);
    settings.push_back({fmt::format("blockIO.{}", property), "blkio", file, value, false, other,
                        other.empty() ? std::string() : value});
  }
}

Result<> add_block_io(Settings& settings, const oci::BlockIoResources& block_io) {
  TRY(check_weights(block_io));
  if (const auto weight = asked(block_io.weight))
    settings.push_back({"blockIO.weight", "blkio", "blkio.weight", std::to_string(*weight), false,
                        "blkio.bfq.weight", std::to_string(*weight)});
  if (const auto weight = asked(block_io.leaf_weight))
    settings.push_back({"blockIO.leafWeight", "blkio", "blkio.leaf_weight", std::to_string(*weight)});
  add_values(settings, block_io.weight_devices, "weightDevice", "blkio.weight_device",
             "blkio.bfq.weight_device");
  add_values(settings, block_io.leaf_weight_devices, "weightDevice.leafWeight", "blkio.leaf_weight_device");
  add_values(settings, block_io.read_bytes, "throttleReadBpsDevice", "blkio.throttle.read_bps_device");
  add_values(settings, block_io.write_bytes, "throttleWriteBpsDevice", "blkio.throttle.write_bps_device");
  add_values(settings, block_io.read_operations, "throttleReadIOPSDevice", "blkio.throttle.read_iops_device");
  add_values(settings, block_io.write_operations, "throttleWriteIOPSDevice",
             "blkio.throttle.write_iops_device");
  return {};
}

void add_network(Settings& settings, const oci::NetworkResources& network) {
  if (const auto id = asked(network.class_id))
    settings.push_back({"network.classID", "net_cls", "net_cls.classid", std::to_string(*id)});
  for (const auto& [interface, priority] : network.priorities)
    settings.push_back(
        {"network.priorities", "net_prio", "net_prio.ifpriomap", fmt::format("{} {}", interface, priority)});
}

}  // namespace

Result<std::vector<CgroupSetting>> cgroup_settings_version1(const oci::Resources& resources) {
  Settings settings;
  TRY(add_memory(settings, resources.memory));
  TRY(add_cpu(settings, resources.cpu));
  add_pids(settings, resources);
  TRY(add_block_io(settings, resources.block_io));
  TRY(add_hugepages(settings, resources, "limit_in_bytes"));
  add_network(settings, resources.network);
  add_rdma(settings, resources);
  if (!resources.unified.empty())
    return fail(ErrorKind::unsupported,
                "linux.resources.unified cannot be had in cgroup version 1: '{}' is a file of version 2",
                printable(resources.unified.begin()->first, 200));
  return settings;
}

}  // namespace ecrin::run
