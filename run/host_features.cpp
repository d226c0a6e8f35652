#include "run/host_features.hpp"

#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_facts.hpp"
#include "run/network/keeper_bridges.hpp"
#include "run/network/network.hpp"
#include "run/plan/refusal.hpp"
#include "run/user_namespace_maps.hpp"

namespace ecrin::run {
namespace {

using Level = Finding::Level;

// Runs a probe in a process of its own, so that what it changes ends with it; tells the errno it ended with
// (0: it worked). Only system calls: we may have threads.
template <class Probe>
int probe_in_child(Probe probe) {
  const pid_t pid = ::fork();
  if (pid < 0) return errno;
  if (pid == 0) ::_exit(probe() ? 0 : errno);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

std::string error_text(int code) {
  const char* text = ::strerrordesc_np(code);
  return text ? text : fmt::format("error {}", code);
}

Finding check_user_namespaces() {
  Finding finding{.name = "user namespaces"};
  const int code = probe_in_child([] { return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0; });
  if (code == 0) {
    finding.fact = "allowed";
    return finding;
  }
  const Error error = explain_user_namespace_refusal(code, read_refusal_facts());
  finding.level = Level::problem;
  finding.fact = error.message();
  finding.meaning = "images can be pulled, pushed and inspected, but nothing can be run in them";
  finding.fix = error.hint_text();
  return finding;
}

Finding check_apparmor() {
  Finding finding{.name = "AppArmor restriction of user namespaces"};
  const RefusalFacts facts = read_refusal_facts();
  if (facts.apparmor_restriction != "1") {
    finding.fact = facts.apparmor_restriction ? "off" : "this kernel has none";
    return finding;
  }
  finding.level = Level::note;
  finding.fact = "on";
  finding.meaning = "programs without a profile get no capabilities in their user namespaces";
  finding.fix =
      "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (as root), or a profile with 'userns,'";
  return finding;
}

Finding check_ranges(const IdentityRequest& request) {
  Finding finding{.name = "subuid ranges"};
  if (::getuid() == 0) {
    finding.fact = "not needed: this is root";
    return finding;
  }
  const MapChoice choice = choose_maps(request, ::getuid(), ::getgid());
  if (choice.problem.empty()) {
    finding.fact = fmt::format("{} user ids and {} group ids", fs::contiguous_ids(choice.uids),
                               fs::contiguous_ids(choice.gids));
    return finding;
  }
  finding.level = Level::lack;
  finding.fact = choice.problem;
  finding.meaning = "only one user id can be used in containers: programs that change to other users fail";
  finding.fix = choice.fix;
  return finding;
}

// A setuid program without the bit, or with no_new_privs on us, starts and then fails.
Finding check_map_programs(const IdentityRequest& request) {
  Finding finding{.name = "newuidmap and newgidmap"};
  const std::string path = find_program("newuidmap", request.search_path);
  if (path.empty() || find_program("newgidmap", request.search_path).empty()) {
    finding.level = ::getuid() == 0 ? Level::lack : Level::problem;
    finding.fact = "not found";
    finding.meaning = "ranges of /etc/subuid cannot be used";
    finding.fix = "apt install uidmap (Debian, Ubuntu), dnf install shadow-utils (Fedora)";
    return finding;
  }
  finding.fact = path;
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
    finding.level = Level::lack;
    finding.meaning = "no_new_privs is set on this process, so they cannot become root";
    finding.fix =
        "start the outer container without --security-opt no-new-privileges "
        "(Kubernetes: allowPrivilegeEscalation: true)";
  }
  return finding;
}

Finding check_device(const std::string& name, const std::string& path, const std::string& meaning,
                     const std::string& module) {
  Finding finding{.name = name};
  if (::access(path.c_str(), R_OK | W_OK) == 0) {
    finding.fact = "usable";
    return finding;
  }
  const int code = errno;
  finding.level = Level::note;
  finding.fact = error_text(code);
  finding.meaning = meaning;
  finding.fix = code == ENOENT ? fmt::format("modprobe {} (as root)", module)
                               : fmt::format("chmod 666 {} (as root)", path);
  return finding;
}

Finding check_network(const std::string& search_path) {
  Finding finding{.name = "private network"};
  const NetworkProbe probe = probe_private_network(search_path);
  finding.fact = probe.problem.empty() ? probe.helper : probe.problem;
  if (!probe.problem.empty()) {
    finding.level = Level::lack;
    finding.meaning = "build steps use the host's network; 'run' needs --network=host or none";
    finding.fix = probe.hint;
  }
  return finding;
}

Finding check_named_networks(const std::string& search_path) {
  Finding finding{.name = "named networks"};
  std::vector<std::string> missing;
  for (const char* name : {"netavark", "aardvark-dns", "iptables"})
    if (find_network_program(name, search_path).empty()) missing.emplace_back(name);
  finding.fact = missing.empty() ? "netavark" : "missing: " + join(missing, ", ");
  if (missing.empty()) return finding;
  finding.level = Level::lack;
  finding.meaning = "containers cannot share networks (--network NAME)";
  finding.fix = "apt-get install " + join(missing, " ") + " (as root)";
  return finding;
}

Finding check_seccomp() {
  Finding finding{.name = "seccomp"};
  // A null program is refused with EFAULT where filters exist (seccomp(2)).
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, nullptr) == 0 || errno == EFAULT ||
      errno == EACCES) {
    finding.fact = "filters are available";
    return finding;
  }
  finding.level = Level::problem;
  finding.fact = error_text(errno);
  finding.meaning = "containers can only be started without a system call filter";
  finding.fix = "use a kernel with CONFIG_SECCOMP_FILTER, or --security-opt seccomp=unconfined";
  return finding;
}

