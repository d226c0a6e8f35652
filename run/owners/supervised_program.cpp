#include "run/owners/supervised_program.hpp"

#include <sched.h>

#include "run/capabilities.hpp"
#include "run/owners/owner_supervisor.hpp"
#include "run/plan/plan_facts.hpp"

namespace ecrin::run {

Result<SupervisedProgram> SupervisedProgram::start(ProgramRequest request) {
  SupervisedProgram program;
  program.m_owners = std::make_shared<OwnerSupervisor>();
  StageRequest stage;
  const bool has_namespaces = may_mount_here();
  if (has_namespaces) stage.clone_namespaces = CLONE_NEWNS | CLONE_NEWPID;
  stage.plan.pid_namespace = has_namespaces;
  stage.stdio = std::move(request.stdio);
  ProcessPlan& process = stage.plan.process;
  process.args = std::move(request.args);
  process.env = std::move(request.env);
  process.set_groups = false;
  process.no_new_privileges = !has_namespaces;  // a filter takes one or the other
  const CapabilitySet all = TRY(get_capabilities()).permitted;
  process.capabilities = {
      .bounding = all, .effective = all, .permitted = all, .inheritable = 0, .ambient = 0};
  TRY(program.m_owners->supervise(stage, 0));
  program.m_stage = TRY(StageProcess::spawn(std::move(stage)));
  TRY(program.m_stage.follow({}));
  return program;
}

}  // namespace ecrin::run
