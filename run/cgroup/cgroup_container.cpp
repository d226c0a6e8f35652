#include "run/cgroup/cgroup_container.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_container_parts.hpp"
#include "run/cgroup/cgroup_devices.hpp"
#include "run/cgroup/cgroup_facts.hpp"
#include "run/cgroup/cgroup_files.hpp"
#include "run/cgroup/cgroup_freezer.hpp"
#include "run/cgroup/cgroup_settings_common.hpp"
#include "run/cgroup/cgroup_unit_properties.hpp"
#include "run/cgroup/systemd_scope.hpp"

namespace ecrin::run {
namespace {

constexpr int k_kill_rounds = 200;  // of one that has no freezer and goes on making processes
constexpr std::chrono::milliseconds k_kill_pause{5};
constexpr std::uint64_t k_proc_limit = 4u << 20;

// Where all its processes are listed.
const std::string& main_directory(const CgroupState& state) {
  const auto has = [](std::string_view controller) {
    return [controller](const CgroupDirectory& directory) {
      return std::ranges::find(directory.controllers, controller) != directory.controllers.end();
    };
  };
  for (const auto found : {std::ranges::find_if(state.directories, has("freezer")),
                           std::ranges::find_if(state.directories, has("pids"))})
    if (found != state.directories.end()) return found->path;
  return state.directories.front().path;
}

Freezer freezer_of(const CgroupState& state) {
  if (state.version == 1)
    if (std::string directory = directory_of(state, "freezer"); !directory.empty())
      return {.kind = Freezer::Kind::version1, .directory = std::move(directory)};
  if (std::string directory = version2_directory(state); !directory.empty())
    return {.kind = Freezer::Kind::version2, .directory = std::move(directory)};
  return {};
}

std::unexpected<Error> no_cgroup() {
  return fail(ErrorKind::unsupported, "the container has no cgroup");
}

Result<> signal_once(const std::vector<pid_t>& processes, int number) {
  for (const pid_t pid : processes)
    if (::kill(pid, number) != 0 && errno != ESRCH) return fail_errno("cannot signal process {}", pid);
  return {};
}

Result<> wait_until_empty(const std::string& directory) {
  for (int round = 0; !TRY(cgroup_processes(directory)).empty(); ++round) {
    if (round == k_kill_rounds)
      return fail(ErrorKind::conflict, "the cgroup {} has processes", printable(directory));
    std::this_thread::sleep_for(k_kill_pause);
  }
  return {};
}

Result<> check_before_update(const CgroupState& state, const oci::MemoryResources& memory) {
  if (!memory.check_before_update || !memory.limit || *memory.limit <= 0) return {};
  const auto usage = read_memory_statistics(state).usage;
  if (!usage || *usage < static_cast<std::uint64_t>(*memory.limit)) return {};
  return fail(ErrorKind::conflict,
              "linux.resources.memory.limit is {} bytes, and {} are used (checkBeforeUpdate)", *memory.limit,
              *usage);
}

// Of quota and period only one may be asked for. Version 2 and systemd have them as one, which would lose the
// other.
void add_current_cpu(const CgroupState& state, oci::CpuResources& cpu) {
  if (asked(cpu.quota).has_value() == asked(cpu.period).has_value()) return;
  const std::string directory = directory_of(state, "cpu");
  if (directory.empty()) return;
  std::optional<std::uint64_t> quota;
  std::optional<std::uint64_t> period;
  if (state.version == 2) {
    const std::vector<std::string> words =
        split(trim(read_cgroup_file(directory + "/cpu.max").value_or("")), ' ');
    const auto number = [&words](std::size_t index) -> std::optional<std::uint64_t> {
      if (index >= words.size()) return std::nullopt;
      const auto parsed = parse_unsigned(words[index], INT64_MAX);
      return parsed ? std::optional(*parsed) : std::nullopt;
    };
    quota = number(0);
    period = number(1);
  } else {
    quota = read_cgroup_number(directory + "/cpu.cfs_quota_us");
    period = read_cgroup_number(directory + "/cpu.cfs_period_us");
  }
  if (!asked(cpu.quota) && quota) cpu.quota = static_cast<std::int64_t>(*quota);
  if (!asked(cpu.period)) cpu.period = period;
}

}  // namespace

std::string ContainerCgroup::directory() const {
  return exists() ? main_directory(m_state) : std::string();
}

Result<std::vector<Fd>> ContainerCgroup::processes(pid_t beside) const {
  std::vector<Fd> files;
  for (const CgroupDirectory& directory : m_state.directories) {
    std::string path = directory.path;
    if (directory.controllers.empty()) {
      TRY(come_within_reach(m_state, path));
      if (beside > 0) {
        const auto cgroup = posix::read_file(fmt::format("/proc/{}/cgroup", beside), k_proc_limit);
        const auto mounts = posix::read_file("/proc/self/mountinfo", k_proc_limit);
        const std::string its = parse_cgroup_facts(cgroup.value_or(""), mounts.value_or("")).directory;
        if (its.starts_with(path + "/")) path = its;
      }
    }
    files.push_back(
        TRY_WHILE(posix::open(path + "/cgroup.procs", O_WRONLY), "entering the cgroup of the container"));
  }
  return files;
}

Result<> ContainerCgroup::give_to(uid_t user, gid_t group) const {
  if (m_state.version != 2) return {};
  const std::string& directory = m_state.directories.front().path;
  std::vector<std::string> files = {"", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"};
  // The kernel says which those are.
  if (const auto text = posix::read_file("/sys/kernel/cgroup/delegate", k_proc_limit)) {
    files = split(trim(*text), '\n');
    files.insert(files.begin(), "");
  }
  for (const std::string& file : files) {
    const std::string path = file.empty() ? directory : directory + "/" + file;
    if (::chown(path.c_str(), user, group) != 0 && errno != ENOENT)
      return fail_errno("cannot give {} to the container", printable(path));
  }
  return {};
}

Result<PlannedLimits> plan_limits(const CgroupState& state, const oci::Resources& resources) {
  PlannedLimits limits;
  limits.settings = TRY(settings_of(state.version, resources));
  const bool limits_devices = !resources.devices.empty() && may_limit_devices();
  if (state.version == 0) {
    if (limits.settings.empty() && !limits_devices) return limits;
    return no_cgroup();
  }
  limits.writes = TRY(find_cgroup_files(
      limits.settings, [&](const std::string& controller) { return directory_of(state, controller); }));
  if (resources.memory.kernel || resources.memory.kernel_tcp)
    log::warning("linux.resources.memory.kernel and kernelTCP are ignored, as kernels of today do");
  if (!limits_devices) return limits;
  limits.rules = TRY(complete_device_rules(resources.devices));
  limits.devices = directory_of(state, "devices");
  if (limits.devices.empty())
    return fail(ErrorKind::unsupported,
                "linux.resources.devices cannot be had: there is no cgroup with the controller devices");
  return limits;
}

Result<> write_limits(const CgroupState& state, PlannedLimits limits) {
  TRY(write_cgroup_files(std::move(limits.writes)));
  if (limits.devices.empty()) return {};
  return state.version == 2 ? limit_devices(limits.devices, limits.rules)
                            : limit_devices_version1(limits.devices, limits.rules);
}

Result<> ContainerCgroup::apply(const oci::Resources& resources) const {
  TRY(check_before_update(m_state, resources.memory));
  oci::Resources all = resources;
  add_current_cpu(m_state, all.cpu);
  PlannedLimits limits = TRY(plan_limits(m_state, all));
  if (!m_state.unit.empty()) {
    const auto properties = unit_properties(limits.settings);
    if (!properties.empty()) TRY(set_unit_properties(m_state.bus, m_state.unit, properties));
  }
  return write_limits(m_state, std::move(limits));
}

Result<> ContainerCgroup::freeze() const {
  return run::freeze(freezer_of(m_state));
}

Result<> ContainerCgroup::thaw() const {
  return run::thaw(freezer_of(m_state));
}

void ContainerCgroup::take_back(pid_t process) const {
  const std::string directory = m_state.version == 1 ? directory_of(m_state, "freezer") : std::string();
  if (directory.empty()) return;
  (void)thaw();
  (void)write_cgroup_file(directory + "/cgroup.procs", std::to_string(process));
}

Result<bool> ContainerCgroup::frozen() const {
  return is_frozen(freezer_of(m_state));
}

Result<std::vector<pid_t>> ContainerCgroup::pids() const {
  if (!exists()) return no_cgroup();
  return cgroup_processes(main_directory(m_state));
}

Result<> ContainerCgroup::signal(int number) const {
  if (!exists()) return no_cgroup();
  if (number != SIGKILL) return signal_once(TRY(pids()), number);
  const Freezer freezer = freezer_of(m_state);
  const std::string version2 = version2_directory(m_state);
  if (!version2.empty() && write_cgroup_file(version2 + "/cgroup.kill", "1")) {
    // The freezer of version 1 holds also those that were killed.
    if (freezer.kind == Freezer::Kind::version1) (void)run::thaw(freezer);
    if (m_state.version == 2 || TRY(pids()).empty()) return {};
  }
  // Stopped first, because one that makes processes faster than they are killed is never done.
  const bool is_stopped = run::freeze(freezer).has_value();
  for (int round = 0; round < k_kill_rounds; ++round) {
    const std::vector<pid_t> processes = TRY(pids());
    TRY(signal_once(processes, SIGKILL));
    if (is_stopped) return run::thaw(freezer);
    if (processes.empty()) return {};
    std::this_thread::sleep_for(k_kill_pause);
  }
  return {};
}

Result<> ContainerCgroup::remove() const {
  if (exists() && !m_state.unit.empty()) {
    // Ending the unit would kill what is still in it.
    TRY(wait_until_empty(main_directory(m_state)));
    forget_unit(m_state);
  }
  for (const CgroupDirectory& directory : m_state.directories) {
    TRY(remove_cgroup(directory.path));
    remove_default_parent(directory.path);
  }
  return {};
}

CgroupStatistics ContainerCgroup::statistics() const {
  return read_cgroup_statistics(m_state);
}

std::uint64_t ContainerCgroup::out_of_memory_kills() const {
  return read_memory_statistics(m_state).out_of_memory_kills.value_or(0);
}

}  // namespace ecrin::run
