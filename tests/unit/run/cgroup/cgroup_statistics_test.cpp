#include "run/cgroup/cgroup_statistics.hpp"

#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

void write(const test::TempDirectory& directory, const std::string& name, std::string_view text) {
  const Fd file = *posix::open(directory.path(name), O_WRONLY | O_CREAT, 0644);
  REQUIRE(posix::write_full(file, text));
}

}  // namespace

TEST_CASE("statistics of version 2") {
  const test::TempDirectory cgroup;
  write(cgroup, "cpu.stat",
        "usage_usec 7\nuser_usec 4\nsystem_usec 3\nnr_periods 10\nnr_throttled 2\nthrottled_usec 5\n");
  write(cgroup, "memory.current", "4096\n");
  write(cgroup, "memory.peak", "8192\n");
  write(cgroup, "memory.max", "16384\n");
  write(cgroup, "memory.swap.current", "100\n");
  write(cgroup, "memory.swap.max", "max\n");
  write(cgroup, "memory.stat", "anon 1\nfile 2048\ninactive_file 1024\n");
  write(cgroup, "memory.events", "low 0\nmax 6\noom 2\noom_kill 1\n");
  write(cgroup, "pids.current", "3\n");
  write(cgroup, "pids.max", "max\n");
  write(cgroup, "io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:16 rbytes=5\nnonsense\n");
  write(cgroup, "hugetlb.2MB.max", "max\n");
  write(cgroup, "hugetlb.2MB.current", "9\n");
  write(cgroup, "hugetlb.2MB.events", "max 8\n");
  const CgroupStatistics statistics =
      read_cgroup_statistics({.version = 2, .directories = {{{}, cgroup.path()}}, .unit = {}, .bus = {}});
  CHECK(statistics.cpu.usage == 7000);
  CHECK(statistics.cpu.user == 4000);
  CHECK(statistics.cpu.system == 3000);
  CHECK(statistics.cpu.periods == 10);
  CHECK(statistics.cpu.throttled_periods == 2);
  CHECK(statistics.cpu.throttled == 5000);
  CHECK(statistics.memory.usage == 4096);
  CHECK(statistics.memory.peak == 8192);
  CHECK(statistics.memory.limit == 16384);
  CHECK(statistics.memory.swap_usage == 100);
  CHECK_FALSE(statistics.memory.swap_limit);
  CHECK(statistics.memory.inactive_file == 1024);
  CHECK(statistics.memory.failures == 6);
  CHECK(statistics.memory.out_of_memory_kills == 1);
  CHECK(statistics.pids == 3);
  CHECK_FALSE(statistics.pids_limit);
  REQUIRE(statistics.block_devices.size() == 2);
  CHECK(statistics.block_devices[0].write_operations == 4);
  CHECK(statistics.block_devices[1].minor == 16);
  CHECK(statistics.block_devices[1].read_bytes == 5);
  CHECK(statistics.hugepages.at("2MB").usage == 9);
  CHECK(statistics.hugepages.at("2MB").failures == 8);

  const Json data = statistics_event_data(statistics);
  CHECK(data["cpu"]["usage"]["total"] == 7000);
  CHECK(data["cpu"]["throttling"]["throttledTime"] == 5000);
  CHECK(data["memory"]["usage"]["usage"] == 4096);
  CHECK(data["memory"]["usage"]["limit"] == 16384);
  CHECK(data["memory"]["swap"]["usage"] == 4196);
  CHECK(data["memory"]["swap"]["limit"] == UINT64_MAX);
  CHECK(data["memory"]["raw"]["anon"] == 1);
  CHECK(data["pids"]["current"] == 3);
  CHECK_FALSE(data["pids"].contains("limit"));
  CHECK(data["blkio"]["ioServiceBytesRecursive"][0] ==
        Json{{"major", 8}, {"minor", 0}, {"op", "Read"}, {"value", 1}});
  CHECK(data["hugetlb"]["2MB"]["failcnt"] == 8);
}

TEST_CASE("statistics of version 1 come from several hierarchies") {
  const test::TempDirectory memory, cpu, accounting, blkio;
  write(cpu, "cpu.stat", "nr_periods 10\nnr_throttled 2\nthrottled_time 5\n");
  write(accounting, "cpuacct.usage", "70\n");
  write(accounting, "cpuacct.usage_user", "40\n");
  write(accounting, "cpuacct.usage_sys", "30\n");
  write(accounting, "cpuacct.usage_percpu", "50 20 \n");
  write(memory, "memory.usage_in_bytes", "4096\n");
  write(memory, "memory.limit_in_bytes", "8192\n");
  write(memory, "memory.memsw.usage_in_bytes", "5000\n");
  write(memory, "memory.memsw.limit_in_bytes", "9223372036854771712\n");
  write(memory, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
  write(blkio, "blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 11\n8:0 Write 12\n8:0 Total 23\nTotal 23\n");
  write(blkio, "blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\n");
  write(memory, "cgroup.procs", "12\n7\n7\n0\n");
  const CgroupState state{.version = 1,
                          .directories = {{{"memory"}, memory.path()},
                                          {{"cpu"}, cpu.path()},
                                          {{"cpuacct"}, accounting.path()},
                                          {{"blkio"}, blkio.path()}},
                          .unit = {},
                          .bus = {}};
  const CgroupStatistics statistics = read_cgroup_statistics(state);
  CHECK(statistics.cpu.usage == 70);
  CHECK(statistics.cpu.user == 40);
  CHECK(statistics.cpu.usage_by_processor == std::vector<std::uint64_t>{50, 20});
  CHECK(statistics.cpu.throttled == 5);
  CHECK(statistics.memory.limit == 8192);
  CHECK(statistics.memory.swap_usage == 904);
  CHECK_FALSE(statistics.memory.swap_limit);
  CHECK(statistics.memory.out_of_memory_kills == 4);
  CHECK(statistics.pids == 2);
  REQUIRE(statistics.block_devices.size() == 1);
  CHECK(statistics.block_devices[0].read_bytes == 11);
  CHECK(statistics.block_devices[0].write_operations == 2);
  CHECK(statistics_event_data(statistics)["cpu"]["usage"]["percpu"] == Json{50, 20});
}

TEST_CASE("without a cgroup nothing is counted") {
  const CgroupStatistics statistics = read_cgroup_statistics({});
  CHECK_FALSE(statistics.cpu.usage);
  CHECK_FALSE(statistics.pids);
  CHECK(statistics_event_data(statistics)["pids"]["current"] == 0);
}
