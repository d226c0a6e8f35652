// The last steps of the process that becomes the container's program: identity, privileges, filter, exec.
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr std::string_view k_default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void reset_signals() {
  // Ignored signals survive exec; a parent that ignores SIGPIPE must not make every program do so.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number <= SIGRTMAX; ++number) (void)::sigaction(number, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Result<> set_limits(const ProcessPlan& process) {
  for (const ResourceLimit& limit : process.limits) {
    const auto resource = static_cast<__rlimit_resource>(limit.resource);
    const rlimit wanted{.rlim_cur = limit.soft, .rlim_max = limit.hard};
    if (::setrlimit(resource, &wanted) == 0) continue;
    // Only the host's administrator may raise a hard limit: then as much as there is.
    rlimit present{};
    if (errno != EPERM || ::getrlimit(resource, &present) != 0)
      return fail_errno("cannot set resource limit {} to {}", limit.resource, limit.soft);
    const rlimit lower{.rlim_cur = std::min<rlim_t>(limit.soft, present.rlim_max),
                       .rlim_max = std::min<rlim_t>(limit.hard, present.rlim_max)};
    if (::setrlimit(resource, &lower) != 0)
      return fail_errno("cannot set resource limit {} to {}", limit.resource, limit.soft);
  }
  return {};
}

Result<> enter_working_directory(const std::string& path) {
  if (::chdir(path.c_str()) != 0)
    return fail_errno("cannot enter the working directory '{}' in the container", printable(path));
  // A directory of the host that was left open would be "(unreachable)" here.
  std::array<char, PATH_MAX> now{};
  const long size = ::syscall(SYS_getcwd, now.data(), now.size());
  if (size < 0 || now[0] != '/')
    return fail(ErrorKind::denied, "the working directory '{}' is outside the container", printable(path));
  return {};
}

// "/dev/stdout" is opened by name, also by programs that are not root: a pipe must belong to them. Nothing
// but pipes without a name is touched; files and terminals are the user's.
void give_away_pipes(uid_t uid) {
  for (int number = 0; number < 3; ++number) {
    struct stat status {};
    struct statfs file_system {};
    if (::fstat(number, &status) != 0 || !S_ISFIFO(status.st_mode) || status.st_uid == uid) continue;
    if (::fstatfs(number, &file_system) != 0 || file_system.f_type != PIPEFS_MAGIC) continue;
    (void)!::fchown(number, uid, static_cast<gid_t>(-1));
  }
}

Result<> install_filter(const Stage& stage) {
  const ProcessPlan& process = stage.plan.process;
  if (process.seccomp.empty()) return {};
  // The kernel copies the program; sock_filter has no alignment beyond 4, which std::string's buffer has.
  sock_fprog program{};
  program.len = static_cast<unsigned short>(process.seccomp.size() / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(process.seccomp.data()));
  const long outcome = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, process.seccomp_flags, &program);
  if (outcome >= 0) {
    if ((process.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0) return {};
    // Who answers for the calls gets it now: from here on some of ours wait for that.
    const Fd listener(static_cast<int>(outcome));
    return report(stage, StageMessage::listener, {}, &listener);
  }
  auto error = fail_errno("cannot install the seccomp filter");
  return std::unexpected(
      std::move(error).error().hint("the kernel may lack CONFIG_SECCOMP_FILTER; --security-opt "
                                    "seccomp=unconfined starts without a filter"));
}

Result<> change_identity(const ProcessPlan& process) {
  TRY(limit_bounding_set(process.capabilities));
  TRY(clear_ambient_set());
  if (process.set_groups && ::setgroups(process.groups.size(), process.groups.data()) != 0)
    return fail_errno("cannot set the groups of the container's program");
  if (::setresgid(process.gid, process.gid, process.gid) != 0)
    return fail_errno("cannot become group {}", process.gid);
  if (::setresuid(process.uid, process.uid, process.uid) != 0)
    return fail_errno("cannot become user {}", process.uid);
  ThreadCapabilities
      sets;  // nothing is inheritable: an exec as root gets the bounding set, others get nothing
  if (process.uid == 0) {
    sets.permitted = TRY(get_capabilities()).permitted & process.capabilities;
    sets.effective = sets.permitted;
  }
  return set_capabilities(sets);
}

Result<> prepare(Stage& stage) {
  const ProcessPlan& process = stage.plan.process;
  if (process.terminal && ::ioctl(0, TIOCSCTTY, 0) != 0)
    return fail_errno("cannot make the terminal the controlling one");
  // The session keyring came from the user's login. A full quota is no reason to stop: keyctl is filtered.
  (void)::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  TRY(set_limits(process));
  TRY(enter_working_directory(process.cwd));
  give_away_pipes(process.uid);
  ::umask(process.umask.value_or(022));
  // With no_new_privs anybody may install a filter, so it comes last; else it takes CAP_SYS_ADMIN.
  if (!process.no_new_privileges) TRY(install_filter(stage));
  TRY(change_identity(process));
  if (process.no_new_privileges) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("cannot set no_new_privs");
    TRY(install_filter(stage));
  }
  return {};
}

