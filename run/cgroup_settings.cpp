#include "run/cgroup_settings.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_usual_period = 100'000;  // microseconds
constexpr std::uint64_t k_least_shares = 2;
constexpr std::uint64_t k_most_shares = 262'144;
constexpr std::uint64_t k_most_weight = 10'000;

std::string limit_text(std::int64_t limit) {
  return limit < 0 ? "max" : std::to_string(limit);
}

Result<> add_memory(std::vector<CgroupSetting>& settings, const oci::MemoryResources& memory) {
  if (memory.limit) settings.push_back({"memory", "memory.max", limit_text(*memory.limit)});
  if (memory.reservation) settings.push_back({"memory", "memory.low", limit_text(*memory.reservation)});
  const bool limited = memory.limit && *memory.limit >= 0;
  if (memory.swap) {
    if (*memory.swap < 0) {
      settings.push_back({"memory", "memory.swap.max", "max"});
    } else if (!limited || *memory.swap < *memory.limit) {
      return fail(ErrorKind::invalid, "the limit of memory and swap together is below the one of memory");
    } else {
      // Version 2 counts swap by itself.
      settings.push_back({"memory", "memory.swap.max", std::to_string(*memory.swap - *memory.limit)});
    }
  } else if (limited) {
    settings.push_back({"memory", "memory.swap.max", std::to_string(*memory.limit), true});
  }
  return {};
}

void add_cpu(std::vector<CgroupSetting>& settings, const oci::CpuResources& cpu) {
  if (cpu.quota || cpu.period) {
    settings.push_back({"cpu", "cpu.max",
                        fmt::format("{} {}", limit_text(cpu.quota.value_or(oci::k_unlimited)),
                                    cpu.period.value_or(k_usual_period))});
  }
  if (cpu.shares) settings.push_back({"cpu", "cpu.weight", std::to_string(cpu_weight(*cpu.shares))});
  if (!cpu.cpus.empty()) settings.push_back({"cpuset", "cpuset.cpus", cpu.cpus});
  if (!cpu.mems.empty()) settings.push_back({"cpuset", "cpuset.mems", cpu.mems});
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
  const auto weight = static_cast<std::uint64_t>(std::llround(std::pow(10.0, exponent)));
  return std::clamp(weight, std::uint64_t{1}, k_most_weight);
}

Result<std::vector<CgroupSetting>> cgroup_settings(const oci::Resources& resources) {
  std::vector<CgroupSetting> settings;
  TRY(add_memory(settings, resources.memory));
  add_cpu(settings, resources.cpu);
  if (resources.pids) settings.push_back({"pids", "pids.max", limit_text(*resources.pids)});
  return settings;
}

std::vector<std::string> needed_controllers(const std::vector<CgroupSetting>& settings) {
  std::set<std::string> controllers;
  for (const CgroupSetting& setting : settings) controllers.insert(setting.controller);
  return {controllers.begin(), controllers.end()};
}

std::string out_of_memory_message(const oci::Resources& resources) {
  const auto& limit = resources.memory.limit;
  if (!limit || *limit < 0) return "killed: out of memory";
  return fmt::format("killed: out of memory (limit {})", size_words(*limit));
}

}  // namespace ecrin::run
