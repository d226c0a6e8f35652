// What is done for a RUN step that failed: its tree becomes a layer that `ecrin debug` finds.
#include "base/log.hpp"
#include "base/text.hpp"
#include "build/executor.hpp"
#include "build/kept_steps.hpp"
#include "build/layer_hasher.hpp"
#include "build/step_descriptions.hpp"

namespace ecrin::build {

namespace {

Result<std::vector<std::string>> layer_ids(Session& session, const LayerChain& chain,
                                           const CancelToken& stop) {
  std::vector<std::string> ids;
  for (const fs::Layer& layer : TRY(session.directories(chain, stop))) ids.push_back(layer.id);
  return ids;
}

Result<StepSpec> describe(Session& session, const StepScope& scope, const recipes::RunStep& run) {
  StepSpec spec = describe_step(session, scope.step, run);
  spec.tree = TRY(layer_ids(session, scope.below, scope.stop));
  for (const StepInput& input : scope.step.plan->inputs) {
    if (!input.stage_step && !scope.step.images.contains(input.name))
      continue;  // files from elsewhere, which are not kept
    const LayerChain chain = chain_of_input(scope.step, input.name, scope.chain_of);
    StepSpec::Input used{.name = input.name, .layers = {}};
    used.layers = TRY(layer_ids(session, chain, scope.stop));
    spec.inputs.push_back(std::move(used));
  }
  return spec;
}

Result<KeptStep> keep(Session& session, const StepScope& scope, const recipes::RunStep& run, TreeMount mount,
                      StepEnd end) {
  StepSpec spec = TRY(describe(session, scope, run));
  TRY(mount.tree->finish());
  mount.tree.reset();
  KeptStep step;
  {
    fs::LowerTree lower = TRY(lower_tree(session, scope));
    fs::CanonicalOptions canonical;
    // As the step left it: with the times that its programs saw.
    canonical.epoch = INT64_MAX;
    canonical.own_mount_points = std::move(end.mount_points);
    const auto summary = TRY(fs::canonicalise(mount.draft->diff(), lower, canonical, &scope.stop));
    // A secret that the step wrote down stays nowhere.
    if (!summary.empty() && !end.secrets.empty())
      TRY(hash_layer(mount.draft->diff(), end.secrets, &scope.stop));
    if (!summary.empty()) {
      step.own_layer = TRY(session.workshop.layers().publish(std::move(*mount.draft))).id;
      spec.tree.push_back(step.own_layer);
    }
  }
  const PlanStep& plan = *scope.step.plan;
  step.id = Store::unique_name().substr(0, 12);
  step.created = session.options.now;
  const BuildOptions& options = session.options;
  step.context = options.context_name.empty() ? options.context_directory : options.context_name;
  step.file = session.recipe.file;
  step.line = plan.location.line;
  step.stage = session.plan.stages[plan.stage].stage->name;
  step.number = session.number_of(plan);
  step.text = plan.text;
  step.exit_code = end.exit_code;
  step.layers = spec.tree;
  for (const StepSpec::Input& input : spec.inputs)
    step.layers.insert(step.layers.end(), input.layers.begin(), input.layers.end());
  step.spec = encode_step(spec);
  KeptSteps steps(session.workshop.store().database());
  const std::vector<std::string> surplus = TRY(steps.add(step));
  if (!surplus.empty()) TRY(remove_kept_steps(session.workshop, surplus));
  return step;
}

}  // namespace

void keep_failed_step(Session& session, const StepScope& scope, const recipes::RunStep& run, TreeMount mount,
                      StepEnd end) {
  if (!session.options.keep_failed) return;
  const auto kept = keep(session, scope, run, std::move(mount), end);
  if (!kept) {
    // Why the step failed is what the user must hear.
    log::debug("cannot keep the failed step: {}", without_secrets(kept.error(), end.secrets).message());
    return;
  }
  scope.failure.kept = kept->id;
}

}  // namespace ecrin::build
