#include "run/monitor/program_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/posix.hpp"

namespace ecrin::run {
namespace {

constexpr char k_end_of_transmission = 4;  // ^D: what a terminal in its usual mode takes for the end of input
constexpr std::size_t k_chunk = 32 * 1024;  // fits a packet

Result<> do_not_block(const Fd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return fail_errno("cannot set up a stream of the container");
  return {};
}

}  // namespace

Result<ProgramStreams> ProgramStreams::make_pipes(Input input, const Fd* given, Stdio& stdio) {
  ProgramStreams streams;
  Pipe output = TRY(Pipe::create());
  Pipe errors = TRY(Pipe::create());
  stdio.output = std::move(output.write);
  stdio.error = std::move(errors.write);
  streams.m_output = std::move(output.read);
  streams.m_errors = std::move(errors.read);
  TRY(do_not_block(streams.m_output));
  TRY(do_not_block(streams.m_errors));
  if (input == Input::given && given) stdio.input = TRY(given->duplicate());
  if (input == Input::pipe) {
    Pipe pipe = TRY(Pipe::create());
    stdio.input = std::move(pipe.read);
    streams.m_input = std::move(pipe.write);
    TRY(do_not_block(streams.m_input));
  }
  return streams;
}

Result<ProgramStreams> ProgramStreams::of_terminal(const Fd& terminal) {
  ProgramStreams streams;
  streams.m_output = TRY(terminal.duplicate());
  streams.m_is_terminal = true;
  TRY(do_not_block(streams.m_output));
  return streams;
}

const Fd* ProgramStreams::blocked_input() const {
  if (m_pending.empty()) return nullptr;
  const Fd& target = m_is_terminal ? m_output : m_input;
  return target ? &target : nullptr;
}

ProgramStreams::Flow ProgramStreams::read_from(Fd& source, LogStream stream, const Listener& listener) {
  if (!source) return Flow::ended;
  std::array<std::byte, k_chunk> buffer;
  const auto count = posix::read_some(source, buffer);
  if (!count && count.error().code() == EAGAIN) return Flow::paused;
  // A pseudo terminal reports its last user's going as EIO.
  if (!count || *count == 0) {
    source.reset();
    return Flow::ended;
  }
  listener(stream, {reinterpret_cast<const char*>(buffer.data()), *count});
  return Flow::more;
}

void ProgramStreams::read_output(const Listener& listener) {
  (void)read_from(m_output, LogStream::output, listener);
}

void ProgramStreams::read_errors(const Listener& listener) {
  (void)read_from(m_errors, LogStream::error, listener);
}

void ProgramStreams::drain(const Listener& listener) {
  while (read_from(m_output, LogStream::output, listener) == Flow::more) continue;
  while (read_from(m_errors, LogStream::error, listener) == Flow::more) continue;
}

void ProgramStreams::close(Which which) {
  if (!m_is_terminal) (which == Which::output ? m_output : m_errors).reset();
}

void ProgramStreams::write_input(std::string_view bytes) {
  if (!takes_input()) return;
  if (!bytes.empty()) {
    m_pending += bytes;
  } else if (m_is_terminal) {
    m_pending += k_end_of_transmission;
  } else {
    m_input_ends = true;
  }
  flush_input();
}

void ProgramStreams::flush_input() {
  const Fd& target = m_is_terminal ? m_output : m_input;
  while (!m_pending.empty() && target) {
    const ssize_t count = ::write(target.get(), m_pending.data(), m_pending.size());
    if (count > 0) {
      m_pending.erase(0, static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return;
    m_pending.clear();  // nobody reads it any more
  }
  m_pending.clear();
  if (m_input_ends) m_input.reset();
}

}  // namespace ecrin::run
