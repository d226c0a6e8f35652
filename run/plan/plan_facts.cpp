#include "run/plan/plan_facts.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <unistd.h>

#include <mutex>
#include <string_view>

#include "base/posix.hpp"
#include "run/child_probe.hpp"
#include "run/user_namespace_maps.hpp"

namespace ecrin::run {
namespace {

PlanFacts host_facts() {
  PlanFacts facts;
  facts.capabilities = kernel_capabilities();
  const auto apparmor = posix::read_file("/sys/module/apparmor/parameters/enabled", 64);
  facts.apparmor = apparmor && apparmor->starts_with('Y');
  facts.outer = find_outer_container();
  facts.selinux = ::access("/sys/fs/selinux/enforce", F_OK) == 0;
  return facts;
}

bool may_set_groups() {
  const auto setting = posix::read_file("/proc/self/setgroups", 64);
  return setting && setting->starts_with("allow");
}

// The same for every container of a process.
Result<PlanFacts> own_facts() {
  static std::mutex mutex;
  static std::optional<PlanFacts> facts;
  const std::scoped_lock lock(mutex);
  if (!facts) {
    PlanFacts found = host_facts();
    found.uids = TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/uid_map"))));
    found.gids = TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/gid_map"))));
    found.set_groups = may_set_groups();
    facts = std::move(found);
  }
  return *facts;
}

}  // namespace

fs::IdMap id_map_of(const std::vector<oci::IdMapping>& mappings) {
  fs::IdMap map;
  for (const oci::IdMapping& part : mappings)
    map.push_back({.container_id = part.container_id, .host_id = part.host_id, .size = part.size});
  return map;
}

PlanFacts joined_plan_facts() {
  PlanFacts facts = host_facts();
  facts.leaves_out_groups = false;
  facts.set_groups = may_set_groups();  // what is forbidden here is in all below; the stage sees for itself
  facts.uids = facts.gids = {{.container_id = 0, .host_id = 0, .size = UINT32_MAX}};
  return facts;
}

Result<PlanFacts> plan_facts(const oci::RuntimeConfig& config) {
  const oci::RuntimeNamespace* user = oci::find_namespace(config, oci::Namespace::user);
  if (!user) return own_facts();
  if (!user->path.empty()) return joined_plan_facts();
  PlanFacts facts = host_facts();
  facts.uids = id_map_of(config.uid_mappings);
  facts.gids = id_map_of(config.gid_mappings);
  return facts;  // whether groups can be set is found out when the maps are written
}

bool may_mount_here() {
  const auto capabilities = get_capabilities();
  return capabilities && (capabilities->effective & capability_bit(CAP_SYS_ADMIN)) != 0;
}

bool may_set_host_name() {
  static const bool may = [] {
    const auto status = posix::read_file("/proc/self/status", 64 * 1024);
    // Without a filter there is nothing to try.
    if (!status || status->find("\nSeccomp:\t2") == std::string::npos) return true;
    return probe_in_child([] {
             constexpr std::string_view name = "probe";
             return ::unshare(CLONE_NEWUTS) == 0 && ::sethostname(name.data(), name.size()) == 0;
           }) == 0;
  }();
  return may;
}

}  // namespace ecrin::run
