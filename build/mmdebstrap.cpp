#include "build/mmdebstrap.hpp"

#include <poll.h>
#include <signal.h>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/file_owners.hpp"
#include "run/plan/plan_facts.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_tail = 4096;  // of the messages: the last error is in there

// Debian's word for each architecture that has another name here.
std::string debian_architecture(const oci::Platform& platform) {
  if (platform.architecture == "386") return "i386";
  if (platform.architecture == "arm") return "armhf";
  if (platform.architecture == "ppc64le") return "ppc64el";
  if (platform.architecture == "mips64le") return "mips64el";
  return platform.architecture;
}

Command command_for(const Session& session, const recipes::FromBootstrap& bootstrap,
                    const oci::Platform& platform, Mmdebstrap::Task task, const std::string& temporary) {
  Command command;
  command.search_path = session.workshop.options().search_path;
  // Namespaces of its own: when it must stop, apt and dpkg stop with it, whatever they are doing, and no
  // mount stays. One that is supervised has them.
  command.own_session = !run::may_mount_here();  // where there are no namespaces
  if (!fs::owners_are_recorded() && !command.own_session)
    command.argv = {"unshare", "--mount", "--pid", "--fork", "--kill-child", "--"};
  command.argv.insert(command.argv.end(),
                      {"mmdebstrap", "--mode=root", "--format=tar", "--variant=" + bootstrap.variant,
                       // Nodes in /dev cannot be made here, and a container brings its own.
                       "--skip=output/dev"});
  // Only the verbose one names the packages.
  if (task == Mmdebstrap::Task::simulate)
    command.argv.insert(command.argv.end(), {"--simulate", "--verbose"});
  command.argv.push_back("--architectures=" + debian_architecture(platform));
  // It would look for an emulator that the host has registered, and copy it into the tree. Ours was tried.
  if (platform.architecture != oci::Platform::host().architecture)
    command.argv.push_back("--skip=check/qemu");
  if (!bootstrap.include.empty()) command.argv.push_back("--include=" + join(bootstrap.include, ","));
  // An old snapshot's lists have run out long ago; that is what it is for.
  if (!bootstrap.snapshot.empty()) command.argv.push_back("--aptopt=Acquire::Check-Valid-Until \"false\"");
  command.argv.push_back(bootstrap.suite);
  command.argv.push_back("-");
  std::vector<std::string> environment = {
      "PATH=" + command.search_path,
      "TMPDIR=" + temporary,
      "LC_ALL=C.UTF-8",
      "TZ=UTC",
      "HOME=" + temporary,  // so that it reads nobody's settings
      fmt::format("SOURCE_DATE_EPOCH={}",
                  session.options.current_time ? session.options.now : session.time.clamp),
  };
  for (const auto& [name, value] : session.options.proxy_environment)
    environment.push_back(name + "=" + value);
  command.environment = std::move(environment);
  return command;
}

}  // namespace

Result<std::unique_ptr<Mmdebstrap>> Mmdebstrap::start(const Session& session, const StepScope& scope,
                                                      const recipes::FromBootstrap& bootstrap, Task task,
                                                      const std::string& temporary,
                                                      std::function<void(std::string_view)> hear) {
  std::unique_ptr<Mmdebstrap> running(new Mmdebstrap(std::move(hear), scope.stop));
  Command command = command_for(session, bootstrap, scope.step.platform, task, temporary);
  Fd sources;
  if (!scope.step.bootstrap_sources.empty()) {
    command.argv.push_back("-");  // sources.list on standard input
    sources = TRY(posix::sealed_memory_file("sources.list", as_bytes(scope.step.bootstrap_sources)));
    command.descriptors.emplace_back(&sources, 0);
  }
  Pipe archive = TRY(Pipe::create());
  Pipe messages = TRY(Pipe::create());
  if (fs::owners_are_recorded()) {
    run::ProgramRequest request{.args = command.argv,
                                .env = *command.environment,
                                .stdio = {.input = std::move(sources),
                                          .output = std::move(archive.write),
                                          .error = std::move(messages.write)}};
    running->m_supervised.emplace(
        TRY_WHILE(run::SupervisedProgram::start(std::move(request)), "starting mmdebstrap"));
  } else {
    command.descriptors.emplace_back(&archive.write, 1);
    command.descriptors.emplace_back(&messages.write, 2);
    running->m_child = TRY_WHILE(Child::spawn(command), "starting mmdebstrap");
  }
  running->m_archive = std::move(archive.read);
  running->m_messages = std::move(messages.read);
  return running;
}

Result<std::size_t> Mmdebstrap::read(std::span<std::byte> buffer) {
  while (true) {
    TRY(m_stop.check());
    struct pollfd ready[2] = {{.fd = m_archive.get(), .events = POLLIN, .revents = 0},
                              {.fd = m_messages ? m_messages.get() : -1, .events = POLLIN, .revents = 0}};
    if (::poll(ready, 2, 100) < 0 && errno != EINTR) return fail_errno("cannot wait for mmdebstrap");
    if (ready[1].revents) TRY(pass_on());
    if (ready[0].revents) return posix::read_some(m_archive, buffer);
  }
}

Result<> Mmdebstrap::pass_on() {
  std::byte buffer[4096];
  const std::size_t size = TRY(posix::read_some(m_messages, buffer));
  const std::string_view text(reinterpret_cast<const char*>(buffer), size);
  if (text.empty()) {
    m_messages.reset();
    return {};
  }
  m_hear(text);
  m_tail += text;
  if (m_tail.size() > k_tail) m_tail.erase(0, m_tail.size() - k_tail);
  for (const std::string& line : split(m_tail, '\n')) {
    if (line.starts_with("E: ")) m_last_error = line.substr(3);
  }
  return {};
}

Result<> Mmdebstrap::hear_rest() {
  m_archive.reset();
  while (m_messages) TRY(pass_on());
  return {};
}

Result<ExitStatus> Mmdebstrap::end() {
  TRY(hear_rest());
  return child().wait();
}

void Mmdebstrap::kill() {
  (void)child().signal(SIGKILL);
  (void)hear_rest();  // ends when the last of its processes has
}

}  // namespace ecrin::build
