#include "tests/conformance/tools.hpp"

#include <signal.h>

#include <cstdlib>
#include <stdexcept>

namespace ecrin::tests {

Tools::Tools(const Scratch& scratch) : m_scratch(scratch) {
  char path[] = "/tmp/ecrin-XXXXXX";
  if (!mkdtemp(path)) throw std::runtime_error("cannot make a directory in /tmp");
  m_run = path;
}

Tools::~Tools() {
  // podman leaves a process behind that keeps its user namespace; its number is in a file.
  const std::string pause = m_run + "/libpod/tmp/pause.pid";
  if (exists(pause))
    if (const int pid = std::atoi(read_file(pause).c_str()); pid > 1) kill(pid, SIGKILL);
  remove_all_ids(m_run);
}

Invocation Tools::invocation(Arguments argv) const {
  Invocation invocation = host_command(std::move(argv));
  const std::string home = m_scratch / "home";
  make_directory(home + "/tmp");
  invocation.set("HOME", home);
  invocation.set("TMPDIR", home + "/tmp");
  invocation.set("XDG_RUNTIME_DIR", m_run);
  invocation.directory = m_scratch.path();
  invocation.timeout = std::chrono::seconds(240);
  return invocation;
}

Outcome Tools::run_tool(Arguments argv) const {
  return run(invocation(std::move(argv)));
}

Outcome Tools::skopeo(Arguments arguments) const {
  arguments.insert(arguments.begin(), {"skopeo", "--insecure-policy"});
  return run_tool(std::move(arguments));
}

Invocation Tools::podman_invocation(Arguments arguments) const {
  // Without systemd there is only the cgroupfs manager, and without a journal no event log.
  arguments.insert(arguments.begin(),
                   {"podman", "--root", m_scratch / "home/podman", "--runroot", m_run + "/podman",
                    "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none"});
  return invocation(std::move(arguments));
}

Outcome Tools::podman(Arguments arguments) const {
  return run(podman_invocation(std::move(arguments)));
}

Outcome Tools::podman_run(const std::string& image, Arguments command) const {
  // runc first: crun refuses hosts where cgroup v1 and v2 are mounted side by side ("hybrid mode not
  // supported"), runc runs there without any cgroup. On a host with v2 alone and no delegation it is the
  // other way round.
  Outcome last;
  for (const Arguments& how :
       {Arguments{"--runtime", "runc", "run"}, Arguments{"--runtime", "crun", "run", "--cgroups=disabled"}}) {
    Arguments arguments = how;
    arguments.insert(arguments.end(), {"--rm", "--network", "none", image});
    arguments.insert(arguments.end(), command.begin(), command.end());
    last = podman(std::move(arguments));
    if (last.code == 0) break;
  }
  return last;
}

Outcome Tools::buildah(Arguments arguments) const {
  arguments.insert(arguments.begin(), {"buildah", "--root", m_scratch / "home/buildah", "--runroot",
                                       m_run + "/buildah", "--storage-driver", "vfs"});
  return run_tool(std::move(arguments));
}

Outcome Tools::umoci(Arguments arguments) const {
  arguments.insert(arguments.begin(), "umoci");
  return with_all_ids(std::move(arguments));
}

Outcome Tools::with_all_ids(Arguments argv) const {
  argv.insert(argv.begin(), {"unshare", "--map-root-user", "--map-auto", "--"});
  return run_tool(std::move(argv));
}

}  // namespace ecrin::tests
