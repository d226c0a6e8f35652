#include "run/cgroup/cgroup_unit_properties.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

std::vector<UnitProperty> of(const oci::Resources& resources) {
  return unit_properties(*cgroup_settings(resources));
}

}  // namespace

TEST_CASE("systemd is told the limits that it has words for") {
  CHECK(of({}).empty());
  CHECK(of({.memory = {.limit = 1024, .swap = 4096}, .pids = -1}) ==
        std::vector<UnitProperty>{{"MemorySwapMax", std::uint64_t{3072}},
                                  {"MemoryMax", std::uint64_t{1024}},
                                  {"TasksMax", UINT64_MAX}});
  CHECK(of({.cpu = {.shares = 1024}}) == std::vector<UnitProperty>{{"CPUWeight", std::uint64_t{100}}});
  CHECK(of({.unified = {{"memory.high", "7"}, {"hugetlb.2MB.max", "1"}}}) ==
        std::vector<UnitProperty>{{"MemoryHigh", std::uint64_t{7}}});
}

TEST_CASE("a quota is told as the time in a second, in hundredths") {
  using Properties = std::vector<UnitProperty>;
  CHECK(of({.cpu = {.quota = 25000}}) == Properties{{"CPUQuotaPerSecUSec", std::uint64_t{250000}}});
  CHECK(of({.cpu = {.quota = 33333}}) == Properties{{"CPUQuotaPerSecUSec", std::uint64_t{340000}}});
  CHECK(
      of({.cpu = {.quota = 1000, .period = 2000}}) ==
      Properties{{"CPUQuotaPeriodUSec", std::uint64_t{2000}}, {"CPUQuotaPerSecUSec", std::uint64_t{500000}}});
  CHECK(of({.cpu = {.quota = -1}}) == Properties{{"CPUQuotaPerSecUSec", UINT64_MAX}});
  CHECK(of({.unified = {{"cpu.max", "max 5000"}}}) ==
        Properties{{"CPUQuotaPeriodUSec", std::uint64_t{5000}}, {"CPUQuotaPerSecUSec", UINT64_MAX}});
  CHECK(of({.unified = {{"cpu.max", "x 0"}}}) == Properties{{"CPUQuotaPeriodUSec", std::uint64_t{0}}});
}

TEST_CASE("processors are told as bits") {
  using Bytes = std::vector<std::uint8_t>;
  CHECK(of({.cpu = {.cpus = "0-2,9", .mems = "0"}}) ==
        std::vector<UnitProperty>{{"AllowedCPUs", Bytes{7, 2}}, {"AllowedMemoryNodes", Bytes{1}}});
  for (const char* bad : {"x", "3-1", "1-", "99999999"}) CHECK(of({.cpu = {.cpus = bad}}).empty());
}
