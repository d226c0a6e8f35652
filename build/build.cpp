#include "build/build.hpp"

#include "build/session.hpp"

namespace ecrin::build {

const NamedContext* find_named_context(const std::vector<NamedContext>& contexts, std::string_view name) {
  const auto familiar = [](std::string_view text) {
    for (const std::string_view start : {"docker.io/library/", "docker.io/"}) {
      if (text.starts_with(start)) text.remove_prefix(start.size());
    }
    if (text.ends_with(":latest")) text.remove_suffix(7);
    return text;
  };
  for (const NamedContext& context : contexts) {
    if (context.name == name) return &context;
  }
  for (const NamedContext& context : contexts) {
    if (familiar(context.name) == familiar(name)) return &context;
  }
  return nullptr;
}

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
