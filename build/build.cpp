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
  if (failed) *failed = session.failed;
  return result;
}

}  // namespace ecrin::build
