// A program of the host in the namespaces of this process, whose files have the owners that it gives them
// although there is one id only (owner_supervisor.hpp): what installs systems, say.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "run/container.hpp"
#include "run/stage_process.hpp"

namespace ecrin::run {

struct ProgramRequest {
  std::vector<std::string> args;  // the first is looked up in PATH of env
  std::vector<std::string> env;
  Stdio stdio;
};

class SupervisedProgram {
public:
  /// It has process and mount namespaces of its own, with an init: when it is killed, all that it started
  /// ends.
  static Result<SupervisedProgram> start(ProgramRequest request);
  Child& child() { return m_stage.child(); }

private:
  std::shared_ptr<OwnerSupervisor> m_owners;
  StageProcess m_stage;  // ends first
};

}  // namespace ecrin::run
