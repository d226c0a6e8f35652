#include "run/plan/process_plan.hpp"

#include <linux/sched.h>
#include <sched.h>
#include <sys/personality.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>

#include "base/log.hpp"
#include "base/text.hpp"
#include "run/plan/resource_names.hpp"

namespace ecrin::run {
namespace {

constexpr unsigned k_most_processors = 8192;

template <std::size_t size, class T>
std::optional<T> find_word(const std::array<std::pair<std::string_view, T>, size>& words,
                           std::string_view name) {
  for (const auto& [known, value] : words)
    if (known == name) return value;
  return std::nullopt;
}

Result<> check_mapped(const fs::IdMap& map, std::uint32_t id, std::string_view kind) {
  if (id_mapped(map, id)) return {};
  auto error = fail(ErrorKind::unsupported,
                    "{} {} of the container's program does not exist here: ids 0 to {} are mapped", kind, id,
                    fs::contiguous_ids(map) == 0 ? 0 : fs::contiguous_ids(map) - 1);
  return std::unexpected(std::move(error).error().hint(
      "more ids need ranges in /etc/subuid and /etc/subgid and the programs newuidmap and newgidmap"));
}

// What nobody can grant is no reason to stop: config.md ("Linux Process") wants a warning.
class CapabilityReader {
public:
  explicit CapabilityReader(CapabilitySet kernel) : m_kernel(kernel) {}
  CapabilitySet read(const std::vector<std::string>& names) {
    CapabilitySet wanted = 0;
    for (const std::string& name : names) {
      const auto parsed = parse_capabilities(std::span(&name, 1));
      if (!parsed)
        tell(name, parsed.error().message());
      else if ((*parsed & m_kernel) == 0)
        tell(name, fmt::format("this kernel has no capability {}", name));
      wanted |= parsed.value_or(0);
    }
    return wanted & m_kernel;
  }

private:
  // Most are in several sets.
  void tell(const std::string& name, const std::string& why) {
    if (m_told.insert(name).second) log::warning("{}: it is left out", why);
  }
  CapabilitySet m_kernel;
  std::set<std::string> m_told;
};

Result<> check_within(CapabilitySet part, std::string_view part_name, CapabilitySet whole,
                      std::string_view whole_name) {
  if ((part & ~whole) == 0) return {};
  return fail(ErrorKind::invalid, "the {} capability {} is not {}", part_name,
              capability_names(part & ~whole).front(), whole_name);
}

Result<> check_labels(const oci::RuntimeProcess& process, const PlanFacts& facts) {
  if (!process.apparmor_profile.empty() && process.apparmor_profile != "unconfined" && !facts.apparmor)
    return fail(ErrorKind::unsupported, "the AppArmor profile '{}' cannot be used: AppArmor is off here",
                printable(process.apparmor_profile));
  if (!process.selinux_label.empty() && !facts.selinux)
    return fail(ErrorKind::unsupported, "the SELinux label '{}' cannot be used: SELinux is off here",
                printable(process.selinux_label));
  return {};
}

// An image's /etc/group may name any id. One that does not exist in the namespace can own nothing there.
Result<std::vector<gid_t>> usable_groups(const oci::RuntimeProcess& process, const PlanFacts& facts) {
  std::vector<gid_t> groups;
  if (!facts.set_groups) {
    if (!facts.leaves_out_groups && !process.additional_gids.empty())
      log::warning("the user namespace forbids setgroups: process.user.additionalGids are left out");
    return groups;
  }
  for (const gid_t gid : process.additional_gids) {
    if (id_mapped(facts.gids, gid)) {
      groups.push_back(gid);
    } else if (facts.leaves_out_groups) {
      log::debug("group {} is not mapped and left out", gid);
    } else {
      TRY(check_mapped(facts.gids, gid, "group id"));
    }
  }
  return groups;
}

Result<std::vector<ResourceLimit>> parse_limits(const std::vector<oci::Rlimit>& limits) {
  std::vector<ResourceLimit> parsed;
  for (const oci::Rlimit& limit : limits) {
    const int resource = TRY(parse_resource_name(limit.type));
    if (std::ranges::find(parsed, resource, &ResourceLimit::resource) != parsed.end())
      return fail(ErrorKind::invalid, "the limit {} is there twice", printable(limit.type));
    if (limit.soft > limit.hard)
      return fail(ErrorKind::invalid, "the soft limit of {} is above the hard limit", printable(limit.type));
    parsed.push_back({.resource = resource, .soft = limit.soft, .hard = limit.hard});
  }
  return parsed;
}

// Each variable once: programs disagree which of several counts, and the shell's is not getenv's.
std::vector<std::string> last_values(const std::vector<std::string>& env) {
  std::vector<std::string> kept;
  std::map<std::string_view, std::size_t> places;
  for (const std::string& line : env) {
    const auto [place, is_new] =
        places.emplace(std::string_view(line).substr(0, line.find('=')), kept.size());
    if (is_new)
      kept.push_back(line);
    else
      kept[place->second] = line;
  }
  return kept;
}

Result<> check_texts(const oci::RuntimeProcess& process) {
  for (const auto* texts : {&process.args, &process.env})
    for (const std::string& text : *texts)
      if (text.contains('\0'))
        return fail(ErrorKind::invalid, "'{}' of the container's program has a NUL byte", printable(text));
  if (process.cwd.contains('\0'))
    return fail(ErrorKind::invalid, "the working directory '{}' has a NUL byte", printable(process.cwd));
  return {};
}

}  // namespace

bool id_mapped(const fs::IdMap& map, std::uint32_t id) {
  return std::ranges::any_of(map, [id](const fs::IdRange& range) {
    return id >= range.container_id && id - range.container_id < range.size;
  });
}

Result<ProcessPlan> make_process_plan(const oci::RuntimeProcess& from, const PlanFacts& facts) {
  if (from.args.empty() || from.args.front().empty())
    return fail(ErrorKind::invalid, "the container has no program to run");
  TRY(check_texts(from));
  TRY(check_mapped(facts.uids, from.uid, "user id"));
  TRY(check_mapped(facts.gids, from.gid, "group id"));
  TRY(check_labels(from, facts));
  const CapabilitySets capabilities = TRY(parse_capability_sets(from.capabilities, facts.capabilities));
  std::vector<gid_t> groups = TRY(usable_groups(from, facts));
  ProcessPlan process{.args = from.args,
                      .env = last_values(from.env),
                      .cwd = from.cwd,
                      .uid = from.uid,
                      .gid = from.gid,
                      .groups = std::move(groups),
                      .set_groups = facts.set_groups,
                      .umask = from.umask,
                      .capabilities = capabilities,
                      .no_new_privileges = from.no_new_privileges,
                      .oom_score_adj = from.oom_score_adj,
                      .selinux_label = from.selinux_label,
                      .terminal = from.terminal,
                      .console_size = from.console_size.value_or(oci::ConsoleSize{})};
  if (facts.apparmor) process.apparmor_profile = from.apparmor_profile;
  process.limits = TRY(parse_limits(from.rlimits));
  if (from.scheduler) process.scheduler = TRY(parse_scheduler(*from.scheduler));
  if (from.io_priority) process.io_priority = TRY(parse_io_priority(*from.io_priority));
  return process;
}

Result<CapabilitySets> parse_capability_sets(const oci::Capabilities& names, CapabilitySet kernel) {
  CapabilityReader reader(kernel);
  CapabilitySets sets;
  sets.bounding = reader.read(names.bounding);
  sets.effective = reader.read(names.effective);
  sets.permitted = reader.read(names.permitted);
  sets.inheritable = reader.read(names.inheritable);
  sets.ambient = reader.read(names.ambient);
  // The kernel's rules, of which it says no more than EPERM.
  TRY(check_within(sets.effective, "effective", sets.permitted, "permitted"));
  // The kernel has none in the ambient set that is not in both of these. Engines write them there all the
  // same (buildah names all of its capabilities), and mean what becomes of it.
  if (const CapabilitySet beyond = sets.ambient & ~(sets.permitted & sets.inheritable); beyond != 0) {
    for (const std::string& name : capability_names(beyond))
      log::warning("can't raise ambient capability {}: it is not both permitted and inheritable", name);
    sets.ambient &= ~beyond;
  }
  TRY(check_within(sets.inheritable, "inheritable", sets.bounding, "in the bounding set"));
  return sets;
}

Result<std::uint64_t> parse_personality(const oci::Personality& personality) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 2> domains = {
      {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}}};
  if (!personality.flags.empty())
    return fail(ErrorKind::unsupported, "unknown flag '{}' of linux.personality",
                printable(personality.flags.front()));
  const auto domain = find_word(domains, personality.domain);
  if (!domain)
    return fail(ErrorKind::unsupported, "unknown domain '{}' of linux.personality",
                printable(personality.domain));
  return *domain;
}

