#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "run/stage/stage.hpp"

namespace {

using namespace ecrin;
using namespace ecrin::run;

constexpr int k_stage_failed = 125;

Result<> set_up(stage::Stage& stage) {
  for (const SetupOp& op : stage.plan.ops) TRY(stage::perform(stage, op));
  return {};
}

}  // namespace

int main() {
  ::prctl(PR_SET_NAME, "ecrin-init", 0, 0, 0);
  // Nobody who gets into the container may look into this process: it knows descriptors of the host.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const Fd plan_file(k_stage_plan_descriptor);
  stage::Stage stage;
  {
    const auto bytes = posix::read_fd(plan_file, 256u << 20);
    if (!bytes) return k_stage_failed;
    auto plan = decode_plan(*bytes);
    if (!plan) return k_stage_failed;
    stage.plan = std::move(*plan);
  }
  // They come without close-on-exec, as they had to survive one exec already.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  stage.control = Fd(stage.plan.control);
  stage.lifeline = Fd(stage.plan.lifeline);
  // Signals of the user's terminal reach the container through its parent, not directly.
  ::setsid();
  ::umask(022);
  auto done = set_up(stage);
  const Error error = !done             ? std::move(done).error()
                      : stage.plan.init ? stage::run_init(stage)
                                        : stage::run_program(stage);
  (void)stage::report(stage, StageMessage::error, error.serialise());
  return k_stage_failed;
}
