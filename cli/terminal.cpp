#include "cli/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "base/posix.hpp"
#include "cli/standard_streams.hpp"

namespace ecrin::cli {
namespace {

constexpr char k_end_of_transmission = 4;  // ^D: what a terminal in its usual mode takes for the end of input

// Bytes from our input on their way to the container's terminal. Writing must never wait: the program may be
// waiting for us to read its output.
class Pending {
public:
  bool empty() const { return m_bytes.empty(); }
  void add(std::string_view bytes) { m_bytes += bytes; }
  Result<> write_to(const Fd& terminal) {
    const ssize_t count = ::write(terminal.get(), m_bytes.data(), m_bytes.size());
    if (count < 0) {
      if (errno == EAGAIN || errno == EINTR) return {};
      if (errno == EIO) {  // nobody has it open any more
        m_bytes.clear();
        return {};
      }
      return fail_errno("cannot write to the container's terminal");
    }
    m_bytes.erase(0, static_cast<std::size_t>(count));
    return {};
  }

private:
  std::string m_bytes;
};

enum class Flow { more, paused, ended };

// One read of the container's terminal, to our output.
Result<Flow> copy_output(const Fd& terminal, const Fd& output) {
  std::array<std::byte, 16384> buffer;
  auto count = posix::read_some(terminal, buffer);
  if (!count) {
    if (count.error().code() == EAGAIN) return Flow::paused;
    // A pseudo terminal reports its last user's going as EIO (pty(7) does not say so, the kernel's tty code
    // does).
    if (count.error().code() == EIO) return Flow::ended;
    return std::unexpected(std::move(count).error());
  }
  if (*count == 0) return Flow::ended;
  // An output that went away does not end the container: as with a program whose pipe nobody reads, its
  // writes go nowhere.
  (void)posix::write_full(output, std::span(buffer).first(*count));
  return Flow::more;
}

sigset_t forwarded_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH})
    ::sigaddset(&set, number);
  return set;
}

struct pollfd watch(const Fd& fd, short events) {
  return {.fd = fd ? fd.get() : -1, .events = events, .revents = 0};
}

}  // namespace

Result<std::optional<RawMode>> RawMode::enter(const Fd& terminal, Raw kind) {
  struct termios before {};
  if (::tcgetattr(terminal.get(), &before) != 0) return std::optional<RawMode>();
  struct termios raw = before;
  if (kind == Raw::all) ::cfmakeraw(&raw);
  raw.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  Fd own = TRY(terminal.duplicate());
  if (::tcsetattr(terminal.get(), TCSADRAIN, &raw) != 0)
    return fail_errno("cannot set the terminal to raw mode");
  return std::optional<RawMode>(RawMode(std::move(own), before));
}

RawMode::RawMode(Fd terminal, const struct termios& before)
    : m_terminal(std::move(terminal)), m_before(before) {}
RawMode::RawMode(RawMode&& other) noexcept
    : m_terminal(std::move(other.m_terminal)), m_before(other.m_before) {}
RawMode::~RawMode() {
  if (m_terminal) ::tcsetattr(m_terminal.get(), TCSADRAIN, &m_before);
}

