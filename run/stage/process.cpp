// The last steps of the process that becomes the container's program.
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/hook_process.hpp"
#include "run/stage/stage.hpp"
#include "run/user_lookup.hpp"

namespace ecrin::run::stage {
namespace {

void reset_signals() {
  // Ignored signals survive exec; a parent that ignores SIGPIPE must not make every program do so.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number <= SIGRTMAX; ++number) (void)::sigaction(number, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
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
void give_away_pipes(uid_t uid, gid_t gid) {
  for (int number = 0; number < 3; ++number) {
    struct stat status {};
    struct statfs file_system {};
    if (::fstat(number, &status) != 0 || !S_ISFIFO(status.st_mode) || status.st_uid == uid) continue;
    if (::fstatfs(number, &file_system) != 0 || file_system.f_type != PIPEFS_MAGIC) continue;
    (void)!::fchown(number, uid, gid);
  }
}

// Programs expect one; an engine that does not know the image leaves it to who can read its /etc/passwd.
void set_home(ProcessPlan& process) {
  std::erase(process.env, "HOME=");  // as good as none
  const auto is_home = [](const std::string& variable) { return variable.starts_with("HOME="); };
  if (std::ranges::any_of(process.env, is_home)) return;
  std::string home = "/";
  if (const auto root = posix::open("/", O_PATH | O_DIRECTORY))
    if (auto user = look_up_user(*root, std::to_string(process.uid))) home = std::move(user->home);
  process.env.push_back("HOME=" + home);
}

Result<> prepare(Stage& stage) {
  set_home(stage.plan.process);
  const ProcessPlan& process = stage.plan.process;
  if (process.terminal && ::ioctl(0, TIOCSCTTY, 0) != 0)
    return fail_errno("cannot make the terminal the controlling one");
  // The session keyring came from the user's login. A full quota is no reason to stop: keyctl is filtered.
  if (process.new_keyring) (void)::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  TRY(allow_limits(process));
  TRY(set_priorities(process));
  auto entered = enter_working_directory(process.cwd);
  if (!entered && entered.error().code() != EACCES) return entered;
  give_away_pipes(process.uid, process.gid);
  ::umask(process.umask.value_or(022));
  TRY(set_exec_labels(stage));
  TRY(change_identity(process));
  // It may be one that is open to the program's user only.
  if (!entered) TRY(enter_working_directory(process.cwd));
  return {};
}

// Created, and then started by somebody else.
Result<> pass_gate(Stage& stage) {
  if (stage.gate) TRY(look_up_program(stage.plan.process));
  TRY(wait_at_gate(stage));
  return run_hooks(stage.plan.start_container, "startContainer", stage.created_state,
                   &stage.plan.process.env);
}

// Without pid 1 of ours nobody watches the lifeline. The kernel's own way works, but it is the *thread* that
// made the container whose end it tells of. It is forgotten at each change of identity, so it is set last.
Result<> die_with_parent(const Stage& stage) {
  if (stage.plan.init || !stage.lifeline) return {};
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail_errno("cannot follow the parent's end");
  pollfd lifeline{.fd = stage.lifeline.get(), .events = POLLIN, .revents = 0};
  if (::poll(&lifeline, 1, 0) > 0) return fail(ErrorKind::cancelled, "the parent of the container is gone");
  return {};
}

// Everything that may have come along ends at the exec, but for what the program shall have.
Result<> keep_descriptors(const ProcessPlan& process) {
  int number = 3;
  for (const int preserved : process.preserved) {
    if (preserved < 0) {
      ::close(number);
    } else if (::dup2(preserved, number) < 0) {
      return fail_errno("cannot pass descriptor {} on", number);
    }
    ++number;
  }
  if (::close_range(static_cast<unsigned>(number), ~0U, CLOSE_RANGE_CLOEXEC) == 0) return {};
  auto error = fail_errno("cannot close the descriptors of the stage");
  return std::unexpected(
      std::move(error).error().hint("ecrin needs Linux 5.12 or newer to start containers"));
}

Result<> become_program(Stage& stage) {
  reset_signals();
  TRY(prepare(stage));
  TRY(pass_gate(stage));
  TRY(die_with_parent(stage));
  TRY(keep_descriptors(stage.plan.process));
  // The lowest ones would stop this process itself.
  TRY(set_limits(stage.plan.process));
  // A filter of the user's may forbid even to tell.
  TRY(report(stage, StageMessage::ready));
  return confine(stage);
}

}  // namespace

Error run_program(Stage& stage) {
  if (auto ready = become_program(stage); !ready) return std::move(ready).error();
  return execute_program(stage.plan.process);
}

}  // namespace ecrin::run::stage
