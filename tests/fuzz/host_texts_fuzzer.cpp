// Texts of the kernel and the host in which others have a say: names of processes, cgroups and mounts,
// resolv.conf, and the log of a container.
#include "run/cgroup/cgroup_facts.hpp"
#include "run/cgroup/cgroup_mounts.hpp"
#include "run/monitor/container_log.hpp"
#include "run/network/network_files.hpp"
#include "run/process_stat.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::run;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  // The name is the process's own choice: the numbers behind it must be the kernel's.
  const std::string stat = "7 (" + std::string(text) +
                           ") S 5 7 7 34816 7 4194304 1 0 0 0 11 12 13 14 20 0 1 0 99 " +
                           "1000 17 18446744073709551615";
  const auto named = parse_process_stat(stat);
  require(named && named->state == 'S' && named->parent == 5 && named->start_time == 99 &&
          named->user_ticks == 11 && named->system_ticks == 12);
  (void)parse_process_stat(text);
  (void)parse_inner_pid(text);
  std::string_view rest = text;
  const std::string_view cgroup = ecrin::fuzz::take_line(rest);
  (void)parse_cgroup_facts(cgroup, rest);
  (void)parse_cgroup_facts(text, text);
  for (const CgroupMount& mount : parse_cgroup_mounts(text))
    require(mount.type == "cgroup" || mount.type == "cgroup2");
  (void)has_reachable_nameserver(text);
  (void)with_resolver_settings(std::string(text),
                               {.servers = {"192.0.2.1"}, .search = {"."}, .options = {"a"}});
  (void)default_gateway(text);
  if (const auto entry = parse_log_entry(text)) {
    std::string line = format_log_entry(*entry);
    line.pop_back();
    const auto again = parse_log_entry(line);
    require(again && *again == *entry);
  }
  return 0;
}
