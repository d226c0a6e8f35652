#include "run/cgroup/cgroup_settings.hpp"

#include "base/text.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

// "memory.max=1024;pids.max=5"
std::string text_of(const Result<std::vector<CgroupSetting>>& settings) {
  REQUIRE(settings);
  std::vector<std::string> words;
  for (const CgroupSetting& setting : *settings) {
    words.push_back(setting.file + "=" + setting.value + (setting.optional ? "?" : ""));
    if (!setting.other_file.empty()) words.back() += "|" + setting.other_file + "=" + setting.other_value;
  }
  return join(words, ";");
}
std::string written(const oci::Resources& resources) {
  return text_of(cgroup_settings(resources));
}
std::string written_version1(const oci::Resources& resources) {
  return text_of(cgroup_settings_version1(resources));
}

std::string refusal(const Result<std::vector<CgroupSetting>>& settings) {
  REQUIRE_FALSE(settings);
  return settings.error().message();
}
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("nothing asked for is nothing written") {
  CHECK(oci::Resources{}.empty());
  CHECK(written({}).empty());
}

TEST_CASE("memory and swap are counted apart in version 2") {
  CHECK(written({.memory = {.limit = 1024}}) == "memory.max=1024");
  CHECK(written({.memory = {.limit = 1024, .swap = 1024}}) == "memory.swap.max=0?;memory.max=1024");
  CHECK(written({.memory = {.limit = 1024, .swap = 4096}}) == "memory.swap.max=3072;memory.max=1024");
  CHECK(written({.memory = {.limit = 1024, .swap = -1}}) == "memory.swap.max=max?;memory.max=1024");
  CHECK(written({.memory = {.limit = -1, .swap = -1}}) == "memory.swap.max=max?;memory.max=max");
  CHECK(written({.memory = {.limit = -1}}) == "memory.swap.max=max?;memory.max=max");
  CHECK(written({.memory = {.limit = -1, .swap = 5}}) == "memory.swap.max=5;memory.max=max");
  CHECK(written({.memory = {.swap = -1}}) == "memory.swap.max=max?");
  CHECK(written({.memory = {.reservation = 512}}) == "memory.low=512");
  CHECK(written({.memory = {.limit = 0, .reservation = 0, .swap = 0}}).empty());
  CHECK_FALSE(cgroup_settings({.memory = {.limit = 1024, .swap = 1023}}));
  CHECK(contains(refusal(cgroup_settings({.memory = {.swap = 1023}})), "memory.limit"));
  const auto swap = usual_swap({.limit = 1024});
  REQUIRE(swap);
  CHECK(swap->file == "memory.swap.max");
  CHECK(swap->value == "1024");
  CHECK(swap->optional);
  CHECK_FALSE(usual_swap({.limit = 1024, .swap = 2048}));
  CHECK_FALSE(usual_swap({.limit = -1}));
  CHECK_FALSE(usual_swap({}));
}

TEST_CASE("processor time is a quota in a period") {
  CHECK(written({.cpu = {.quota = 50000, .period = 200000}}) == "cpu.max=50000 200000");
  CHECK(written({.cpu = {.quota = 50000}}) == "cpu.max=50000");
  CHECK(written({.cpu = {.quota = -1, .burst = 7}}) == "cpu.max=max;cpu.max.burst=7");
  CHECK(written({.cpu = {.quota = 0, .period = 0}}).empty());
  CHECK(written({.cpu = {.period = 200000}}) == "cpu.max=max 200000");
  CHECK(written({.cpu = {.cpus = "0-2,4", .mems = "0"}}) == "cpuset.cpus=0-2,4;cpuset.mems=0");
}

TEST_CASE("shares become weights: least, usual and most of the one are those of the other") {
  CHECK(cpu_weight(0) == 1);
  CHECK(cpu_weight(2) == 1);
  CHECK(cpu_weight(1024) == 100);
  CHECK(cpu_weight(3) == 2);
  CHECK(cpu_weight(512) == 59);
  CHECK(cpu_weight(100) == 17);
  CHECK(cpu_weight(262144) == 10000);
  CHECK(cpu_weight(UINT64_MAX) == 10000);
  std::uint64_t before = 0;
  for (std::uint64_t shares = 2; shares <= 262144; shares *= 2) {
    CHECK(cpu_weight(shares) > before);
    before = cpu_weight(shares);
  }
  CHECK(written({.cpu = {.shares = 512}}) == "cpu.weight=59");
  CHECK(written({.cpu = {.shares = 0}}).empty());
  CHECK(written({.cpu = {.shares = 512, .idle = 1}}) == "cpu.idle=1");
}

TEST_CASE("a number of processes") {
  CHECK(written({.pids = 5}) == "pids.max=5");
  CHECK(written({.pids = -1}) == "pids.max=max");
  CHECK(written({.pids = 0}) == "pids.max=1");
  CHECK(written_version1({.pids = -3}) == "pids.max=max");
}

TEST_CASE("input and output in version 2") {
  CHECK(written({.block_io = {.weight = 10}}) == "io.bfq.weight=10|io.weight=1");
  CHECK(written({.block_io = {.weight = 1000}}) == "io.bfq.weight=1000|io.weight=10000");
  CHECK(written({.block_io = {.weight_devices = {{8, 0, 500}}}}) ==
        "io.bfq.weight=8:0 500|io.weight=8:0 4950");
  CHECK(written({.block_io = {.read_bytes = {{8, 16, 1024}},
                              .write_bytes = {{8, 16, 0}},
                              .read_operations = {{8, 0, 3}},
                              .write_operations = {{8, 0, 4}}}}) ==
        "io.max=8:16 rbps=1024;io.max=8:16 wbps=max;io.max=8:0 riops=3;io.max=8:0 wiops=4");
  CHECK(contains(refusal(cgroup_settings({.block_io = {.leaf_weight = 10}})), "blockIO.leafWeight"));
  CHECK(contains(refusal(cgroup_settings({.block_io = {.weight = 9}})), "blockIO.weight is 9"));
  CHECK(contains(refusal(cgroup_settings({.block_io = {.weight_devices = {{8, 0, 1001}}}})), "weightDevice"));
}

