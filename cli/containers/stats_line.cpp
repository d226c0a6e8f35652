#include "cli/containers/stats_line.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/names.hpp"
#include "base/text.hpp"

namespace ecrin::cli {
namespace {

constexpr std::string_view k_unknown = "--";
constexpr double k_second = 1e9;

using run::Count;

std::string size_text(Count bytes) {
  if (!bytes) return std::string(k_unknown);
  std::string text = human_size(*bytes);
  std::erase(text, ' ');
  return text;
}

std::string pair_text(Count one, Count other) {
  return size_text(one) + " / " + size_text(other);
}

std::string percent_text(std::optional<double> percent) {
  return percent ? fmt::format("{:.2f}%", *percent) : std::string(k_unknown);
}

std::optional<double> memory_percent(const run::ContainerUsage& usage) {
  if (!usage.memory || !usage.memory_limit || *usage.memory_limit == 0) return std::nullopt;
  return 100.0 * static_cast<double>(*usage.memory) / static_cast<double>(*usage.memory_limit);
}

std::optional<double> percent_of_time(std::uint64_t cpu, std::int64_t time) {
  if (time <= 0) return std::nullopt;
  return 100.0 * static_cast<double>(cpu) / static_cast<double>(time);
}

Json number_or_null(Count count) {
  return count ? Json(*count) : Json();
}

}  // namespace

std::optional<double> cpu_percent(const UsagePair& usage) {
  if (!usage.now || !usage.now->cpu) return std::nullopt;
  const bool same_run = usage.before && usage.before->cpu && usage.before->started == usage.now->started;
  if (!same_run) return percent_of_time(*usage.now->cpu, usage.now->at - usage.now->started);
  // A process that ended without having been waited for takes its time along.
  const std::uint64_t used = *usage.now->cpu - std::min(*usage.now->cpu, *usage.before->cpu);
  return percent_of_time(used, usage.now->at - usage.before->at);
}

std::string cpu_time(std::uint64_t nanoseconds) {
  const double seconds = static_cast<double>(nanoseconds) / k_second;
  if (seconds < 1) return fmt::format("{:.1f}ms", seconds * 1000);
  return human_duration(seconds);
}

Json stats_row(const run::StoredContainer& record, const UsagePair& pair, bool whole_id) {
  const run::ContainerUsage usage = pair.now.value_or(run::ContainerUsage{});
  const std::string id = whole_id ? record.id : std::string(short_id(record.id));
  const std::string processes = usage.processes ? std::to_string(*usage.processes) : std::string(k_unknown);
  const std::string cpu = percent_text(cpu_percent(pair));
  return {{"ID", id},
          {"Container", id},
          {"Name", record.name},
          {"CPU", cpu},
          {"CPUPerc", cpu},
          {"AVGCPU", percent_text(cpu_percent({.before = {}, .now = pair.now}))},
          {"UpTime", usage.cpu ? cpu_time(*usage.cpu) : std::string(k_unknown)},
          {"MemUsage", pair_text(usage.memory, usage.memory_limit)},
          {"MemPerc", percent_text(memory_percent(usage))},
          {"NetIO", pair_text(usage.received, usage.sent)},
          {"BlockIO", pair_text(usage.read, usage.written)},
          {"PIDs", processes},
          {"PIDS", processes},
          {"CPUNano", number_or_null(usage.cpu)},
          {"MemUsageBytes", number_or_null(usage.memory)},
          {"MemLimit", number_or_null(usage.memory_limit)},
          {"NetInput", number_or_null(usage.received)},
          {"NetOutput", number_or_null(usage.sent)},
          {"BlockInput", number_or_null(usage.read)},
          {"BlockOutput", number_or_null(usage.written)}};
}

Json stats_document(const Json& row) {
  return {{"id", row["ID"]},           {"name", row["Name"]},           {"cpu_time", row["UpTime"]},
          {"cpu_percent", row["CPU"]}, {"avg_cpu", row["AVGCPU"]},      {"mem_usage", row["MemUsage"]},
          {"net_io", row["NetIO"]},    {"mem_percent", row["MemPerc"]}, {"block_io", row["BlockIO"]},
          {"pids", row["PIDs"]}};
}

}  // namespace ecrin::cli