// Without pid 1 of ours nobody watches the lifeline. The kernel's own way works, but it is the *thread* that
// made the container whose end it tells of. It is forgotten at each change of identity, so it is set last.
Result<> die_with_parent(const Stage& stage) {
  if (stage.plan.init) return {};
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail_errno("cannot follow the parent's end");
  pollfd lifeline{.fd = stage.lifeline.get(), .events = POLLIN, .revents = 0};
  if (::poll(&lifeline, 1, 0) > 0) return fail(ErrorKind::cancelled, "the parent of the container is gone");
  return {};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::string_view search_path(const std::vector<std::string>& environment) {
  for (const std::string& entry : environment)
    if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
  return k_default_path;
}

// Who writes a command for a shell may not have thought of one.
std::string missing_shell_hint(const std::string& program) {
  const std::string name = program.substr(program.rfind('/') + 1);
  if (name != "sh" && name != "bash" && name != "dash" && name != "ash") return "";
  if (::access("/bin/sh", X_OK) == 0) return "there is /bin/sh in this image";
  return "there is no shell in this image: give the program and its arguments as a list (in a recipe: "
         "run: [PROGRAM, ARGUMENT]), or copy a shell into the image";
}

Error not_found(const std::string& program, std::string message) {
  Error error(ErrorKind::program_not_found, std::move(message));
  const std::string hint = missing_shell_hint(program);
  return hint.empty() ? error : std::move(error).hint(hint);
}

Error exec_error(int code, const std::string& program, const std::string& file) {
  const std::string what = fmt::format("cannot run '{}' in the container", printable(program));
  if (code == ENOEXEC)
    return Error(ErrorKind::program_not_executable, what + ": Exec format error")
        .hint("the file has no #! line, or is for another processor architecture");
  if (code == ENOENT && ::access(file.c_str(), F_OK) == 0)
    return Error(ErrorKind::program_not_found, what + ": its interpreter or dynamic loader does not exist")
        .hint(
            "the #! line, or the loader that the program was linked for, names a file that the image lacks");
  struct stat status {};
  if (code == EACCES && ::stat(file.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode))
      return Error(ErrorKind::program_not_executable, what + ": it is a directory");
    if ((status.st_mode & 0111) == 0)
      return Error(ErrorKind::program_not_executable, Error::from_errno(code, what).message())
          .hint("the file has no execute permission");
  }
  std::string message = Error::from_errno(code, what).message();
  if (code == ENOENT) return not_found(program, std::move(message));
  return Error(ErrorKind::program_not_executable, std::move(message));
}

Error execute(Stage& stage) {
  ProcessPlan& process = stage.plan.process;
  const std::string program = process.args.front();
  std::vector<char*> arguments = pointers(process.args);
  std::vector<char*> environment = pointers(process.env);
  if (program.find('/') != std::string::npos) {
    ::execve(program.c_str(), arguments.data(), environment.data());
    return exec_error(errno, program, program);
  }
  const std::string_view path = search_path(process.env);
  std::optional<Error> denied;
  for (const std::string& directory : split(path, ':')) {
    const std::string file = (directory.empty() ? "." : directory) + "/" + program;
    ::execve(file.c_str(), arguments.data(), environment.data());
    const int code = errno;
    if (code == ENOTDIR || (code == ENOENT && ::access(file.c_str(), F_OK) != 0)) continue;
    if (code != EACCES) return exec_error(code, program, file);
    // As the shell does: a later directory may have one that can be executed.
    if (!denied && ::access(file.c_str(), F_OK) == 0) denied = exec_error(code, program, file);
  }
  if (denied) return *denied;
  return not_found(program, fmt::format("cannot run '{}' in the container: not found in PATH ({})",
                                        printable(program), printable(path)));
}

}  // namespace

Error run_program(Stage& stage) {
  reset_signals();
  if (auto prepared = prepare(stage); !prepared) return std::move(prepared).error();
  if (auto following = die_with_parent(stage); !following) return std::move(following).error();
  // Everything that may have come along from the user's shell ends at the exec.
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    return Error::from_errno(errno, "cannot close the descriptors of the stage")
        .hint("ecrin needs Linux 5.12 or newer to start containers");
  if (auto told = report(stage, StageMessage::ready); !told) return std::move(told).error();
  return execute(stage);
}

}  // namespace ecrin::run::stage
