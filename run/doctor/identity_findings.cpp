#include "run/doctor/identity_findings.hpp"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/child.hpp"
#include "base/text.hpp"
#include "run/user_namespace_maps.hpp"

namespace ecrin::run {
namespace {

using Level = Finding::Level;

constexpr const char* k_single_meaning =
    "true owners are recorded beside the files: images are the same as with more ids, steps that set owners "
    "take longer";

std::string ids_text(std::uint64_t users, std::uint64_t groups) {
  return fmt::format("{} user id{} and {} group id{}", users, users == 1 ? "" : "s", groups,
                     groups == 1 ? "" : "s");
}

Finding outer_finding(const IdentityFacts& facts) {
  Finding finding{.name = "surroundings"};
  switch (facts.refusal.outer) {
    case OuterContainer::none:
      finding.fact = "no container that left a trace";
      break;
    case OuterContainer::podman:
      finding.fact = "a container of podman";
      break;
    case OuterContainer::docker:
      finding.fact = "a container of docker";
      break;
    case OuterContainer::kubernetes:
      finding.fact = "a pod of Kubernetes";
      break;
    case OuterContainer::unknown:
      finding.fact = "a container";
      break;
  }
  if (facts.refusal.filtered) finding.fact += ", with a system call filter";
  if (facts.no_new_privileges) finding.fact += ", with no_new_privs";
  return finding;
}

Finding namespaces_finding(const IdentityFacts& facts) {
  const std::string name = "user namespaces";
  if (!facts.probe)
    return finding_of(Level::problem, name, facts.probe.error(),
                      "images can be copied between registries and files, but not unpacked, built or run");
  const IdentityProbe& probe = *facts.probe;
  if (probe.mode == IdentityMode::chroot || probe.mode == IdentityMode::identity) {
    const bool can_run = probe.mode == IdentityMode::identity;
    return {.level = can_run ? Level::note : Level::lack,
            .name = name,
            .fact = probe.note,
            .meaning = can_run
                           ? "containers are root of this system"
                           : "containers are processes of this container with a root directory of their "
                             "own: they have its network and can mount nothing, and volumes cannot be had",
            .fix = probe.fix};
  }
  return {.name = name, .fact = "allowed"};
}

Finding apparmor_finding(const IdentityFacts& facts) {
  Finding finding{.name = "AppArmor restriction of user namespaces"};
  if (facts.refusal.apparmor_restriction != "1") {
    finding.fact = facts.refusal.apparmor_restriction ? "off" : "this kernel has none";
    return finding;
  }
  if (facts.probe) {
    finding.fact = "on, and this program is let through";
    return finding;
  }
  finding.level = Level::problem;
  finding.fact = "on";
  finding.meaning = "programs without a profile get no capabilities in their user namespaces";
  finding.fix = apparmor_profile_fix(facts.refusal.program);
  return finding;
}

Finding ranges_finding(const IdentityFacts& facts) {
  Finding finding{.name = "subuid ranges"};
  if (facts.is_root) {
    finding.fact = "not needed: this is root";
  } else if (facts.ranges_problem.empty()) {
    finding.fact = ids_text(facts.users, facts.groups);
  } else {
    finding.level = Level::note;
    finding.fact = facts.ranges_problem;
    finding.meaning = std::string("only one id can be used: ") + k_single_meaning;
    finding.fix = facts.ranges_fix;
  }
  return finding;
}

// A setuid program without the bit, or with no_new_privs on us, starts and then fails: only trying tells.
Finding map_programs_finding(const IdentityFacts& facts) {
  Finding finding{.name = "newuidmap and newgidmap"};
  if (facts.is_root) {
    finding.fact = "not needed: this is root";
    return finding;
  }
  if (facts.map_program.empty()) {
    finding.level = Level::note;
    finding.fact = "not found";
    finding.meaning = "ranges of /etc/subuid cannot be used";
    finding.fix = "apt-get install uidmap (Debian, Ubuntu) or dnf install shadow-utils (Fedora), as root";
    return finding;
  }
  finding.fact = facts.map_program;
  const bool tried = facts.probe && facts.ranges_problem.empty();
  if (!tried || facts.probe->mode == IdentityMode::mapped) return finding;
  finding.level = Level::note;
  finding.fact = facts.probe->note;
  finding.meaning = std::string("only one id can be used: ") + k_single_meaning;
  finding.fix = facts.no_new_privileges ? outer_container_fix(facts.refusal.outer, OuterNeed::new_privileges)
                                        : facts.probe->fix;
  return finding;
}

Finding mode_finding(const IdentityFacts& facts) {
  const IdentityProbe& probe = *facts.probe;
  Finding finding{.name = "identity mode"};
  finding.fact = fmt::format("{}: {}", to_string(probe.mode), ids_text(probe.users, probe.groups));
  const bool records = probe.users == 1 || probe.groups == 1;
  if (!records) return finding;
  finding.level = facts.notifications ? Level::note : Level::lack;
  finding.meaning = k_single_meaning;
  if (!facts.notifications)
    finding.meaning =
        "programs that set owners fail: this kernel, or the filter around, has no notifications of system "
        "calls";
  finding.fix = facts.notifications ? probe.fix : "use Linux 5.14 or newer with CONFIG_SECCOMP_FILTER";
  return finding;
}

Finding isolation_finding(const IdentityFacts& facts) {
  const IdentityProbe& probe = *facts.probe;
  Finding finding{.name = "isolation of containers"};
  if (probe.mode == IdentityMode::chroot) {
    finding.level = Level::lack;
    finding.fact = "a root directory of their own (chroot), nothing else";
    finding.meaning = "their processes see, and as root can end, those of this container";
    finding.fix = probe.fix;
    return finding;
  }
  if (probe.namespaces != 0) {
    const char* text = ::strerrordesc_np(probe.namespaces);
    return {.level = Level::problem,
            .name = finding.name,
            .fact = fmt::format("pid, ipc, uts and cgroup namespaces cannot be made: {}", text ? text : ""),
            .meaning = "nothing can be run in images",
            .fix = outer_container_fix(facts.refusal.outer, OuterNeed::user_namespaces)};
  }
  finding.fact = "namespaces for mounts, processes, ipc, host name and cgroups";
  if (probe.network == 0) {
    finding.fact += ", and for networks";
    return finding;
  }
  finding.level = Level::lack;
  finding.meaning = "containers have the network that is here";
  finding.fix = outer_container_fix(facts.refusal.outer, OuterNeed::user_namespaces);
  return finding;
}

Finding proc_finding(const IdentityFacts& facts) {
  Finding finding{.name = "/proc of containers"};
  if (facts.probe->proc == 0) {
    finding.fact = "their own";
    return finding;
  }
  const Error error = masked_proc_refusal(facts.refusal.outer);
  return finding_of(Level::note, finding.name, error,
                    "theirs is the one of the container around: its processes are seen, with other numbers");
}

}  // namespace

IdentityFacts read_identity_facts(const IdentityRequest& request) {
  IdentityFacts facts{.probe = probe_identity(request), .refusal = read_refusal_facts()};
  facts.is_root = ::geteuid() == 0;
  facts.no_new_privileges = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  facts.map_program = find_program("newuidmap", request.search_path);
  if (find_program("newgidmap", request.search_path).empty()) facts.map_program.clear();
  const MapChoice choice = choose_ranges(request, ::geteuid(), ::getegid());
  facts.ranges_problem = choice.problem;
  facts.ranges_fix = choice.fix;
  facts.users = fs::contiguous_ids(choice.uids);
  facts.groups = fs::contiguous_ids(choice.gids);
  seccomp_notif_sizes sizes{};
  facts.notifications = ::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0;
  return facts;
}

std::vector<Finding> identity_findings(const IdentityFacts& facts) {
  std::vector<Finding> findings = {outer_finding(facts), namespaces_finding(facts), apparmor_finding(facts),
                                   ranges_finding(facts), map_programs_finding(facts)};
  if (!facts.probe) return findings;
  findings.push_back(mode_finding(facts));
  findings.push_back(isolation_finding(facts));
  if (facts.probe->mode != IdentityMode::chroot) findings.push_back(proc_finding(facts));
  return findings;
}

}  // namespace ecrin::run