TEST_CASE("huge pages and rdma") {
  CHECK(written({.hugepages = {{"2MB", 4096}}}) == "hugetlb.2MB.max=4096;hugetlb.2MB.rsvd.max=4096?");
  CHECK(written_version1({.hugepages = {{"1GB", 0}}}) ==
        "hugetlb.1GB.limit_in_bytes=0;hugetlb.1GB.rsvd.limit_in_bytes=0?");
  for (const char* size : {"", "2M", "MB", "../../x/2MB", "2TB", "2MB/"})
    CHECK_FALSE(cgroup_settings({.hugepages = {{size, 1}}}));
  CHECK(written({.rdma = {{"mlx5_1", {.handles = 3, .objects = 10}}, {"mlx5_2", {.objects = 1}}}}) ==
        "rdma.max=mlx5_1 hca_handle=3 hca_object=10;rdma.max=mlx5_2 hca_object=1");
}

TEST_CASE("files of version 2 by their names") {
  CHECK(written({.unified = {{"memory.high", "5"}, {"io.max", "8:0 rbps=1\n8:0 wbps=2\n"}}}) ==
        "io.max=8:0 rbps=1;io.max=8:0 wbps=2;memory.high=5");
  CHECK(needed_controllers(*cgroup_settings({.unified = {{"cgroup.max.depth", "5"}, {"pids.max", "1"}}})) ==
        std::vector<std::string>{"pids"});
  for (const char* file : {"../memory.max", "memory/x.y", "memory", ".max", ""})
    CHECK(contains(refusal(cgroup_settings({.unified = {{file, "1"}}})), file));
  CHECK(contains(refusal(cgroup_settings_version1({.unified = {{"memory.high", "5"}}})), "memory.high"));
}

TEST_CASE("what only version 1 has is refused by its name") {
  const auto refused = [](const oci::Resources& resources) { return refusal(cgroup_settings(resources)); };
  CHECK(contains(refused({.memory = {.swappiness = 5}}), "memory.swappiness"));
  CHECK(contains(refused({.memory = {.disable_oom_killer = true}}), "memory.disableOOMKiller"));
  CHECK(contains(refused({.cpu = {.realtime_runtime = 5}}), "cpu.realtimeRuntime"));
  CHECK(contains(refused({.cpu = {.realtime_period = 5}}), "cpu.realtimePeriod"));
  CHECK(contains(refused({.network = {.class_id = 5}}), "network.classID"));
  CHECK(contains(refused({.network = {.priorities = {{"eth0", 5}}}}), "network.priorities"));
}

TEST_CASE("version 1 has the words of the specification") {
  CHECK(written_version1({.memory = {.limit = 1024, .reservation = 512, .swap = 2048, .swappiness = 3}}) ==
        "memory.limit_in_bytes=1024;memory.memsw.limit_in_bytes=2048;memory.soft_limit_in_bytes=512;"
        "memory.swappiness=3");
  CHECK(written_version1({.memory = {.limit = -1}}) ==
        "memory.limit_in_bytes=-1;memory.memsw.limit_in_bytes=-1?");
  CHECK(written_version1({.memory = {.disable_oom_killer = true}}) == "memory.oom_control=1");
  CHECK_FALSE(cgroup_settings_version1({.memory = {.limit = 1024, .swap = 1023}}));
  CHECK_FALSE(cgroup_settings_version1({.memory = {.swappiness = 101}}));
  CHECK(written_version1({.cpu = {.shares = 512,
                                  .quota = -1,
                                  .period = 1000,
                                  .burst = 9,
                                  .realtime_runtime = 7,
                                  .realtime_period = 8,
                                  .idle = 0,
                                  .cpus = "0",
                                  .mems = "0"}}) ==
        "cpu.rt_period_us=8;cpu.rt_runtime_us=7;cpu.shares=512;cpu.cfs_period_us=1000;cpu.cfs_quota_us=-1;"
        "cpu.cfs_burst_us=9;cpu.idle=0;cpuset.cpus=0;cpuset.mems=0");
  CHECK_FALSE(cgroup_settings_version1({.cpu = {.shares = 1}}));
  CHECK_FALSE(cgroup_settings_version1({.cpu = {.shares = 262145}}));
  CHECK(written_version1({.block_io = {.weight = 20,
                                       .leaf_weight = 30,
                                       .weight_devices = {{8, 0, 40}},
                                       .leaf_weight_devices = {{8, 0, 50}},
                                       .read_bytes = {{8, 0, 1}},
                                       .write_bytes = {{8, 0, 2}},
                                       .read_operations = {{8, 0, 3}},
                                       .write_operations = {{8, 0, 4}}}}) ==
        "blkio.weight=20|blkio.bfq.weight=20;blkio.leaf_weight=30;"
        "blkio.weight_device=8:0 40|blkio.bfq.weight_device=8:0 40;blkio.leaf_weight_device=8:0 50;"
        "blkio.throttle.read_bps_device=8:0 1;blkio.throttle.write_bps_device=8:0 2;"
        "blkio.throttle.read_iops_device=8:0 3;blkio.throttle.write_iops_device=8:0 4");
  CHECK(written_version1({.network = {.class_id = 1048577, .priorities = {{"eth0", 500}}}}) ==
        "net_cls.classid=1048577;net_prio.ifpriomap=eth0 500");
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
