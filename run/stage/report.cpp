#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/posix.hpp"
#include "run/message_socket.hpp"
#include "run/namespace_kinds.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {

Result<> report(const Stage& stage, StageMessage kind, std::string_view payload, const Fd* descriptor) {
  return send_message(stage.control, kind, payload, descriptor);
}

Result<Message> wait_for_answer(const Stage& stage) {
  auto answer = TRY(receive_message(stage.control));
  if (!answer || answer->kind != StageMessage::proceed)
    return fail(ErrorKind::cancelled, "the parent of the container is gone");
  return std::move(*answer);
}

Result<> wait_to_proceed(const Stage& stage) {
  TRY(wait_for_answer(stage));
  return {};
}

namespace {

// What /proc would show of a process that can be looked into; 0 stands for the root directory.
Result<> let_in(const Stage& stage, const Fd& asking) {
  for (const auto& [kind, flag] : k_namespace_flags) {
    const auto file =
        posix::open_at(stage.proc, fmt::format("self/ns/{}", namespace_file_name(kind)), O_RDONLY);
    if (file) TRY(send_message(asking, StageMessage::enter, std::to_string(flag), &*file));
  }
  const Fd root = TRY(posix::open("/", O_PATH | O_DIRECTORY));
  return send_message(asking, StageMessage::enter, "0", &root);
}

void end(int number) {
  ::_exit(128 + number);
}

// The kernel keeps signals without a handler from the first process of a pid namespace: who stops a container
// that waits would wait for ever.
class EndingSignals {
public:
  EndingSignals() { set(end); }
  EndingSignals(const EndingSignals&) = delete;
  EndingSignals& operator=(const EndingSignals&) = delete;
  ~EndingSignals() { set(SIG_DFL); }

private:
  static void set(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) (void)::sigaction(number, &action, nullptr);
  }
};

}  // namespace

Result<> wait_at_gate(Stage& stage) {
  if (!stage.gate) return {};
  const EndingSignals ending;
  TRY(report(stage, StageMessage::waiting));
  // The end of this connection would tell nobody anything: who made the container has heard enough.
  const int above = stage.control.get();
  for (;;) {
    std::array<pollfd, 2> waiting = {
        pollfd{.fd = stage.gate.get(), .events = POLLIN, .revents = 0},
        pollfd{.fd = stage.lifeline.get(), .events = POLLIN, .revents = 0}};  // -1 is passed over
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR)
      return fail_errno("cannot wait for the container's start");
    if (waiting[1].revents != 0) return fail(ErrorKind::cancelled, "the parent of the container is gone");
    if (waiting[0].revents == 0) continue;
    const Fd accepted(::accept4(stage.gate.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted && errno != EINTR && errno != ECONNABORTED)
      return fail_errno("cannot wait for the container's start");
    if (!accepted) continue;
    const auto word = receive_message(accepted);
    if (word && *word && (*word)->kind == StageMessage::enter) {
      if (const auto done = let_in(stage, accepted); !done)
        (void)send_message(accepted, StageMessage::error, done.error().serialise());
      continue;
    }
    // Who only asked whether somebody waits here has gone again.
    if (!word || !*word || (*word)->kind != StageMessage::start) continue;
    // Above the numbers that become the program's.
    Fd control(::fcntl(accepted.get(), F_DUPFD_CLOEXEC, above));
    if (!control) return fail_errno("cannot duplicate a descriptor");
    stage.control = std::move(control);
    stage.gate.reset();
    return {};
  }
}

}  // namespace ecrin::run::stage