std::optional<oci::ConsoleSize> terminal_size(const Fd& terminal) {
  struct winsize size {};
  if (::ioctl(terminal.get(), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return oci::ConsoleSize{.height = size.ws_row, .width = size.ws_col};
}

void keep_line_ends(const Fd& terminal) {
  struct termios modes {};
  if (::tcgetattr(terminal.get(), &modes) != 0) return;
  modes.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  (void)::tcsetattr(terminal.get(), TCSANOW, &modes);
}

void copy_terminal_size(const Fd& from, const Fd& to) {
  struct winsize size {};
  if (::ioctl(from.get(), TIOCGWINSZ, &size) == 0 && size.ws_col != 0) ::ioctl(to.get(), TIOCSWINSZ, &size);
}

Result<SignalQueue> SignalQueue::open() {
  const sigset_t set = forwarded_signals();
  sigset_t before;
  if (::pthread_sigmask(SIG_BLOCK, &set, &before) != 0)
    return fail(ErrorKind::system, "cannot block signals");
  Fd descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor) {
    auto error = fail_errno("cannot make a signal descriptor");
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return error;
  }
  return SignalQueue(std::move(descriptor), before);
}

SignalQueue::SignalQueue(Fd descriptor, const sigset_t& before)
    : m_descriptor(std::move(descriptor)), m_before(before) {}
SignalQueue::SignalQueue(SignalQueue&& other) noexcept
    : m_descriptor(std::move(other.m_descriptor)), m_before(other.m_before) {}
SignalQueue::~SignalQueue() {
  if (!m_descriptor) return;
  // What came too late for the container is dropped: unblocking it now would kill us in the middle of tidying
  // up.
  while (next() != 0) continue;
  ::pthread_sigmask(SIG_SETMASK, &m_before, nullptr);
}

int SignalQueue::next() const {
  struct signalfd_siginfo info {};
  const auto count = posix::read_some(m_descriptor, std::as_writable_bytes(std::span(&info, 1)));
  return count && *count == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

Result<Leave> attend(const Attended& program, const SignalQueue& signals, Input input) {
  const Fd output = TRY(standard_stream(1));
  Fd source;
  Fd terminal;
  std::optional<RawMode> raw;
  if (program.terminal) {
    terminal = TRY(program.terminal->duplicate());
    copy_terminal_size(output, terminal);
    const int flags = ::fcntl(terminal.get(), F_GETFL);
    if (flags < 0 || ::fcntl(terminal.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
      return fail_errno("cannot set up the container's terminal");
    }
    if (input == Input::standard) source = TRY(standard_stream(0));
    auto entered = TRY(source ? RawMode::enter(source, Raw::all) : RawMode::enter(output, Raw::output));
    if (entered) raw.emplace(*std::move(entered));
  }
  Pending pending;
  bool ended = false;
  while (!ended) {
    struct pollfd watched[] = {watch(program.ended, POLLIN), watch(signals.descriptor(), POLLIN),
                               watch(terminal, static_cast<short>(POLLIN | (pending.empty() ? 0 : POLLOUT))),
                               // Not read while something is on its way: so what waits here stays small.
                               pending.empty() ? watch(source, POLLIN) : watch(Fd(), POLLIN)};
    if (::poll(watched, std::size(watched), -1) < 0) {
      if (errno == EINTR) continue;
      return fail_errno("cannot wait for the container");
    }
    if (watched[1].revents != 0) {
      while (const int number = signals.next()) {
        if (number == SIGWINCH && terminal) {
          copy_terminal_size(output, terminal);  // the kernel tells the programs on that terminal
        } else {
          program.signal(number);
        }
      }
    }
    if ((watched[2].revents & POLLOUT) != 0) TRY(pending.write_to(terminal));
    if ((watched[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      if (TRY(copy_output(terminal, output)) == Flow::ended) terminal.reset();
    }
    if (watched[3].revents != 0) {
      std::array<std::byte, 4096> buffer;
      const auto count = posix::read_some(source, buffer);
      if (count && *count > 0) {
        std::string typed(reinterpret_cast<const char*>(buffer.data()), *count);
        if (program.detaches && program.detaches(typed)) return Leave::detached;
        pending.add(typed);
      } else {
        source.reset();
        pending.add({&k_end_of_transmission, 1});
      }
    }
    ended = watched[0].revents != 0 && (!program.is_end || program.is_end());
  }
  // All processes are gone with pid 1; what they wrote last may still be in the terminal.
  while (terminal && TRY(copy_output(terminal, output)) == Flow::more) continue;
  return Leave::ended;
}

Result<ExitStatus> attend(const Foreground& program, const SignalQueue& signals, bool has_terminal,
                          Input input) {
  const auto signal = [&](int number) { (void)program.signal(number); };
  TRY(attend(
      {.ended = program.pidfd, .terminal = has_terminal ? &program.terminal : nullptr, .signal = signal},
      signals, input));
  return program.wait();
}

Result<ExitStatus> attend(run::Container& container, const SignalQueue& signals, bool has_terminal,
                          Input input) {
  const Foreground program{.pidfd = container.pidfd(),
                           .terminal = container.terminal(),
                           .signal = [&container](int number) { return container.signal(number); },
                           .wait = [&container] { return container.wait(); }};
  return attend(program, signals, has_terminal, input);
}

}  // namespace ecrin::cli
