#include "tests/support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace ecrin::tests {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t k_output_limit = 64u << 20;

[[noreturn]] void give_up(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// Ready-made before the fork: after it only system calls are made.
struct Image {
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;

  explicit Image(const Invocation& invocation) {
    for (const auto& [name, value] : invocation.environment) environment.push_back(name + "=" + value);
    for (const auto& argument : invocation.argv) argv.push_back(const_cast<char*>(argument.c_str()));
    for (auto& entry : environment) envp.push_back(entry.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
  }

  [[noreturn]] void execute(const Invocation& invocation) const {
    umask(static_cast<mode_t>(invocation.umask));
    if (chdir(invocation.directory.c_str()) == 0) execvpe(argv[0], argv.data(), envp.data());
    dprintf(STDERR_FILENO, "cannot start %s in %s: %s\n", argv[0], invocation.directory.c_str(),
            std::strerror(errno));
    _exit(127);
  }
};

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long>(left, 0, 60'000));
}

void close_fd(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

int shell_code(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// Reads what is there; closes at the end of file. A pty's master gives EIO when the other side is gone.
void drain(int& fd, std::string& into) {
  char buffer[65536];
  const ssize_t count = read(fd, buffer, sizeof buffer);
  if (count > 0) {
    into.append(buffer, static_cast<std::size_t>(count));
    if (into.size() > k_output_limit) throw std::runtime_error("a program under test floods its output");
  } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    close_fd(fd);
  }
}

}  // namespace

Invocation& Invocation::set(const std::string& name, const std::string& value) {
  std::erase_if(environment, [&](const auto& entry) { return entry.first == name; });
  environment.emplace_back(name, value);
  return *this;
}

Invocation host_command(Arguments argv) {
  Invocation invocation;
  invocation.argv = std::move(argv);
  invocation.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"},
                            {"HOME", getenv("HOME") ? getenv("HOME") : "/"}};
  return invocation;
}

Outcome run(const Invocation& invocation) {
  Running running(invocation);
  return running.wait();
}

Running::Running(const Invocation& invocation) : m_invocation(invocation) {
  int input[2], output[2], error[2];
  if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC) || pipe2(error, O_CLOEXEC)) give_up("pipe");
  const Image image(m_invocation);
  m_pid = fork();
  if (m_pid < 0) give_up("fork");
  if (m_pid == 0) {
    setpgid(0, 0);
    dup2(input[0], STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    dup2(error[1], STDERR_FILENO);
    image.execute(m_invocation);
  }
  setpgid(m_pid, m_pid);
  close(input[0]);
  close(output[1]);
  close(error[1]);
  m_input = input[1];
  m_output = output[0];
  m_error = error[0];
  for (const int fd : {m_input, m_output, m_error}) fcntl(fd, F_SETFL, O_NONBLOCK);
}

Running::~Running() {
  if (m_pid > 0) {
    kill(-m_pid, SIGKILL);
    waitpid(m_pid, nullptr, 0);
  }
  close_fd(m_input);
  close_fd(m_output);
  close_fd(m_error);
}

void Running::signal(int number) const {
  kill(m_pid, number);
}
void Running::signal_group(int number) const {
  kill(-m_pid, number);
}

void Running::send(const std::string& text) {
  m_invocation.input += text;
}
void Running::end_input() {
  close_fd(m_input);
}

bool Running::pump(Until until, const std::string& text, Clock::time_point deadline) {
  while (m_output >= 0 || m_error >= 0) {
    if (until == Until::output_holds && m_outcome.out.find(text) != std::string::npos) return true;
    const bool writing = m_input >= 0 && !m_invocation.input.empty();
    pollfd fds[3] = {{m_output, POLLIN, 0}, {m_error, POLLIN, 0}, {writing ? m_input : -1, POLLOUT, 0}};
    const int wait = milliseconds_until(deadline);
    if (wait == 0) return false;
    if (poll(fds, 3, wait) < 0 && errno != EINTR) give_up("poll");
    if (fds[0].revents) drain(m_output, m_outcome.out);
    if (fds[1].revents) drain(m_error, m_outcome.err);
    if (fds[2].revents) {
      const ssize_t count = write(m_input, m_invocation.input.data(), m_invocation.input.size());
      if (count > 0) m_invocation.input.erase(0, static_cast<std::size_t>(count));
      if (count < 0 && errno != EAGAIN && errno != EINTR) close_fd(m_input);
    }
    if (until == Until::end && m_invocation.input.empty()) close_fd(m_input);
  }
  return until == Until::end || m_outcome.out.find(text) != std::string::npos;
}

