#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {

Result<> make_terminal(Stage& stage, const SetupOp& op) {
  const Fd master = TRY(posix::open_in_root(stage.root, "dev/pts/ptmx", O_RDWR | O_NOCTTY));
  struct statfs file_system {};
  // A file of the image would otherwise be taken for the terminal.
  if (::fstatfs(master.get(), &file_system) != 0 || file_system.f_type != DEVPTS_SUPER_MAGIC)
    return fail(ErrorKind::invalid, "a terminal needs a devpts file system on '/dev/pts' in the container");
  int unlock = 0;
  if (::ioctl(master.get(), TIOCSPTLCK, &unlock) != 0) return fail_errno("cannot unlock the terminal");
  Fd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave) return fail_errno("cannot open the terminal of the container");
  const oci::ConsoleSize& size = stage.plan.process.console_size;
  const struct winsize window = {.ws_row = size.height, .ws_col = size.width};
  // Before the program starts: it may ask at once.
  if (size.width != 0 && ::ioctl(master.get(), TIOCSWINSZ, &window) != 0)
    return fail_errno("cannot set the size of the terminal");
  // tty programs of the user open it by name again.
  if (::fchown(slave.get(), stage.plan.process.uid, static_cast<gid_t>(-1)) != 0)
    return fail_errno("cannot give the terminal to user {}", stage.plan.process.uid);
  // The very terminal, whatever "dev/pts" leads to by now.
  const Fd console = TRY(clone_mount(slave.get(), "", Depth::one));
  const Fd target = TRY(open_target(stage, op.target, TargetKind::file));
  TRY(attach(console, target, op.target));
  TRY(report(stage, StageMessage::terminal, {}, &master));
  for (int number_of_stdio = 0; number_of_stdio < 3; ++number_of_stdio)
    if (::dup2(slave.get(), number_of_stdio) < 0) return fail_errno("cannot use the terminal");
  stage.terminal = std::move(slave);
  return {};
}

}  // namespace ecrin::run::stage