Result<std::string> parse_processor_list(const std::string& list) {
  if (list.empty()) return std::string();
  const auto bad = [&] {
    return fail(ErrorKind::invalid, "bad list of processors '{}': it is like \"0-3,7\"", printable(list));
  };
  std::string mask;
  for (const std::string& part : split(list, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = parse_unsigned(part.substr(0, dash), k_most_processors - 1);
    const auto last =
        dash == std::string::npos ? first : parse_unsigned(part.substr(dash + 1), k_most_processors - 1);
    if (!first || !last || *first > *last) return bad();
    // The kernel takes whole words.
    const std::size_t size = (*last / 64 + 1) * 8;
    if (mask.size() < size) mask.resize(size, '\0');
    for (std::uint64_t number = *first; number <= *last; ++number)
      mask[number / 8] = static_cast<char>(static_cast<unsigned char>(mask[number / 8]) | 1u << number % 8);
  }
  return mask;
}

Result<SchedulerPlan> parse_scheduler(const oci::Scheduler& scheduler) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 7> policies = {
      {{"SCHED_OTHER", SCHED_OTHER},
       {"SCHED_FIFO", SCHED_FIFO},
       {"SCHED_RR", SCHED_RR},
       {"SCHED_BATCH", SCHED_BATCH},
       {"SCHED_ISO", 4},  // reserved by the kernel, which refuses it
       {"SCHED_IDLE", SCHED_IDLE},
       {"SCHED_DEADLINE", SCHED_DEADLINE}}};
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 7> flags = {
      {{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
       {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
       {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
       {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
       {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
       {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
       {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}}};
  const auto policy = find_word(policies, scheduler.policy);
  if (!policy) return fail(ErrorKind::invalid, "unknown scheduling policy '{}'", printable(scheduler.policy));
  SchedulerPlan plan{.policy = *policy,
                     .nice = scheduler.nice,
                     .priority = scheduler.priority,
                     .runtime = scheduler.runtime,
                     .deadline = scheduler.deadline,
                     .period = scheduler.period};
  for (const std::string& name : scheduler.flags) {
    const auto flag = find_word(flags, name);
    if (!flag) return fail(ErrorKind::invalid, "unknown scheduling flag '{}'", printable(name));
    plan.flags |= *flag;
  }
  return plan;
}

// The numbers are those of ioprio_set(2): some versions of <linux/ioprio.h> are no C++.
Result<int> parse_io_priority(const oci::IoPriority& priority) {
  constexpr int class_shift = 13;
  constexpr std::array<std::pair<std::string_view, int>, 3> classes = {
      {{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}}};
  const auto found = find_word(classes, priority.io_class);
  if (!found)
    return fail(ErrorKind::invalid, "unknown I/O priority class '{}'", printable(priority.io_class));
  if (priority.priority < 0 || priority.priority > 7)
    return fail(ErrorKind::invalid, "the I/O priority {} is not between 0 and 7", priority.priority);
  return *found << class_shift | priority.priority;
}

Result<int> parse_resource_name(const std::string& name) {
  for (const auto& [known, number] : k_resource_names)
    if (known == name) return number;
  return fail(ErrorKind::invalid, "unknown resource limit '{}'", printable(name));
}

}  // namespace ecrin::run
