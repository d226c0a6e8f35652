#include "run/cgroup/cgroup_settings.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "base/text.hpp"
#include "run/cgroup/cgroup_settings_common.hpp"

namespace ecrin::run {
namespace {

using Settings = std::vector<CgroupSetting>;

constexpr std::uint64_t k_least_shares = 2;
constexpr std::uint64_t k_most_shares = 262'144;
constexpr std::uint64_t k_most_weight = 10'000;

std::string limit_text(std::int64_t limit) {
  return limit < 0 ? "max" : std::to_string(limit);
}

std::unexpected<Error> refuse(std::string_view property, std::string_view reason) {
  return fail(ErrorKind::unsupported, "linux.resources.{} cannot be had in cgroup version 2: {}", property,
              reason);
}

Result<> add_memory(Settings& settings, const oci::MemoryResources& memory) {
  if (memory.swappiness) return refuse("memory.swappiness", "it has no swappiness of a cgroup");
  if (memory.disable_oom_killer)
    return refuse("memory.disableOOMKiller", "there the kernel always kills when no memory is left");
  const auto limit = asked(memory.limit);
  if (const auto swap = asked(memory.swap)) {
    // Version 2 counts swap by itself.
    std::string value = "max";
    if (*swap > 0 && limit && *limit < 0) {
      value = std::to_string(*swap);
    } else if (*swap > 0) {
      if (!limit)
        return fail(ErrorKind::invalid,
                    "linux.resources.memory.swap is of memory and swap together, and needs "
                    "memory.limit beside it");
      if (*swap < *limit)
        return fail(ErrorKind::invalid, "the limit of memory and swap together is below the one of memory");
      value = std::to_string(*swap - *limit);
    }
    // A kernel without swap for cgroups gives all of it or none.
    const bool optional = value == "max" || value == "0";
    settings.push_back({"memory.swap", "memory", "memory.swap.max", value, optional});
  } else if (limit && *limit < 0) {
    settings.push_back({"memory.limit", "memory", "memory.swap.max", "max", true});
  }
  if (limit) settings.push_back({"memory.limit", "memory", "memory.max", limit_text(*limit)});
  if (const auto low = asked(memory.reservation))
    settings.push_back({"memory.reservation", "memory", "memory.low", limit_text(*low)});
  return {};
}

Result<> add_cpu(Settings& settings, const oci::CpuResources& cpu) {
  if (asked(cpu.realtime_runtime)) return refuse("cpu.realtimeRuntime", "it has no real-time groups");
  if (asked(cpu.realtime_period)) return refuse("cpu.realtimePeriod", "it has no real-time groups");
  if (cpu.idle) settings.push_back({"cpu.idle", "cpu", "cpu.idle", std::to_string(*cpu.idle)});
  // Without a period the kernel keeps the one that is set.
  const auto quota = asked(cpu.quota);
  const auto period = asked(cpu.period);
  if (quota || period)
    settings.push_back({quota ? "cpu.quota" : "cpu.period", "cpu", "cpu.max",
                        limit_text(quota.value_or(oci::k_unlimited)) +
                            (period ? " " + std::to_string(*period) : std::string())});
  if (cpu.burst) settings.push_back({"cpu.burst", "cpu", "cpu.max.burst", std::to_string(*cpu.burst)});
  if (const auto shares = asked(cpu.shares); shares && !(cpu.idle && *cpu.idle == 1))
    settings.push_back({"cpu.shares", "cpu", "cpu.weight", std::to_string(cpu_weight(*shares))});
  if (!cpu.cpus.empty()) settings.push_back({"cpu.cpus", "cpuset", "cpuset.cpus", cpu.cpus});
  if (!cpu.mems.empty()) settings.push_back({"cpu.mems", "cpuset", "cpuset.mems", cpu.mems});
  return {};
}

// 10 to 1000 becomes 1 to 10000.
std::uint64_t io_weight(std::uint64_t weight) {
  return 1 + (weight - 10) * 9'999 / 990;
}

void add_rates(Settings& settings, const std::vector<oci::BlockDeviceValue>& rates, std::string_view property,
               std::string_view key) {
  for (const oci::BlockDeviceValue& rate : rates)
    settings.push_back({fmt::format("blockIO.{}", property), "io", "io.max",
                        fmt::format("{}:{} {}={}", rate.major, rate.minor, key,
                                    rate.value == 0 ? "max" : std::to_string(rate.value))});
}

Result<> add_block_io(Settings& settings, const oci::BlockIoResources& block_io) {
  constexpr std::string_view k_no_leaves = "it has no weights of leaves";
  if (block_io.leaf_weight && *block_io.leaf_weight > 0) return refuse("blockIO.leafWeight", k_no_leaves);
  if (!block_io.leaf_weight_devices.empty()) return refuse("blockIO.weightDevice.leafWeight", k_no_leaves);
  TRY(check_weights(block_io));
  if (block_io.weight && *block_io.weight > 0)
    settings.push_back({"blockIO.weight", "io", "io.bfq.weight", std::to_string(*block_io.weight), false,
                        "io.weight", std::to_string(io_weight(*block_io.weight))});
  for (const oci::BlockDeviceValue& device : block_io.weight_devices)
    settings.push_back({"blockIO.weightDevice", "io", "io.bfq.weight",
                        fmt::format("{}:{} {}", device.major, device.minor, device.value), false, "io.weight",
                        fmt::format("{}:{} {}", device.major, device.minor, io_weight(device.value))});
  add_rates(settings, block_io.read_bytes, "throttleReadBpsDevice", "rbps");
  add_rates(settings, block_io.write_bytes, "throttleWriteBpsDevice", "wbps");
  add_rates(settings, block_io.read_operations, "throttleReadIOPSDevice", "riops");
  add_rates(settings, block_io.write_operations, "throttleWriteIOPSDevice", "wiops");
  return {};
}

Result<> add_unified(Settings& settings, const oci::Resources& resources) {
  for (const auto& [file, value] : resources.unified) {
    const std::string property = fmt::format("unified['{}']", printable(file, 200));
    const std::size_t dot = file.find('.');
    if (file.find_first_of(std::string_view("/\0", 2)) != std::string::npos || dot == 0 ||
        dot == std::string::npos)
      return fail(ErrorKind::invalid, "linux.resources.{} is no file of a cgroup: it is CONTROLLER.NAME",
                  property);
    for (const std::string& line : split(value, '\n'))
      if (!line.empty() || value.empty()) settings.push_back({property, file.substr(0, dot), file, line});
  }
  return {};
}

// The largest unit that leaves a whole number: what was typed, in most cases.
std::string size_words(std::int64_t bytes) {
  std::string_view units = "kmgt";
  std::string unit;
  while (bytes != 0 && bytes % 1024 == 0 && !units.empty()) {
    bytes /= 1024;
    unit = units.front();
    units.remove_prefix(1);
  }
  return std::to_string(bytes) + unit;
}

}  // namespace

std::uint64_t cpu_weight(std::uint64_t shares) {
  shares = std::clamp(shares, k_least_shares, k_most_shares);
  // The parabola through the three points, in logarithms of shares (to 2) and of weights (to 10).
  const double logarithm = std::log2(static_cast<double>(shares));
  const double exponent = (logarithm * logarithm + 125 * logarithm) / 612.0 - 7.0 / 34.0;
  constexpr double k_rounding = 1e-9;  // a whole number stays what it is
  const auto weight = static_cast<std::uint64_t>(std::ceil(std::pow(10.0, exponent) - k_rounding));
  return std::clamp(weight, std::uint64_t{1}, k_most_weight);
}

Result<std::vector<CgroupSetting>> cgroup_settings(const oci::Resources& resources) {
  Settings settings;
  TRY(add_memory(settings, resources.memory));
  TRY(add_cpu(settings, resources.cpu));
  add_pids(settings, resources);
  TRY(add_block_io(settings, resources.block_io));
  TRY(add_hugepages(settings, resources, "max"));
  if (resources.network.class_id && *resources.network.class_id > 0)
    return refuse("network.classID", "there firewall rules match the cgroup itself");
  if (!resources.network.priorities.empty())
    return refuse("network.priorities", "it has no priorities of interfaces");
  add_rdma(settings, resources);
  TRY(add_unified(settings, resources));
  return settings;
}

std::optional<CgroupSetting> usual_swap(const oci::MemoryResources& memory) {
  const auto limit = asked(memory.limit);
  if (!limit || *limit < 0 || asked(memory.swap)) return std::nullopt;
  return CgroupSetting{"memory.limit", "memory", "memory.swap.max", std::to_string(*limit), true};
}

std::vector<std::string> needed_controllers(const std::vector<CgroupSetting>& settings) {
  std::set<std::string> controllers;
  for (const CgroupSetting& setting : settings)
    // Files of all cgroups ("cgroup.max.depth") have no controller.
    if (setting.controller != "cgroup") controllers.insert(setting.controller);
  return {controllers.begin(), controllers.end()};
}

std::string out_of_memory_message(const oci::Resources& resources) {
  const auto& limit = resources.memory.limit;
  if (!limit || *limit < 0) return "killed: out of memory";
  return fmt::format("killed: out of memory (limit {})", size_words(*limit));
}

}  // namespace ecrin::run
