// The standard streams of a container's program, at the monitor's end: pipes, or one terminal. Nothing here
// blocks.
#pragma once

#include <functional>
#include <string>

#include "run/container.hpp"
#include "run/monitor/container_log.hpp"

namespace ecrin::run {

class ProgramStreams {
public:
  enum class Input {
    none,
    pipe,   // what clients send
    given,  // a descriptor that the program gets as it is
  };
  /// Pipes for a program without a terminal: their other ends are in `stdio` then. `given`: its input.
  static Result<ProgramStreams> make_pipes(Input input, const Fd* given, Stdio& stdio);
  static Result<ProgramStreams> of_terminal(const Fd& terminal);

  const Fd& output() const { return m_output; }  // or the terminal; empty at its end
  const Fd& errors() const { return m_errors; }
  /// Where input is waiting to be written.
  const Fd* blocked_input() const;

  using Listener = std::function<void(LogStream stream, std::string_view bytes)>;
  /// Once, what is there.
  void read_output(const Listener& listener);
  void read_errors(const Listener& listener);
  /// Until nothing more is there, when the program is gone.
  void drain(const Listener& listener);

  /// The program gets an error, or SIGPIPE, when it writes on. A terminal stays.
  enum class Which { output, errors };
  void close(Which which);

  /// No bytes: the end. Keeps what cannot be written now.
  void write_input(std::string_view bytes);
  void flush_input();
  bool input_is_waiting() const { return !m_pending.empty(); }
  bool takes_input() const { return m_is_terminal || m_input; }
  const Fd* terminal() const { return m_is_terminal && m_output ? &m_output : nullptr; }

private:
  enum class Flow { more, paused, ended };
  Flow read_from(Fd& source, LogStream stream, const Listener& listener);
  Fd m_output, m_errors, m_input;
  bool m_is_terminal = false;
  bool m_input_ends = false;  // after what is pending
  std::string m_pending;
};

}  // namespace ecrin::run
