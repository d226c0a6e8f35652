#include "run/owners/supervised_program.hpp"

#include <sched.h>

#include "run/capabilities.hpp"
#include "run/owners/owner_supervisor.hpp"

namespace ecrin::run {

Result<SupervisedProgram> SupervisedProgram::start(ProgramRequest request) {
  SupervisedProgram program;
  program.m_owners = std::make_shared<OwnerSupervisor>();
  StageRequest stage;
  stage.clone_namespaces = CLONE_NEWNS | CLONE_NEWPID;
  stage.stdio = std::move(request.stdio);
  ProcessPlan& process = stage.plan.process;
  process.args = std::move(request.args);
  process.env = std::move(request.env);
  process.set_groups = false;
  process.no_new_privileges = false;
  const CapabilitySet all = TRY(get_capabilities()).permitted;
  process.capabilities = {
      .bounding = all, .effective = all, .permitted = all, .inheritable = 0, .ambient = 0};
  TRY(program.m_owners->supervise(stage, 0));
  program.m_stage = TRY(StageProcess::spawn(std::move(stage)));
  TRY(program.m_stage.follow({}));
  return program;
}

}  // namespace ecrin::run
