#include "run/stage_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>

#include "base/pidfd.hpp"
#include "base/posix.hpp"
#include "base/stream.hpp"
#include "base/text.hpp"
#include "run/container_spawn.hpp"
#include "run/embedded.hpp"
#include "run/message_socket.hpp"

namespace ecrin::run {
namespace {

int first_free(unsigned preserved_descriptors) {
  return k_stage_plan_descriptor + 1 + static_cast<int>(preserved_descriptors);
}

// The same for every container of a process: the stage as a file that can be executed.
Result<const Fd*> stage_program() {
  static std::mutex mutex;
  static Fd program;
  const std::scoped_lock lock(mutex);
  if (!program) program = TRY(posix::sealed_memory_file("ecrin-stage", embedded_stage()));
  return &program;
}

// What the stage gets, at which numbers; owns the copies.
struct Descriptors {
  std::vector<Fd> copies;
  std::vector<std::pair<int, int>> moved;
  std::vector<int> kept;

  Result<> add_stdio(Stdio& stdio, bool terminal, unsigned preserved) {
    const Fd& null = copies.emplace_back(TRY(move_above(TRY(posix::open("/dev/null", O_RDWR)), preserved)));
    const int null_number = null.get();
    const std::array<Fd*, 3> given = {&stdio.input, &stdio.output, &stdio.error};
    for (int number = 0; number < 3; ++number) {
      Fd& fd = *given[static_cast<std::size_t>(number)];
      if (stdio.inherited && !terminal && ::fcntl(number, F_GETFD) >= 0) {
        kept.push_back(number);
        continue;
      }
      if (!fd || terminal) {
        moved.emplace_back(null_number, number);
        continue;
      }
      Fd above = TRY(move_above(std::move(fd), preserved));
      moved.emplace_back(above.get(), number);
      copies.push_back(std::move(above));
    }
    return {};
  }

  // Those that are closed stay so. What this process opened itself is close-on-exec; what it was given never
  // is, or it would not be here.
  Result<> add_preserved(SetupPlan& plan, unsigned preserved) {
    for (unsigned index = 0; index < preserved; ++index) {
      const int number = 3 + static_cast<int>(index);
      const int flags = ::fcntl(number, F_GETFD);
      if (flags < 0 || (flags & FD_CLOEXEC) != 0) {
        plan.process.preserved.push_back(-1);
        continue;
      }
      Fd copy(::fcntl(number, F_DUPFD_CLOEXEC, first_free(preserved)));
      if (!copy)
        return fail_errno("cannot pass descriptor {} on to the container (of {} from 3 on)", number,
                          preserved);
      plan.process.preserved.push_back(copy.get());
      kept.push_back(copy.get());
      copies.push_back(std::move(copy));
    }
    return {};
  }
};

}  // namespace

Result<Fd> move_above(Fd fd, unsigned preserved_descriptors) {
  const int lowest = first_free(preserved_descriptors);
  if (fd.get() >= lowest) return fd;
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, lowest));
  if (!copy) return fail_errno("cannot duplicate a descriptor");
  return copy;
}

Result<int> StageRequest::hand_down(Fd fd) {
  return handed_down.emplace_back(TRY(move_above(std::move(fd), preserved_descriptors))).get();
}

