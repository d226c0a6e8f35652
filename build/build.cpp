#include "build/build.hpp"

#include "build/session.hpp"

namespace ecrin::build {

Result<BuildResult> build_image(Workshop& workshop, const recipes::Recipe& recipe,
                                const BuildOptions& options, BuildObserver& observer,
                                const CancelToken& cancel, FailedStep* failed) {
  Session session(workshop, recipe, options, cancel);
  TRY(prepare(session));
  const std::unique_ptr<StepExecutor> executor = make_executor(session);
  auto result = run_build(session, *executor, observer);
  if (failed) *failed = {.exit_code = session.exit_code, .kept = session.kept_step};
  return result;
}

}  // namespace ecrin::build
