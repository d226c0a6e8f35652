// run_command: a program from start to end, its output in memory.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin {
namespace {

struct Stream {
  Fd fd;  // reset at its end
  std::string bytes;
};

// Reads what is there, without waiting; true while more may come.
Result<> drain(Stream& stream, std::size_t limit, const Command& command) {
  std::array<std::byte, 64 * 1024> buffer;
  while (stream.fd) {
    const ssize_t count = ::read(stream.fd.get(), buffer.data(), buffer.size());
    if (count > 0) {
      if (static_cast<std::size_t>(count) > limit - stream.bytes.size()) {
        return fail(ErrorKind::limit, "'{}' printed more than {} bytes", printable(command.argv[0]), limit);
      }
      stream.bytes.append(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(count));
    } else if (count == 0) {
      stream.fd.reset();
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return fail_errno("cannot read the output of '{}'", printable(command.argv[0]));
    }
  }
  return {};
}

Result<Fd> capture(Command& command, Fd& writer, int number) {
  Pipe pipe = TRY(Pipe::create());
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno("cannot set up a pipe");
  writer = std::move(pipe.write);
  std::erase_if(command.descriptors, [&](const auto& pair) { return pair.second == number; });
  command.descriptors.emplace_back(&writer, number);
  return std::move(pipe.read);
}

}  // namespace

Result<Output> run_command(Command command, std::string_view input, std::size_t limit,
                           std::optional<std::chrono::milliseconds> timeout, const CancelToken* cancel) {
  using Steady = std::chrono::steady_clock;
  const auto deadline = timeout ? std::optional(Steady::now() + *timeout) : std::nullopt;
  Stream output;
  Stream errors;
  Fd output_writer;
  Fd errors_writer;
  output.fd = TRY(capture(command, output_writer, STDOUT_FILENO));
  errors.fd = TRY(capture(command, errors_writer, STDERR_FILENO));
  // The input is a file in memory, not a pipe: nobody has to feed it, so nothing can block and no SIGPIPE
  // comes.
  Fd input_file;
  if (!input.empty()) {
    input_file = TRY(posix::sealed_memory_file("input", std::as_bytes(std::span(input))));
    std::erase_if(command.descriptors, [](const auto& pair) { return pair.second == STDIN_FILENO; });
    command.descriptors.emplace_back(&input_file, STDIN_FILENO);
  }
  Child child = TRY(Child::spawn(command));
  output_writer.reset();
  errors_writer.reset();
  std::optional<ExitStatus> status;
  while (!status) {
    // The process itself is watched too: a helper that it left behind may keep the pipes open for ever.
    // Without pidfds (before Linux 5.3) the time-out looks for it.
    std::array<pollfd, 3> watched = {
        pollfd{.fd = output.fd ? output.fd.get() : -1, .events = POLLIN, .revents = 0},
        pollfd{.fd = errors.fd ? errors.fd.get() : -1, .events = POLLIN, .revents = 0},
        pollfd{.fd = child.pidfd().get(), .events = POLLIN, .revents = 0}};
    if (cancel) TRY(cancel->check());
    // The user's token is set by a signal handler, which can wake nobody.
    const int longest = child.pidfd() && !cancel ? 60'000 : 50;
    int wait_ms = child.pidfd() && !cancel ? -1 : longest;
    if (deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Steady::now()).count();
      if (left <= 0) {
        return fail(ErrorKind::limit, "'{}' did not end within {} seconds", printable(command.argv[0]),
                    std::chrono::duration<double>(*timeout).count());
      }
      wait_ms = static_cast<int>(std::min<std::int64_t>(left, longest));
    }
    if (::poll(watched.data(), watched.size(), wait_ms) < 0 && errno != EINTR) {
      return fail_errno("cannot wait for '{}'", printable(command.argv[0]));
    }
    // Asked before the pipes are drained: all that it wrote is in them then.
    status = TRY(child.poll());
    TRY(drain(output, limit, command));
    TRY(drain(errors, limit, command));
  }
  return Output{.status = *status,
                .standard_output = std::move(output.bytes),
                .standard_error = std::move(errors.bytes)};
}

}  // namespace ecrin
