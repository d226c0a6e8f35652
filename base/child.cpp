#include "base/child.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "base/pidfd.hpp"
#include "base/posix.hpp"
#include "base/shared_clone.hpp"
#include "base/text.hpp"

namespace ecrin {
namespace {

// Everything that the process needs before its exec, made before, because it only makes system calls
// (shared_clone.hpp).
struct Plan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* directory;  // or nullptr
  pid_t parent;           // 0: need not die with it
  bool own_session;
  const std::vector<std::pair<int, int>>* descriptors;
  int report;  // where a failure goes; closed by a successful exec
};

enum class Step : int { parent_death, descriptors, directory, program };

struct Report {
  Step step;
  int code;
};

void close_others_on_exec() {
  constexpr unsigned k_close_on_exec = 1u << 2;  // CLOSE_RANGE_CLOEXEC
  if (::syscall(SYS_close_range, 3u, ~0u, k_close_on_exec) == 0) return;
  // Before Linux 5.11. All of ours are close-on-exec anyway; this is for what we inherited.
  const long most = std::clamp(::sysconf(_SC_OPEN_MAX), 256l, 65536l);
  for (int fd = 3; fd < most; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int run_child(void* given) {
  const Plan& plan = *static_cast<const Plan*>(given);
  const auto stop = [&](Step step) {
    const Report report = {.step = step, .code = errno};
    (void)!::write(plan.report, &report, sizeof report);  // nobody is left to tell
    ::_exit(127);
  };
  if (plan.parent != 0) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) stop(Step::parent_death);
    // The parent may have died before the line above. 0: it lives in an outer pid namespace.
    const pid_t parent = ::getppid();
    if (parent != plan.parent && parent != 0) ::_exit(127);
  }
  if (plan.own_session) ::setsid();  // who was just forked leads no process group, so it cannot fail
  // All signals are blocked here, so that no handler of the parent runs in this process.
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  close_others_on_exec();
  for (const auto& [from, to] : *plan.descriptors) {
    if (::dup2(from, to) < 0) stop(Step::descriptors);
  }
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0) stop(Step::directory);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.program, plan.argv, plan.environment);
  stop(Step::program);
  return 127;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  // execve's signature predates const; it does not write.
  for (const auto& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

ExitStatus decode(int status) {
  if (WIFSIGNALED(status)) return {.code = 0, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

// The descriptors at their numbers in the child. Copies above all targets, so that no dup2 overwrites one
// that is still to come.
struct Descriptors {
  std::vector<Fd> copies;
  std::vector<std::pair<int, int>> moves;

  Result<> add(int from, int to, int above) {
    Fd copy(::fcntl(from, F_DUPFD_CLOEXEC, above));
    if (!copy) return fail_errno("cannot duplicate a descriptor");
    moves.emplace_back(copy.get(), to);
    copies.push_back(std::move(copy));
    return {};
  }
};

Result<Descriptors> place_descriptors(const Command& command, int above) {
  Descriptors result;
  for (const auto& [fd, number] : command.descriptors) TRY(result.add(fd->get(), number, above));
  if (command.inherit_stdio) return result;
  Fd null = TRY(posix::open("/dev/null", O_RDWR));
  for (int number = 0; number < 3; ++number) {
    const auto given = [&](const auto& pair) { return pair.second == number; };
    if (std::ranges::none_of(command.descriptors, given)) TRY(result.add(null.get(), number, above));
  }
  return result;
}

bool is_executable_file(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

Result<std::string> locate_program(const Command& command) {
  if (command.argv.empty() || command.argv[0].empty())
    return fail(ErrorKind::invalid, "there is no program to run");
  for (const auto& word : command.argv) {
    if (word.contains('\0'))
      return fail(ErrorKind::invalid, "an argument of '{}' contains a NUL byte", printable(command.argv[0]));
  }
  const std::string& name = command.program.empty() ? command.argv[0] : command.program;
  if (name.contains('/')) return name;
  std::string path = find_program(name, command.search_path);
  if (path.empty()) {
    return fail(ErrorKind::not_found, "cannot find the program '{}' in '{}'", printable(name),
                printable(command.search_path));
  }
  return path;
}

Error describe(const Report& report, const Command& command) {
  switch (report.step) {
    case Step::parent_death:
      return Error::from_errno(report.code, "cannot tie a process to the life of its parent");
    case Step::descriptors:
      return Error::from_errno(report.code,
                               fmt::format("cannot pass descriptors to '{}'", printable(command.argv[0])));
    case Step::directory:
      return Error::from_errno(report.code, fmt::format("cannot change to the directory '{}'",
                                                        printable(command.directory.value_or(""))));
    case Step::program:
      break;
  }
  return Error::from_errno(report.code, fmt::format("cannot execute '{}'", printable(command.argv[0])));
}

}  // namespace

std::string ExitStatus::to_string() const {
  if (signal == 0) return fmt::format("exit status {}", code);
  const char* description = ::sigdescr_np(signal);
  if (description == nullptr) return fmt::format("killed by signal {}", signal);
  return fmt::format("killed by signal {} ({})", signal, description);
}

std::string find_program(const std::string& name, std::string_view search_path) {
  if (name.contains('/')) return is_executable_file(name) ? name : "";
  if (name.empty()) return "";
  for (const auto& directory : split(search_path, ':')) {
    // An empty entry means the working directory to a shell: nobody wants that here.
    if (directory.empty()) continue;
    std::string path = fmt::format("{}/{}", directory, name);
    if (is_executable_file(path)) return path;
  }
  return "";
}

Result<Child> Child::spawn(const Command& command) {
  const std::string program = TRY(locate_program(command));
  int above = 3;
  for (const auto& [fd, number] : command.descriptors) above = std::max(above, number + 1);
  Descriptors descriptors = TRY(place_descriptors(command, above));
  Pipe report = TRY(Pipe::create());
  // The writing end, too, must not lie where a descriptor of the program goes.
  Fd report_writer(::fcntl(report.write.get(), F_DUPFD_CLOEXEC, above));
  if (!report_writer) return fail_errno("cannot duplicate a descriptor");
  report.write.reset();

  const std::vector<char*> argv = pointers(command.argv);
  static const std::vector<std::string> k_none;  // the pointers must outlive this line
  const std::vector<char*> environment = pointers(command.environment ? *command.environment : k_none);
  Plan plan = {.program = program.c_str(),
               .argv = argv.data(),
               .environment = command.environment ? environment.data() : environ,
               .directory = command.directory ? command.directory->c_str() : nullptr,
               .parent = command.die_with_parent ? ::getpid() : 0,
               .own_session = command.own_session,
               .descriptors = &descriptors.moves,
               .report = report_writer.get()};
  int pidfd = -1;
  const pid_t pid = shared_clone(run_child, &plan, CLONE_PIDFD, &pidfd);
  if (pid < 0) return fail_errno("cannot create a process");

  Child child = adopt(pid, Fd(pidfd));
  child.m_leads_group = command.own_session;
  report_writer.reset();
  Report failure;
  const std::size_t count =
      TRY(posix::read_some(report.read, std::as_writable_bytes(std::span(&failure, 1))));
  if (count == sizeof failure) {
    (void)child.wait();  // it ends by itself; its report says more than its status
    return std::unexpected(describe(failure, command));
  }
  return child;
}

Child Child::adopt(pid_t pid, Fd pidfd) {
  Child child;
  child.m_pid = pid;
  child.m_pidfd = std::move(pidfd);
  return child;
}

Child::Child(Child&& other) noexcept
    : m_pid(std::exchange(other.m_pid, -1)),
      m_leads_group(other.m_leads_group),
      m_pidfd(std::move(other.m_pidfd)) {}

Child& Child::operator=(Child&& other) noexcept {
  Child taken(std::move(other));
  std::swap(m_pid, taken.m_pid);
  std::swap(m_leads_group, taken.m_leads_group);
  m_pidfd.swap(taken.m_pidfd);
  return *this;
}

Child::~Child() {
  if (m_pid <= 0) return;
  // Not waited for yet, so that neither number can belong to somebody else.
  if (m_leads_group) ::kill(-m_pid, SIGKILL);
  ::kill(m_pid, SIGKILL);
  (void)wait();  // nobody to tell
}

Result<ExitStatus> Child::wait() {
  if (m_pid <= 0) return fail(ErrorKind::not_found, "there is no process to wait for");
  int status = 0;
  pid_t found;
  do {
    found = ::waitpid(m_pid, &status, 0);
  } while (found < 0 && errno == EINTR);
  if (found < 0) {
    const int code = errno;
    const pid_t pid = m_pid;
    detach();
    return std::unexpected(Error::from_errno(code, fmt::format("cannot wait for process {}", pid)));
  }
  detach();
  return decode(status);
}

Result<std::optional<ExitStatus>> Child::poll() {
  if (m_pid <= 0) return fail(ErrorKind::not_found, "there is no process to wait for");
  int status = 0;
  const pid_t found = ::waitpid(m_pid, &status, WNOHANG);
  if (found < 0) return fail_errno("cannot wait for process {}", m_pid);
  if (found == 0) return std::nullopt;
  detach();
  return decode(status);
}

Result<> Child::signal(int number) {
  if (m_pid <= 0) return fail(ErrorKind::not_found, "there is no process to signal");
  // Not waited for yet, so that the number cannot belong to another process.
  if (::kill(m_pid, number) != 0) return fail_errno("cannot send signal {} to process {}", number, m_pid);
  return {};
}

void Child::detach() {
  m_pid = -1;
  m_pidfd.reset();
}

}  // namespace ecrin