Result<StageProcess> StageProcess::spawn(StageRequest request) {
  const unsigned preserved = request.preserved_descriptors;
  StageProcess stage;
  Descriptors descriptors;
  SocketPair socket = TRY(SocketPair::create(SOCK_SEQPACKET));
  const Fd control = TRY(move_above(std::move(socket.theirs), preserved));
  stage.m_control = std::move(socket.ours);
  request.plan.control = control.get();
  descriptors.kept.push_back(control.get());
  if (!request.detached) {
    Pipe ends = TRY(Pipe::create());
    Fd lifeline = TRY(move_above(std::move(ends.read), preserved));
    stage.m_lifeline = std::move(ends.write);
    request.plan.lifeline = lifeline.get();
    descriptors.kept.push_back(lifeline.get());
    descriptors.copies.push_back(std::move(lifeline));
  }
  stage.m_ends_others = !request.detached && request.plan.init && !request.plan.pid_namespace;
  for (const Fd& fd : request.handed_down) descriptors.kept.push_back(fd.get());
  TRY(descriptors.add_preserved(request.plan, preserved));
  TRY(descriptors.add_stdio(request.stdio, request.plan.process.terminal, preserved));

  const std::string encoded = encode_plan(request.plan);
  const Fd plan_file =
      TRY(move_above(TRY(posix::sealed_memory_file("ecrin-plan", as_bytes(encoded))), preserved));
  descriptors.moved.emplace_back(plan_file.get(), k_stage_plan_descriptor);
  const Fd program = TRY(move_above(TRY(TRY(stage_program())->duplicate()), preserved));
  const SpawnRequest spawn{.program = &program,
                           .namespaces = request.clone_namespaces,
                           .network_namespace = request.network_namespace,
                           .cgroups = request.cgroups,
                           .moved = descriptors.moved,
                           .kept = descriptors.kept};
  stage.m_child = TRY(spawn_in_namespaces(spawn));
  // Our copies of what the container has now go here: as long as they are open, no end of stream is seen.
  return stage;
}

StageProcess::~StageProcess() {
  if (!m_ends_others || !m_child || !m_lifeline) return;
  m_lifeline.reset();
  (void)m_child.wait();
}

Result<> StageProcess::kill() {
  if (!m_ends_others) return m_child.signal(SIGKILL);
  m_lifeline.reset();
  return {};
}

Result<> StageProcess::adopt(const std::string& text) {
  const auto pid = static_cast<pid_t>(TRY(parse_unsigned(text, INT32_MAX)));
  TRY(m_child.wait());
  // It is our child that nobody has waited for, so the number is its own.
  auto pidfd = posix::open_pidfd(pid);
  m_child = Child::adopt(pid, pidfd ? std::move(*pidfd) : Fd());
  if (!pidfd) return std::unexpected(std::move(pidfd).error());
  return send_message(m_control, StageMessage::proceed);
}

Result<StageProcess::Reached> StageProcess::follow(const Answers& answers) {
  bool ready = false;
  while (std::optional<Message> message = TRY(receive_message(m_control))) {
    switch (message->kind) {
      case StageMessage::created:
        m_created.push_back(std::move(message->payload));
        break;
      case StageMessage::host_proc:
        m_shows_host_proc = true;
        break;
      case StageMessage::terminal:
        m_terminal = std::move(message->descriptor);
        m_terminal_name = std::move(message->payload);
        break;
      case StageMessage::user_namespace:
        if (!answers.write_maps) return fail(ErrorKind::invalid, "the stage asks for maps that nobody has");
        TRY(answers.write_maps(m_child.pid()));
        TRY(send_message(m_control, StageMessage::proceed));
        break;
      case StageMessage::moved:
        TRY(adopt(message->payload));
        break;
      case StageMessage::prepared: {
        if (!answers.run_hooks) return fail(ErrorKind::invalid, "the stage asks for hooks that nobody has");
        const HookStates states = TRY(answers.run_hooks(m_child.pid()));
        const std::string encoded = encode_states(states);
        const Fd file = TRY(posix::sealed_memory_file("ecrin-states", as_bytes(encoded)));
        TRY(send_message(m_control, StageMessage::proceed, {}, &file));
        break;
      }
      case StageMessage::waiting:
        return Reached::gate;
      case StageMessage::ready:
        ready = true;
        break;
      case StageMessage::error:
        return std::unexpected(error_of(*message));
      default:
        return fail(ErrorKind::invalid, "the stage of the container says what nobody understands");
    }
  }
  if (ready) return Reached::execution;
  const ExitStatus status = TRY(m_child.wait());
  return fail(ErrorKind::system, "the stage of the container ended too early: {}", status.to_string());
}

}  // namespace ecrin::run