Finding check_bootstrap(const std::string& search_path) {
  Finding finding{.name = "mmdebstrap"};
  finding.fact = find_program("mmdebstrap", search_path);
  if (!finding.fact.empty()) return finding;
  finding.level = Level::lack;
  finding.fact = "not found";
  finding.meaning = "recipes cannot start from a bootstrapped Debian or Ubuntu";
  finding.fix = "apt install mmdebstrap";
  return finding;
}

// Which limits can be set in version 2: by root all that the host has, by users those that systemd gives
// their managers, as the administrator says.
Finding check_delegation(Finding finding, const CgroupFacts& facts) {
  const bool is_root = ::getuid() == 0;
  const std::string directory =
      is_root ? facts.mount
              : fmt::format("{0}/user.slice/user-{1}.slice/user@{1}.service", facts.mount, ::getuid());
  const std::vector<std::string> controllers = available_controllers(directory);
  finding.fact = "version 2";
  if (controllers.empty()) {
    finding.level = Level::note;
    finding.fact += is_root ? ", no controllers here" : ", no service manager of this user";
    finding.meaning = "limits of memory and processor time may not be had";
    finding.fix = is_root
                      ? "start the outer container with its cgroup writable and with controllers (podman run "
                        "--cgroupns=private --security-opt unmask=/sys/fs/cgroup)"
                      : "log in as this user, or loginctl enable-linger USER";
    return finding;
  }
  finding.fact += (is_root ? ", controllers: " : ", delegated to users: ") + join(controllers, ", ");
  const auto missing = missing_controllers({"cpu", "cpuset", "memory", "pids"}, controllers);
  if (missing.empty()) return finding;
  const Error reason = explain_missing(missing, directory);
  finding.level = Level::note;
  finding.meaning = fmt::format("limits of {} cannot be set", join(missing, ", "));
  if (!is_root) finding.fix = reason.hint_text();
  return finding;
}

Finding check_cgroups() {
  Finding finding{.name = "cgroups"};
  const CgroupFacts facts = read_cgroup_facts();
  const std::vector<std::string> usual = {"cpu", "memory", "pids"};
  const bool has_version2 =
      !facts.mount.empty() && missing_controllers(usual, available_controllers(facts.mount)).empty();
  if (facts.layout == CgroupLayout::version2 || has_version2)
    return check_delegation(std::move(finding), facts);
  const Error reason = explain_layout(facts.layout, usual);
  finding.level = Level::note;
  finding.fact = facts.layout == CgroupLayout::none     ? "not mounted"
                 : facts.layout == CgroupLayout::hybrid ? "version 1 with a version 2 beside it"
                                                        : "version 1";
  finding.meaning = reason.message();
  if (facts.layout != CgroupLayout::none && ::getuid() == 0)
    finding.meaning += ", but for ecrin-runtime as root, which uses version 1";
  finding.fix = reason.hint_text();
  return finding;
}

}  // namespace

std::vector<Finding> probe_host(const std::string& search_path) {
  IdentityRequest request = identity_request().value_or(IdentityRequest{});
  request.search_path = search_path;
  return {check_user_namespaces(),
          check_apparmor(),
          check_ranges(request),
          check_map_programs(request),
          check_device("FUSE", "/dev/fuse", "the fuse-overlayfs driver cannot be used", "fuse"),
          check_device("tun device", "/dev/net/tun", "private networks cannot be made", "tun"),
          check_network(search_path),
          check_named_networks(search_path),
          check_seccomp(),
          check_bootstrap(search_path),
          check_cgroups()};
}

}  // namespace ecrin::run
