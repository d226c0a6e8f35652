// Child: one process of ours, killed and waited for when it goes out of scope. Never a shell.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "base/fd.hpp"

namespace ecrin {

struct ExitStatus {
  int code = 0;    // exit code, when signal == 0
  int signal = 0;  // the signal that killed it
  bool success() const { return code == 0 && signal == 0; }
  /// The shell's convention: the code, or 128 + the signal.
  int shell_code() const { return signal ? 128 + signal : code; }
  /// "exit status 3", "killed by signal 9 (Killed)"
  std::string to_string() const;
};

struct Command {
  std::vector<std::string> argv;                        // argv[0] is looked up in `search_path`
  std::string program;                                  // executed instead, argv[0] is only its name then
  std::optional<std::vector<std::string>> environment;  // "A=b"; none: the parent's own
  std::string search_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::optional<std::string> directory;
  // Descriptors the program gets: pairs of (ours, its number). 0, 1 and 2 default to /dev/null unless
  // `inherit_stdio` is set. All others are closed.
  std::vector<std::pair<const Fd*, int>> descriptors;
  bool inherit_stdio = false;
  bool die_with_parent = true;  // PR_SET_PDEATHSIG: with the thread that started it
  // Away from the user's terminal: it can ask nothing there and gets no Ctrl-C. What it started is killed
  // with it.
  bool own_session = false;
};

class Child {
public:
  Child() = default;
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();  // SIGKILL and wait, unless waited for or detached

  /// Starts the program. A program that cannot be executed is an error here (not_found, denied), not exit
  /// 127.
  static Result<Child> spawn(const Command& command);
  /// Takes over a process that was made by other means (clone3); `pidfd` may be empty.
  static Child adopt(pid_t pid, Fd pidfd);

  pid_t pid() const { return m_pid; }
  const Fd& pidfd() const { return m_pidfd; }
  explicit operator bool() const { return m_pid > 0; }
  Result<ExitStatus> wait();
  /// Empty when it still runs.
  Result<std::optional<ExitStatus>> poll();
  Result<> signal(int number);
  void detach();  // lets it live on

private:
  pid_t m_pid = -1;
  bool m_leads_group = false;
  Fd m_pidfd;
};

struct Output {
  ExitStatus status;
  std::string standard_output;
  std::string standard_error;
};
/// Runs to the end with captured output (at most `limit` bytes each, more is ErrorKind::limit) and optional
/// input. A program that still runs after `timeout` is killed: ErrorKind::limit too. So is one that the user
/// stops waiting for: ErrorKind::cancelled.
Result<Output> run_command(Command command, std::string_view input = {}, std::size_t limit = 64u << 20,
                           std::optional<std::chrono::milliseconds> timeout = std::nullopt,
                           const CancelToken* cancel = nullptr);

/// The full path of a program on this search path; empty when there is none.
std::string find_program(const std::string& name, std::string_view search_path = Command{}.search_path);

}  // namespace ecrin
