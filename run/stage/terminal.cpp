#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

struct Terminal {
  Fd master, slave;
  std::string node;  // "dev/pts/0"
};

Result<Terminal> open_terminal(const Fd& root, const ProcessPlan& process) {
  Fd master = TRY(posix::open_in_root(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY));
  struct statfs file_system {};
  // A file of the image would otherwise be taken for the terminal.
  if (::fstatfs(master.get(), &file_system) != 0 || file_system.f_type != DEVPTS_SUPER_MAGIC)
    return fail(ErrorKind::invalid, "a terminal needs a devpts file system on '/dev/pts' in the container");
  int unlock = 0;
  if (::ioctl(master.get(), TIOCSPTLCK, &unlock) != 0) return fail_errno("cannot unlock the terminal");
  Fd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave) return fail_errno("cannot open the terminal of the container");
  const oci::ConsoleSize& size = process.console_size;
  const struct winsize window = {.ws_row = size.height, .ws_col = size.width};
  // Before the program starts: it may ask at once.
  if (size.width != 0 && ::ioctl(master.get(), TIOCSWINSZ, &window) != 0)
    return fail_errno("cannot set the size of the terminal");
  // tty programs of the user open it by name again.
  if (::fchown(slave.get(), process.uid, static_cast<gid_t>(-1)) != 0)
    return fail_errno("cannot give the terminal to user {}", process.uid);
  unsigned number = 0;
  if (::ioctl(master.get(), TIOCGPTN, &number) != 0) return fail_errno("cannot tell the terminal's number");
  return Terminal{std::move(master), std::move(slave), fmt::format("dev/pts/{}", number)};
}

Result<> use_terminal(Stage& stage, Terminal terminal) {
  TRY(report(stage, StageMessage::terminal, "/" + terminal.node, &terminal.master));
  for (int number = 0; number < 3; ++number)
    if (::dup2(terminal.slave.get(), number) < 0) return fail_errno("cannot use the terminal");
  stage.terminal = std::move(terminal.slave);
  return {};
}

}  // namespace

Result<> make_terminal(Stage& stage, const SetupOp& op) {
  Terminal terminal = TRY(open_terminal(stage.root, stage.plan.process));
  // The very terminal, whatever "dev/pts" leads to by now.
  const Fd console = TRY(clone_mount(terminal.slave.get(), "", Depth::one));
  const Fd target = TRY(open_target(stage, op.target, TargetKind::file));
  TRY(attach(console, target, op.target));
  return use_terminal(stage, std::move(terminal));
}

Result<> make_exec_terminal(Stage& stage) {
  const Fd root = TRY(posix::open("/", O_PATH | O_DIRECTORY));
  return use_terminal(stage, TRY(open_terminal(root, stage.plan.process)));
}

}  // namespace ecrin::run::stage
