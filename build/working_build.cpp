#include "build/working_build.hpp"

#include "base/text.hpp"
#include "build/commit.hpp"
#include "build/session.hpp"
#include "build/working_mounts.hpp"
#include "build/working_tree.hpp"
#include "recipes/step_text.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_text_length = 200;

class SilentObserver final : public BuildObserver {
public:
  void planned(std::size_t) override {}
  void step_started(const StepInfo&) override {}
  void step_output(const StepInfo&, std::string_view) override {}
  void step_finished(const StepInfo&, const StepResult&) override {}
  void note(const std::string&) override {}
};

// As a YAML recipe calls its steps: the history must be the same.
std::string step_text(const recipes::StepKind& kind) {
  return printable(fmt::format("{}: {}", to_lower(recipes::instruction_name(kind)), recipes::summary(kind)),
                   k_text_length);
}

recipes::Stage stage_of(const WorkingContainer& container) {
  recipes::Stage stage;
  stage.name = container.name;
  stage.from = recipes::FromScratch{};
  stage.platform = container.platform;
  return stage;
}

// The names that a step takes files from.
std::vector<std::string> sources_of(const recipes::StepKind& kind) {
  std::vector<std::string> names;
  if (const auto* copy = std::get_if<recipes::CopyStep>(&kind)) names.push_back(copy->from);
  if (const auto* run = std::get_if<recipes::RunStep>(&kind))
    for (const recipes::Mount& mount : run->mounts) names.push_back(mount.from);
  return names;
}

}  // namespace

Result<WorkingContainer> start_container(Workshop& workshop, const std::string& image,
                                         const BuildOptions& options, const CancelToken& cancel) {
  recipes::Recipe recipe;
  recipe.file = "ecrin from";
  recipes::Stage stage;
  stage.name = "main";
  stage.shell = {"/bin/sh", "-e", "-c"};  // as in recipes in YAML
  if (image == "scratch") {
    stage.from = recipes::FromScratch{};
  } else {
    stage.from = recipes::FromImage{image};
  }
  recipe.stages.push_back(std::move(stage));
  Session session(workshop, recipe, options, cancel);
  TRY(prepare(session));
  // A recipe looks its `from` up before its steps: it must find it there.
  SilentObserver observer;
  TRY(run_steps(session, *make_executor(session), observer));
  const PreparedStep& from = session.steps.back();
  WorkingContainer container;
  container.created = options.now;
  container.image = image;
  if (from.base) container.base = from.base->manifest_descriptor.digest.to_string();
  container.platform = from.platform;
  container.config = *from.after;
  container.shell = from.shell;
  container.tree_key = from.tree_key;
  return container;
}

Result<StepsReport> add_steps(Workshop& workshop, WorkingContainer& container, const StepsRequest& request,
                              const BuildOptions& options, BuildObserver& observer, const CancelToken& cancel,
                              FailedStep* failed) {
  recipes::Recipe recipe;
  recipe.file = "working container " + container.name;
  Session session(workshop, recipe, options, cancel);
  WorkingContainers containers(workshop.store());
  recipes::Stage stage = stage_of(container);
  for (const recipes::StepKind& kind : request.steps) {
    stage.steps.push_back({.kind = kind, .location = {}, .text = step_text(kind)});
    for (const std::string& name : sources_of(kind)) {
      if (name.empty() || name == container.name || session.starts.contains(name)) continue;
      const auto other = TRY(containers.get(name));
      if (!other) continue;  // an image
      TRY(refuse_mounted(workshop, name));
      session.starts.emplace(name, TRY(starting_tree(workshop, *other)));
      recipe.stages.push_back(stage_of(*other));
    }
  }
  recipe.stages.push_back(std::move(stage));
  StartingTree start = TRY(starting_tree(workshop, container));
  if (request.workdir) start.config.working_dir = *request.workdir;
  session.starts.emplace(container.name, std::move(start));

  TRY(prepare(session));
  const std::unique_ptr<StepExecutor> executor = make_executor(session);
  auto built = run_steps(session, *executor, observer);
  if (failed) *failed = session.failed;
  const std::vector<BuiltStep> steps = TRY(std::move(built));

  StepsReport report;
  const PlanStage& planned = session.plan.stages[session.plan.target];
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const PreparedStep& prepared = session.steps[planned.first + 1 + i];
    const auto* kind = std::get_if<recipes::StepKind>(&prepared.plan->what);
    WorkingStep step{.text = kind ? recipes::history_text(*kind, prepared.shell) : prepared.plan->text,
                     .layer = steps[i].layer ? steps[i].layer->id : "",
                     .independent = is_independent(*prepared.plan),
                     .after = *prepared.after};
    container.shell = prepared.shell;
    if (request.workdir) step.after.working_dir = container.config.working_dir;
    container.tree_key = prepared.tree_key;
    container.config = step.after;
    if (prepared.plan->as<recipes::CmdStep>()) container.own_cmd = true;
    container.steps.push_back(std::move(step));
    ++(steps[i].ran ? report.ran : report.cached);
  }
  return report;
}

Result<oci::ImageRecord> commit_container(Workshop& workshop, const WorkingContainer& container,
                                          const BuildOptions& options, const CancelToken& cancel) {
  const ImagePointer base = TRY(load_base(workshop, container));
  std::vector<HistoryStep> history;
  for (const WorkingStep& step : container.steps) {
    auto layer = TRY(find_layer(workshop, step.layer));
    history.push_back({.text = step.text,
                       .layer = std::move(layer),
                       .after = std::make_shared<const oci::ImageConfig>(step.after)});
  }
  const BuildTime time{.clamp = 0, .created = options.current_time ? options.now : options.epoch.value_or(0)};
  ImageParts parts = TRY(assemble_image(base, container.config, history, time));
  return store_image(workshop, std::move(parts), base, options.tags, options.squash, cancel);
}

}  // namespace ecrin::build
