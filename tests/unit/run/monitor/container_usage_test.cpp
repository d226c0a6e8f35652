#include "run/monitor/container_usage.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

std::vector<ProcessEntry> two_processes() {
  ProcessEntry one;
  one.cpu = 1000;
  one.children_cpu = 200;
  one.resident = 4096;
  ProcessEntry two;
  two.cpu = 30;
  two.resident = 8192;
  return {one, two};
}

}  // namespace

TEST_CASE("what a cgroup counts wins over what processes say") {
  CgroupStatistics statistics;
  CHECK_FALSE(is_complete(statistics));
  statistics.cpu.usage = 5;
  statistics.memory.usage = 1000;
  statistics.memory.inactive_file = 400;
  statistics.memory.limit = 2000;
  statistics.pids = 7;
  statistics.block_devices = {{.major = 8, .read_bytes = 1, .write_bytes = 2},
                              {.major = 9, .read_bytes = 10, .write_bytes = 20}};
  CHECK(is_complete(statistics));
  const ContainerUsage usage = usage_of(statistics, two_processes(), 1'000'000);
  CHECK(usage.cpu == 5U);
  CHECK(usage.memory == 600U);
  CHECK(usage.memory_limit == 2000U);
  CHECK(usage.processes == 7U);
  CHECK(usage.read == 11U);
  CHECK(usage.written == 22U);
  CHECK(usage_of(statistics, {}, 1500).memory_limit == 1500U);
}

TEST_CASE("processes say what no cgroup counts") {
  const ContainerUsage usage = usage_of({}, two_processes(), 1'000'000);
  CHECK(usage.cpu == 1'230'000'000U);
  CHECK(usage.memory == 12288U);
  CHECK(usage.memory_limit == 1'000'000U);
  CHECK(usage.processes == 2U);
  CHECK_FALSE(usage.read);
  CHECK_FALSE(usage.received);
}

TEST_CASE("bytes of network devices, without the loopback one") {
  const NetworkTraffic traffic = parse_network_devices(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
      "    lo:     999       1    0    0    0     0          0         0      999       1    0    0\n"
      "  eth0: 1000 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n"
      "  eth1:1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n"
      "  odd: x\n");
  CHECK(traffic.received == 1001);
  CHECK(traffic.sent == 202);
  CHECK(parse_network_devices("").sent == 0);
}

TEST_CASE("usage goes through a packet and back") {
  ContainerUsage usage = usage_of({}, two_processes(), 5);
  usage.at = 4;
  usage.started = 3;
  CHECK(parse_usage(to_json(usage)).value() == usage);
  CHECK(parse_usage(Json{{"cpu", "x"}}).error().kind() == ErrorKind::invalid);
}
