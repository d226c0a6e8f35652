#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/posix.hpp"
#include "run/hook_process.hpp"
#include "run/stage/stage.hpp"

namespace {

using namespace ecrin;
using namespace ecrin::run;

constexpr int k_stage_failed = 125;
constexpr std::uint64_t k_plan_limit = 256u << 20;  // bytes

// All descriptors that the plan does not know came from somewhere else and end here: the container's program
// could be shown to one by its working directory.
void close_others(const SetupPlan& plan) {
  std::vector<int> kept = {plan.control, plan.lifeline, plan.gate,
                           plan.owners,  plan.listener, plan.entry.root};
  kept.insert(kept.end(), plan.process.preserved.begin(), plan.process.preserved.end());
  for (const JoinedNamespace& joined : plan.entry.joined) kept.push_back(joined.descriptor);
  for (const SetupOp& op : plan.ops)
    if (op.descriptor) kept.push_back(*op.descriptor);
  std::erase_if(kept, [](int number) { return number < 3; });
  std::ranges::sort(kept);
  int next = 3;
  for (const int number : kept) {
    if (number > next) ::close_range(static_cast<unsigned>(next), static_cast<unsigned>(number) - 1, 0);
    next = std::max(next, number + 1);
  }
  ::close_range(static_cast<unsigned>(next), ~0U, 0);
  // They come without close-on-exec, as they had to survive one exec already.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

// All that hooks are for is there, and the host's tree still is.
Result<> report_prepared(stage::Stage& stage) {
  if (!stage.plan.reports_prepared) return {};
  TRY(stage::report(stage, StageMessage::prepared));
  const Message answer = TRY(stage::wait_for_answer(stage));
  HookStates states = TRY(decode_states(TRY(posix::read_fd(answer.descriptor, k_plan_limit))));
  // Other runtimes run them in the container's root directory, so they look for its files there.
  if (stage.root && ::fchdir(stage.root.get()) != 0)
    return fail_errno("cannot enter the root directory of the container");
  // They are programs of the host, so they have none of the container's variables: an image may have chosen
  // LD_PRELOAD.
  TRY(run_hooks(stage.plan.create_container, "createContainer", states.creating));
  stage.created_state = std::move(states.created);
  stage.listener_state = std::move(states.listener);
  return {};
}

Result<> set_up(stage::Stage& stage) {
  TRY(stage::set_oom_score(stage.plan.process));
  TRY(stage::use_stage_processors(stage.plan.process));
  TRY(stage::open_host_proc(stage));
  // Nobody who gets into the container may look into this process: it knows descriptors of the host. Only
  // who writes the maps of a new user namespace must be able to.
  const EntryPlan& entry = stage.plan.entry;
  if ((entry.created & CLONE_NEWUSER) == 0) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // In a container without namespaces (chroot_plan.hpp) terminals are the host's.
  const bool is_plain = entry.root >= 0 && entry.joined.empty() && entry.created == 0;
  if (is_plain && stage.plan.process.terminal) TRY(stage::make_exec_terminal(stage));
  if (entry.needed()) TRY(stage::enter_namespaces(stage));
  for (const SetupOp& op : stage.plan.ops) {
    if (op.kind == SetupKind::pivot || op.kind == SetupKind::move_root) TRY(report_prepared(stage));
    TRY(stage::perform(stage, op));
  }
  // In a container that others set up there is little to do.
  if (stage.plan.ops.empty()) {
    TRY(report_prepared(stage));
    if (stage.plan.process.terminal && !is_plain) TRY(stage::make_exec_terminal(stage));
  }
  return {};
}

}  // namespace

int main() {
  ::prctl(PR_SET_NAME, "ecrin-init", 0, 0, 0);
  stage::Stage stage;
  {
    const Fd plan_file(k_stage_plan_descriptor);
    const auto bytes = posix::read_fd(plan_file, k_plan_limit);
    if (!bytes) return k_stage_failed;
    auto plan = decode_plan(*bytes);
    if (!plan) return k_stage_failed;
    stage.plan = std::move(*plan);
  }
  close_others(stage.plan);
  stage.control = Fd(stage.plan.control);
  stage.lifeline = Fd(stage.plan.lifeline);
  stage.gate = Fd(stage.plan.gate);
  stage.owners = Fd(stage.plan.owners);
  stage.listener = Fd(stage.plan.listener);
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
