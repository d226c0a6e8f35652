#include "run/exec.hpp"

#include <linux/seccomp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/pidfd.hpp"
#include "base/posix.hpp"
#include "run/console_socket.hpp"
#include "run/gate.hpp"
#include "run/owners/owner_supervisor.hpp"
#include "run/plan/namespace_plan.hpp"
#include "run/plan/plan_facts.hpp"
#include "run/plan/process_plan.hpp"
#include "run/proc_number.hpp"
#include "run/seccomp/seccomp_listener.hpp"
#include "run/stage_process.hpp"

namespace ecrin::run {
namespace {

// The files below /proc/PID were those of the process that is meant, if it lives still.
Result<> check_target(const Fd& pidfd, pid_t pid) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), 0, nullptr, 0) == 0 || errno == EPERM) return {};
  return fail(ErrorKind::conflict, "the container's process {} has ended", pid);
}

Result<Fd> open_root(pid_t pid) {
  return posix::open(fmt::format("/proc/{}/root", proc_number(pid)), O_PATH | O_DIRECTORY);
}

Result<Entrance> find_entrance(const ExecOptions& options) {
  if (!options.plain_root.empty()) {
    Entrance entrance;
    entrance.root = TRY(posix::open(options.plain_root, O_PATH | O_DIRECTORY));
    return entrance;
  }
  auto namespaces = open_namespaces_of(options.target);
  if (namespaces) {
    auto root = open_root(options.target);
    if (root) return Entrance{std::move(*namespaces), std::move(*root)};
    namespaces = std::unexpected(std::move(root).error());
  }
  if (!options.gate || namespaces.error().kind() != ErrorKind::denied)
    return std::unexpected(std::move(namespaces).error());
  Entrance entrance = TRY(ask_at_gate(*options.gate));
  entrance.namespaces = TRY(without_own(std::move(entrance.namespaces)));
  return entrance;
}

Result<SetupPlan> make_exec_plan(const ExecOptions& options) {
  SetupPlan plan;
  plan.init = false;
  plan.process = TRY(make_process_plan(options.process, joined_plan_facts()));
  plan.process.seccomp = options.seccomp;
  plan.process.seccomp_flags = options.seccomp_flags;
  if (options.personality) plan.process.personality = TRY(parse_personality(*options.personality));
  if (const auto& affinity = options.process.exec_cpu_affinity) {
    plan.process.stage_processors = TRY(parse_processor_list(affinity->initial));
    plan.process.processors = TRY(parse_processor_list(affinity->final));
  }
  return plan;
}

}  // namespace

struct ExecProcess::State {
  std::shared_ptr<OwnerSupervisor> owners;  // answers as long as its programs ask
  StageProcess stage;
  pid_t pid = -1;
};

ExecProcess::ExecProcess(std::unique_ptr<State> state) : m_state(std::move(state)) {}
ExecProcess::ExecProcess(ExecProcess&&) noexcept = default;
ExecProcess& ExecProcess::operator=(ExecProcess&&) noexcept = default;
ExecProcess::~ExecProcess() = default;

Result<ExecProcess> ExecProcess::start(ExecOptions options) {
  Fd console;
  if (options.process.terminal && !options.console_socket.empty())
    console = TRY(connect_console_socket(options.console_socket));
  if (!options.target_pidfd) options.target_pidfd = TRY(posix::open_pidfd(options.target));
  std::uint64_t ids_number = 0;
  if (options.owners) ids_number = TRY(options.owners->take_ids(options.process));
  StageRequest request{.plan = TRY(make_exec_plan(options)),
                       .cgroups = &options.cgroup_entries,
                       .stdio = std::move(options.stdio),
                       .preserved_descriptors = options.preserved_descriptors,
                       .detached = options.detached};
  Entrance entrance = TRY(find_entrance(options));
  for (OpenNamespace& joined : entrance.namespaces) {
    const int number = TRY(request.hand_down(std::move(joined.file)));
    request.plan.entry.joined.push_back({.kind = joined.flag, .descriptor = number});
  }
  // Without a right in the namespaces a filter takes this.
  if (request.plan.entry.joined.empty() && !may_mount_here()) request.plan.process.no_new_privileges = true;
  request.plan.entry.root = TRY(request.hand_down(std::move(entrance.root)));
  if (options.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
    if (!options.agent || !options.state)
      return fail(ErrorKind::invalid, "nobody answers for the system calls of the seccomp filter");
    request.plan.listener = TRY(request.hand_down(TRY(connect_seccomp_agent(*options.agent))));
    request.plan.reports_prepared = true;
  }
  if (options.owners) TRY(options.owners->supervise(request, ids_number));
  TRY(check_target(options.target_pidfd, options.target));
  StageProcess stage = TRY(StageProcess::spawn(std::move(request)));
  auto state = std::make_unique<State>(State{.owners = options.owners, .stage = std::move(stage)});
  const auto states = [&](pid_t process) -> Result<HookStates> {
    HookStates told;
    told.listener =
        TRY(seccomp_listener_state(*options.agent, process, options.state("running", options.target)));
    return told;
  };
  TRY(state->stage.follow({.write_maps = {}, .run_hooks = states}));
  state->pid = state->stage.child().pid();
  if (console)
    TRY(send_console(console, std::exchange(state->stage.terminal(), Fd()), state->stage.terminal_name()));
  return ExecProcess(std::move(state));
}

pid_t ExecProcess::pid() const {
  return m_state->pid;
}
const Fd& ExecProcess::pidfd() const {
  return m_state->stage.child().pidfd();
}
const Fd& ExecProcess::terminal() const {
  return m_state->stage.terminal();
}
Result<> ExecProcess::signal(int number) {
  return m_state->stage.child().signal(number);
}
Result<ExitStatus> ExecProcess::wait() {
  return m_state->stage.child().wait();
}
void ExecProcess::detach() {
  m_state->stage.child().detach();
}

}  // namespace ecrin::run
