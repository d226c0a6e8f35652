#include "cli/containers/stats_line.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

constexpr std::int64_t k_second = 1'000'000'000;

run::StoredContainer container() {
  run::StoredContainer record;
  record.id = std::string(64, 'a');
  record.name = "one";
  return record;
}

run::ContainerUsage usage(std::int64_t at, std::uint64_t cpu) {
  run::ContainerUsage usage;
  usage.at = at;
  usage.started = 10 * k_second;
  usage.cpu = cpu;
  return usage;
}

}  // namespace

TEST_CASE("a line of stats says what is known") {
  run::ContainerUsage now = usage(20 * k_second, 1'500'000'000);
  now.memory = 12'345'678;
  now.memory_limit = 67'108'864;
  now.processes = 3;
  now.received = 1'200;
  now.sent = 340;
  now.read = 0;
  now.written = 4'096;
  const Json row = stats_row(container(), {.before = usage(18 * k_second, 500'000'000), .now = now}, false);
  CHECK(row["ID"] == "aaaaaaaaaaaa");
  CHECK(row["Name"] == "one");
  CHECK(row["CPUPerc"] == "50.00%");
  CHECK(row["AVGCPU"] == "15.00%");
  CHECK(row["UpTime"] == "1.5s");
  CHECK(row["MemUsage"] == "12.3MB / 67.1MB");
  CHECK(row["MemPerc"] == "18.40%");
  CHECK(row["NetIO"] == "1.2kB / 340B");
  CHECK(row["BlockIO"] == "0B / 4.1kB");
  CHECK(row["PIDs"] == "3");
  CHECK(row["MemUsageBytes"] == 12'345'678);
  const Json document = stats_document(row);
  CHECK(document["cpu_percent"] == "50.00%");
  CHECK(document["pids"] == "3");
  CHECK(stats_row(container(), {.before = {}, .now = now}, true)["ID"] == container().id);
}

TEST_CASE("a line of stats of what does not run, or cannot be known") {
  const Json row = stats_row(container(), {}, false);
  for (const char* key : {"CPUPerc", "AVGCPU", "UpTime", "MemPerc", "PIDs"}) CHECK(row[key] == "--");
  for (const char* key : {"MemUsage", "NetIO", "BlockIO"}) CHECK(row[key] == "-- / --");
  CHECK(row["MemLimit"].is_null());
}

TEST_CASE("processor time of a container that was started anew or lost processes") {
  const auto now = usage(20 * k_second, 1'000'000'000);
  auto earlier = usage(19 * k_second, 2'000'000'000);
  CHECK(cpu_percent({.before = earlier, .now = now}) == 0.0);
  earlier.started = 5 * k_second;
  CHECK(cpu_percent({.before = earlier, .now = now}) == 10.0);
  CHECK_FALSE(cpu_percent({.before = now, .now = now}));
  CHECK_FALSE(cpu_percent({.before = earlier, .now = {}}));
}

TEST_CASE("processor time is short to read") {
  CHECK(cpu_time(0) == "0.0ms");
  CHECK(cpu_time(12'345'678) == "12.3ms");
  CHECK(cpu_time(2'500'000'000) == "2.5s");
}
