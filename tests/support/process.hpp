// Programs run by tests: argv in; exit code, standard output and standard error out; killed when they take
// too long. Knows nothing of ecrin's own modules, so that a bug there cannot hide itself.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace ecrin::tests {

using Arguments = std::vector<std::string>;

struct Invocation {
  Arguments argv;  // argv[0] is looked up in PATH of `environment`
  std::vector<std::pair<std::string, std::string>> environment;  // all of it
  std::string directory = "/";
  std::string input;  // for standard input, then end of file
  std::chrono::seconds timeout{120};
  int umask = 022;

  Invocation& set(const std::string& name, const std::string& value);
};

struct Outcome {
  int code = -1;  // exit code, or 128 + the signal that killed it
  bool timed_out = false;
  std::string out;
  std::string err;
  /// For INFO(): everything that is known about it.
  std::string description;
  explicit operator bool() const { return code == 0; }
};

/// Runs it to its end. A program that cannot be started has code 127.
Outcome run(const Invocation& invocation);
/// For tools of the host: environment with PATH and HOME only.
Invocation host_command(Arguments argv);

/// A program that runs beside the test; killed with its process group when this goes out of scope.
class Running {
public:
  explicit Running(const Invocation& invocation);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();

  pid_t pid() const { return m_pid; }
  void signal(int number) const;        // to the program alone
  void signal_group(int number) const;  // to it and all its children that did not leave
  void send(const std::string& text);   // to its standard input
  void end_input();
  /// Reads until standard output holds `text`; false when it ended or the time-out passed before.
  bool wait_for_output(const std::string& text, std::chrono::seconds timeout = std::chrono::seconds(60));
  Outcome wait();

private:
  friend Outcome run(const Invocation&);
  enum class Until { output_holds, end };
  bool pump(Until until, const std::string& text, std::chrono::steady_clock::time_point deadline);
  Invocation m_invocation;
  pid_t m_pid = -1;
  int m_input = -1;
  int m_output = -1;
  int m_error = -1;
  Outcome m_outcome;
};

/// A program on a terminal of its own (forkpty): what a user sees on the screen.
class Terminal {
public:
  Terminal(const Invocation& invocation, unsigned short rows, unsigned short columns);
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  void send(const std::string& text) const;
  void resize(unsigned short rows, unsigned short columns) const;
  bool wait_for(const std::string& text, std::chrono::seconds timeout = std::chrono::seconds(60));
  /// The exit code (or 128 + signal); -1 when it did not end in time.
  int wait(std::chrono::seconds timeout = std::chrono::seconds(60));
  const std::string& screen() const { return m_screen; }

private:
  bool read_some(std::chrono::steady_clock::time_point deadline);
  pid_t m_pid = -1;
  int m_master = -1;
  std::string m_screen;
};

}  // namespace ecrin::tests