bool Running::wait_for_output(const std::string& text, std::chrono::seconds timeout) {
  return pump(Until::output_holds, text, Clock::now() + timeout);
}

Outcome Running::wait() {
  const auto deadline = Clock::now() + m_invocation.timeout;
  m_outcome.timed_out = !pump(Until::end, {}, deadline);
  // Its output has ended; the program itself gets what is left of its time, in small steps.
  int status = 0;
  pid_t ended = 0;
  while (!m_outcome.timed_out && (ended = waitpid(m_pid, &status, WNOHANG)) == 0) {
    if (milliseconds_until(deadline) == 0) m_outcome.timed_out = true;
    usleep(1000);
  }
  if (m_outcome.timed_out) {
    kill(-m_pid, SIGKILL);
    waitpid(m_pid, &status, 0);
  }
  m_pid = -1;
  m_outcome.code = shell_code(status);
  std::string command;
  for (const auto& argument : m_invocation.argv) command += (command.empty() ? "" : " ") + argument;
  const auto shortened = [](const std::string& text) {
    return text.size() <= 6000 ? text : text.substr(0, 2500) + "\n[...]\n" + text.substr(text.size() - 3500);
  };
  m_outcome.description = "$ " + command + "\nexit code " + std::to_string(m_outcome.code) +
                          (m_outcome.timed_out ? " (killed: took too long)" : "") + "\nstdout:\n" +
                          shortened(m_outcome.out) + "\nstderr:\n" + shortened(m_outcome.err);
  return m_outcome;
}

// ---- terminal
// ------------------------------------------------------------------------------------------------

Terminal::Terminal(const Invocation& invocation, unsigned short rows, unsigned short columns) {
  const Image image(invocation);
  winsize size{rows, columns, 0, 0};
  m_pid = forkpty(&m_master, nullptr, nullptr, &size);
  if (m_pid < 0) give_up("forkpty");
  if (m_pid == 0) image.execute(invocation);
  fcntl(m_master, F_SETFD, FD_CLOEXEC);
}

Terminal::~Terminal() {
  if (m_pid > 0) {
    kill(-m_pid, SIGKILL);
    waitpid(m_pid, nullptr, 0);
  }
  close_fd(m_master);
}

void Terminal::send(const std::string& text) const {
  if (write(m_master, text.data(), text.size()) != static_cast<ssize_t>(text.size())) give_up("write");
}

void Terminal::resize(unsigned short rows, unsigned short columns) const {
  const winsize size{rows, columns, 0, 0};
  if (ioctl(m_master, TIOCSWINSZ, &size) < 0) give_up("TIOCSWINSZ");
}

bool Terminal::read_some(Clock::time_point deadline) {
  if (m_master < 0) return false;
  pollfd fds[1] = {{m_master, POLLIN, 0}};
  const int wait = milliseconds_until(deadline);
  if (wait == 0 || poll(fds, 1, wait) <= 0) return false;
  drain(m_master, m_screen);
  return true;
}

bool Terminal::wait_for(const std::string& text, std::chrono::seconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (m_screen.find(text) == std::string::npos)
    if (!read_some(deadline)) return m_screen.find(text) != std::string::npos;
  return true;
}

int Terminal::wait(std::chrono::seconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (read_some(deadline)) {
  }
  int status = 0;
  while (waitpid(m_pid, &status, WNOHANG) == 0) {
    if (milliseconds_until(deadline) == 0) return -1;
    usleep(1000);
  }
  m_pid = -1;
  return shell_code(status);
}

}  // namespace ecrin::tests
