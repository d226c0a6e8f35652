#include "run/cgroup/cgroup_unit_properties.hpp"

#include <map>
#include <optional>
#include <string_view>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_infinity = UINT64_MAX;
constexpr std::uint64_t k_second = 1'000'000;   // in microseconds
constexpr std::uint64_t k_quota_step = 10'000;  // systemd counts in hundredths of a processor
constexpr std::uint64_t k_most_quota = UINT64_MAX / k_second;
constexpr std::uint64_t k_most_processor = 8191;

std::optional<std::uint64_t> parse_limit(std::string_view text) {
  text = trim(text);
  if (text == "max" || text.starts_with('-')) return k_infinity;
  const auto number = parse_unsigned(text);
  return number ? std::optional(*number) : std::nullopt;
}

const std::map<std::string_view, const char*>& number_properties() {
  static const std::map<std::string_view, const char*> properties = {
      {"memory.max", "MemoryMax"}, {"memory.high", "MemoryHigh"}, {"memory.low", "MemoryLow"},
      {"memory.min", "MemoryMin"}, {"pids.max", "TasksMax"},      {"memory.swap.max", "MemorySwapMax"},
      {"cpu.weight", "CPUWeight"}, {"cpu.shares", "CPUShares"},   {"memory.limit_in_bytes", "MemoryLimit"}};
  return properties;
}

// "0-2,4": a bit for each, the lowest first.
std::optional<std::vector<std::uint8_t>> parse_list(std::string_view text) {
  std::vector<std::uint8_t> bits;
  for (const std::string& range : split(trim(text), ',')) {
    const std::size_t dash = range.find('-');
    const auto first = parse_unsigned(range.substr(0, dash), k_most_processor);
    const auto last =
        dash == std::string::npos ? first : parse_unsigned(range.substr(dash + 1), k_most_processor);
    if (!first || !last || *first > *last) return std::nullopt;
    if (bits.size() <= *last / 8) bits.resize(*last / 8 + 1);
    for (std::uint64_t number = *first; number <= *last; ++number)
      bits[number / 8] = static_cast<std::uint8_t>(bits[number / 8] | (1u << (number % 8)));
  }
  return bits;
}

struct Quota {
  std::optional<std::uint64_t> quota, period;
};

void add_quota(std::vector<UnitProperty>& properties, const Quota& quota) {
  const std::uint64_t period = quota.period.value_or(k_usual_period);
  if (quota.period) properties.push_back({"CPUQuotaPeriodUSec", period});
  if (!quota.quota || period == 0) return;
  std::uint64_t per_second = k_infinity;
  if (*quota.quota <= k_most_quota) {
    per_second = *quota.quota * k_second / period;
    per_second = (per_second + k_quota_step - 1) / k_quota_step * k_quota_step;
  }
  properties.push_back({"CPUQuotaPerSecUSec", per_second});
}

}  // namespace

std::vector<UnitProperty> unit_properties(const std::vector<CgroupSetting>& settings) {
  std::vector<UnitProperty> properties;
  Quota quota;
  for (const CgroupSetting& setting : settings) {
    if (const auto named = number_properties().find(setting.file); named != number_properties().end()) {
      if (const auto number = parse_limit(setting.value)) properties.push_back({named->second, *number});
    } else if (setting.file == "cpu.max") {
      const std::vector<std::string> words = split(trim(setting.value), ' ');
      quota.quota = parse_limit(words[0]);
      if (words.size() > 1) quota.period = parse_limit(words[1]);
    } else if (setting.file == "cpu.cfs_quota_us") {
      quota.quota = parse_limit(setting.value);
    } else if (setting.file == "cpu.cfs_period_us") {
      quota.period = parse_limit(setting.value);
    } else if (setting.file == "cpuset.cpus") {
      if (auto bits = parse_list(setting.value)) properties.push_back({"AllowedCPUs", std::move(*bits)});
    } else if (setting.file == "cpuset.mems") {
      if (auto bits = parse_list(setting.value))
        properties.push_back({"AllowedMemoryNodes", std::move(*bits)});
    }
  }
  add_quota(properties, quota);
  return properties;
}

}  // namespace ecrin::run
