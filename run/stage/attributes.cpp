// What the kernel keeps about a process, beside who it is.
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "run/plan/resource_names.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr int k_this_process = 1;  // IOPRIO_WHO_PROCESS, with id 0

// sched_setattr(2), which has no header that goes with sched.h's
struct SchedulerAttributes {
  std::uint32_t size = sizeof(SchedulerAttributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;
};
static_assert(sizeof(SchedulerAttributes) == 48);

Result<> set_scheduler(const SchedulerPlan& plan) {
  SchedulerAttributes attributes{.policy = static_cast<std::uint32_t>(plan.policy),
                                 .flags = plan.flags,
                                 .nice = plan.nice,
                                 .priority = static_cast<std::uint32_t>(plan.priority),
                                 .runtime = plan.runtime,
                                 .deadline = plan.deadline,
                                 .period = plan.period};
  if (::syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return {};
  return fail_errno("cannot use the scheduler of the container's process");
}

Result<> set_processors(const std::string& mask) {
  if (mask.empty()) return {};
  if (::sched_setaffinity(0, mask.size(), reinterpret_cast<const cpu_set_t*>(mask.data())) != 0)
    return fail_errno("cannot choose the processors of the container's process");
  return {};
}

}  // namespace

Result<> use_stage_processors(const ProcessPlan& process) {
  return set_processors(process.stage_processors);
}

Result<> allow_limits(const ProcessPlan& process) {
  for (const ResourceLimit& limit : process.limits) {
    const auto resource = static_cast<__rlimit_resource>(limit.resource);
    rlimit present{};
    if (::getrlimit(resource, &present) != 0) return fail_errno("unknown resource limit {}", limit.resource);
    if (limit.hard <= present.rlim_max) continue;
    const rlimit wanted{.rlim_cur = present.rlim_cur, .rlim_max = limit.hard};
    if (::setrlimit(resource, &wanted) == 0) continue;
    auto error = fail_errno("cannot raise the hard limit {} from {} to {}", resource_name(limit.resource),
                            present.rlim_max, limit.hard);
    return std::unexpected(
        std::move(error).error().hint("only the host's administrator may raise a hard limit"));
  }
  return {};
}

Result<> set_limits(const ProcessPlan& process) {
  for (const ResourceLimit& limit : process.limits) {
    const rlimit wanted{.rlim_cur = limit.soft, .rlim_max = limit.hard};
    if (::setrlimit(static_cast<__rlimit_resource>(limit.resource), &wanted) != 0)
      return fail_errno("cannot set the limit {} to {}", resource_name(limit.resource), limit.soft);
  }
  return {};
}

Result<> set_priorities(const ProcessPlan& process) {
  if (process.personality && ::personality(*process.personality) < 0)
    return fail_errno("cannot set the personality of the container's process");
  if (process.io_priority && ::syscall(SYS_ioprio_set, k_this_process, 0, *process.io_priority) != 0)
    return fail_errno("cannot set the I/O priority of the container's process");
  if (process.scheduler) TRY(set_scheduler(*process.scheduler));
  return set_processors(process.processors);
}

}  // namespace ecrin::run::stage
