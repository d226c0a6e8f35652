#include "run/host_features.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_facts.hpp"
#include "run/child_probe.hpp"
#include "run/doctor/identity_findings.hpp"
#include "run/network/keeper_bridges.hpp"
#include "run/network/network.hpp"
#include "run/plan/refusal.hpp"

namespace ecrin::run {
namespace {

using Level = Finding::Level;

std::string error_text(int code) {
  const char* text = ::strerrordesc_np(code);
  return text ? text : fmt::format("error {}", code);
}

Finding check_device(const std::string& name, const std::string& path, OuterNeed need,
                     const std::string& meaning) {
  Finding finding{.name = name};
  if (::access(path.c_str(), R_OK | W_OK) == 0) {
    finding.fact = "usable";
    return finding;
  }
  const int code = errno;
  finding.level = Level::note;
  finding.fact = error_text(code);
  finding.meaning = meaning;
  finding.fix = device_fix(find_outer_container(), need, code);
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

// The first process of a container is executed from one. What is in it is no program, which is seen later
// than that it may not be executed.
Finding check_memory_files() {
  Finding finding{.name = "programs in memory files"};
  const auto file = posix::sealed_memory_file("ecrin-probe", std::as_bytes(std::span("none", 4)));
  const int code = !file ? file.error().code() : probe_in_child([&] {
    char name[] = "probe";
    char* arguments[] = {name, nullptr};
    char* environment[] = {nullptr};
    ::syscall(SYS_execveat, file->get(), "", arguments, environment, AT_EMPTY_PATH);
    return errno == ENOEXEC;
  });
  if (code == 0) {
    finding.fact = "can be executed";
    return finding;
  }
  const Error error = explain_memory_file_refusal(code);
  return finding_of(Level::problem, finding.name, error, "no container can be started");
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
  std::vector<Finding> findings = identity_findings(read_identity_facts(request));
  const std::vector<Finding> others = {
      check_device("FUSE", "/dev/fuse", OuterNeed::fuse, "the fuse-overlayfs driver cannot be used"),
      check_device("tun device", "/dev/net/tun", OuterNeed::tun, "private networks cannot be made"),
      check_network(search_path),
      check_named_networks(search_path),
      check_seccomp(),
      check_memory_files(),
      check_bootstrap(search_path),
      check_cgroups()};
  findings.insert(findings.end(), others.begin(), others.end());
  return findings;
}

}  // namespace ecrin::run
