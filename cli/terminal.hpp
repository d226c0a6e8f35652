// The user's terminal while a container has one of its own: raw mode, sizes, and the loop that carries bytes
// and signals between the two.
#pragma once

#include <termios.h>

#include <functional>
#include <optional>
#include <string>

#include "base/child.hpp"
#include "base/fd.hpp"
#include "run/container.hpp"

namespace ecrin::cli {

/// What the user's terminal leaves to the container's: its output alone (the container's terminal has made
/// its line ends already), or its input too (keys, ^C).
enum class Raw { output, all };

/// Raw mode of a terminal, taken back when it goes out of scope.
class RawMode {
public:
  /// Empty when `terminal` is none.
  static Result<std::optional<RawMode>> enter(const Fd& terminal, Raw raw);
  RawMode(RawMode&& other) noexcept;
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode();

private:
  RawMode(Fd terminal, const struct termios& before);
  Fd m_terminal;
  struct termios m_before;
};

/// Empty when it is no terminal, or has no size.
std::optional<oci::ConsoleSize> terminal_size(const Fd& terminal);
/// Gives `to` the size of `from`; nothing happens when one of them is no terminal.
void copy_terminal_size(const Fd& from, const Fd& to);

/// Line ends of what is written to it stay as they are written: for output that is carried on to no terminal.
void keep_line_ends(const Fd& terminal);

/// The signals that a foreground container gets from us, as a descriptor: SIGINT, SIGTERM, SIGHUP, SIGQUIT,
/// SIGUSR1, SIGUSR2, SIGWINCH. They are blocked in this thread while it lives, so none is lost between start
/// and loop.
class SignalQueue {
public:
  static Result<SignalQueue> open();
  SignalQueue(SignalQueue&& other) noexcept;
  SignalQueue& operator=(SignalQueue&&) = delete;
  ~SignalQueue();
  const Fd& descriptor() const { return m_descriptor; }
  /// The next signal; 0 when there is none.
  int next() const;

private:
  SignalQueue(Fd descriptor, const sigset_t& before);
  Fd m_descriptor;
  sigset_t m_before;
};

enum class Input { none, standard };
/// A program that is attended to.
struct Attended {
  const Fd& ended;                    // readable at its end
  const Fd* terminal = nullptr;       // the master end of its terminal; nullptr: it has none
  std::function<void(int)> signal;    // passes a signal on
  std::function<bool()> is_end = {};  // `ended` is readable: is that its end? Empty: yes
  /// Takes keys that detach out of what is typed; true: they are complete.
  std::function<bool(std::string& typed)> detaches = {};
};
enum class Leave { ended, detached };
/// Until its end, or until the user detaches: forwards signals; with a terminal, copies bytes both ways and
/// keeps its size.
Result<Leave> attend(const Attended& program, const SignalQueue& signals, Input input);
/// A process in the foreground, and how it is reached.
struct Foreground {
  const Fd& pidfd;
  const Fd& terminal;  // its master end; not used without one
  std::function<Result<>(int number)> signal;
  std::function<Result<ExitStatus>()> wait;
};
Result<ExitStatus> attend(const Foreground& program, const SignalQueue& signals, bool has_terminal,
                          Input input);
/// The same for a container.
Result<ExitStatus> attend(run::Container& container, const SignalQueue& signals, bool has_terminal,
                          Input input);

}  // namespace ecrin::cli
