#include "run/cgroup_settings.hpp"

#include "base/text.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

// "memory.max=1024 pids.max=5"
std::string written(const oci::Resources& resources) {
  const auto settings = cgroup_settings(resources);
  REQUIRE(settings);
  std::vector<std::string> words;
  for (const CgroupSetting& setting : *settings)
    words.push_back(setting.file + "=" + setting.value + (setting.optional ? "?" : ""));
  return join(words, ";");
}

}  // namespace

TEST_CASE("nothing asked for is nothing written") {
  CHECK(oci::Resources{}.empty());
  CHECK(written({}).empty());
}

TEST_CASE("memory and swap are counted apart in version 2") {
  CHECK(written({.memory = {.limit = 1024}}) == "memory.max=1024;memory.swap.max=1024?");
  CHECK(written({.memory = {.limit = 1024, .swap = 1024}}) == "memory.max=1024;memory.swap.max=0");
  CHECK(written({.memory = {.limit = 1024, .swap = 4096}}) == "memory.max=1024;memory.swap.max=3072");
  CHECK(written({.memory = {.limit = 1024, .swap = -1}}) == "memory.max=1024;memory.swap.max=max");
  CHECK(written({.memory = {.limit = -1, .swap = -1}}) == "memory.max=max;memory.swap.max=max");
  CHECK(written({.memory = {.reservation = 512}}) == "memory.low=512");
  CHECK_FALSE(cgroup_settings({.memory = {.limit = 1024, .swap = 1023}}));
  CHECK_FALSE(cgroup_settings({.memory = {.swap = 1023}}));
}

TEST_CASE("processor time is a quota in a period") {
  CHECK(written({.cpu = {.quota = 50000, .period = 200000}}) == "cpu.max=50000 200000");
  CHECK(written({.cpu = {.quota = 50000}}) == "cpu.max=50000 100000");
  CHECK(written({.cpu = {.period = 200000}}) == "cpu.max=max 200000");
  CHECK(written({.cpu = {.cpus = "0-2,4", .mems = "0"}}) == "cpuset.cpus=0-2,4;cpuset.mems=0");
}

TEST_CASE("shares become weights: least, usual and most of the one are those of the other") {
  CHECK(cpu_weight(0) == 1);
  CHECK(cpu_weight(2) == 1);
  CHECK(cpu_weight(1024) == 100);
  CHECK(cpu_weight(262144) == 10000);
  CHECK(cpu_weight(UINT64_MAX) == 10000);
  std::uint64_t before = 0;
  for (std::uint64_t shares = 2; shares <= 262144; shares *= 2) {
    CHECK(cpu_weight(shares) > before);
    before = cpu_weight(shares);
  }
  CHECK(written({.cpu = {.shares = 512}}) == "cpu.weight=58");
}

TEST_CASE("each controller is needed once") {
  const auto settings = cgroup_settings(
      {.memory = {.limit = 1, .reservation = 1}, .cpu = {.shares = 2, .quota = 1000}, .pids = 5});
  REQUIRE(settings);
  CHECK(needed_controllers(*settings) == std::vector<std::string>{"cpu", "memory", "pids"});
}

TEST_CASE("an end for want of memory names the limit as it was typed") {
  CHECK(out_of_memory_message({.memory = {.limit = 64 << 20}}) == "killed: out of memory (limit 64m)");
  CHECK(out_of_memory_message({.memory = {.limit = 1536 << 20}}) == "killed: out of memory (limit 1536m)");
  CHECK(out_of_memory_message({.memory = {.limit = 1000}}) == "killed: out of memory (limit 1000)");
  CHECK(out_of_memory_message({.memory = {.limit = std::int64_t{2} << 40}}) ==
        "killed: out of memory (limit 2t)");
  CHECK(out_of_memory_message({}) == "killed: out of memory");
}
