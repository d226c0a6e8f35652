#include "build/traced_rebase.hpp"

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "build/carried_copy.hpp"
#include "build/executor.hpp"
#include "build/image_steps.hpp"
#include "build/rebased_inputs.hpp"
#include "build/rebased_tree.hpp"
#include "build/step_descriptions.hpp"
#include "build/step_reuse.hpp"
#include "build/traced_step.hpp"
#include "fs/file_owners.hpp"
#include "oci/mutate.hpp"

namespace ecrin::build {
namespace {

using Clock = std::chrono::steady_clock;
using Fate = RebasedStep::Fate;

constexpr const char* k_recipe_hint =
    "build the image from its recipe, on the new base; --no-run carries all steps over as they are";

recipes::Recipe recipe_of(const std::string& image) {
  recipes::Recipe recipe;
  recipe.file = "ecrin rebase";
  recipes::Stage& stage = recipe.stages.emplace_back();
  stage.name = image;
  stage.from = recipes::FromScratch{};
  return recipe;
}

bool is_known(const OwnStep& step) {
  return step.trace && !fs::owners_are_recorded();
}

class Rebasing {
public:
  /// `observer`: not for differing().
  Rebasing(Workshop& workshop, const StepRebase& request, RebaseObserver* observer, const CancelToken& cancel)
      : m_request(request),
        m_observer(observer),
        m_recipe(recipe_of(printable(request.name))),
        m_session(workshop, m_recipe, m_options, cancel),
        m_tree(m_session, request),
        m_descriptions(workshop.store().database()) {
    m_options.cache = CacheUse::traced;
    m_options.proxy_environment = request.proxy_environment;
    m_options.now = request.now;
  }

  Result<RebasedSteps> run(const std::vector<OwnStep>& steps);
  Result<std::vector<std::string>> differing(const std::vector<OwnStep>& steps);
  const FailedStep& failed() const { return m_session.failed; }

private:
  Result<> open(const std::vector<OwnStep>& steps);
  Result<> settle(const OwnStep& step);
  Result<SettledStep> choose(const OwnStep& step, const StepOutcome& made);
  SettledStep kept(const OwnStep& step, const StepOutcome& made) const;
  Result<SettledStep> run_step(const OwnStep& step, const StepOutcome& made);
  Result<SettledStep> run_again(SettledStep settled);
  Result<SettledStep> make_again(const OwnStep& step, const recipes::StepKind& kind);
  Result<SettledStep> copy(const OwnStep& step, const StepOutcome& made);

  OtherBase other_base() const {
    return {m_request.old_base.config, m_request.new_base.config, m_tree.key()};
  }
  void prepare(const OwnStep& step, const recipes::StepKind& kind, const RebasedInputs& there);
  Result<> find_images(const StepSpec& spec, const std::string& why);
  Result<StepOutcome> execute(double& seconds);
  void doubt_directory(const OwnStep& step, SettledStep& settled) const;
  Error needs_recipe(const std::string& what, const std::string& why) const;
  std::string place() const {
    return fmt::format("step {} of '{}' ({})", m_info.number, m_info.stage, printable(m_info.text, 80));
  }

  const StepRebase& m_request;
  RebaseObserver* m_observer;
  recipes::Recipe m_recipe;
  BuildOptions m_options;  // of the step at hand
  Session m_session;
  RebasedTree m_tree;
  StepDescriptions m_descriptions;
  std::unique_ptr<StepExecutor> m_executor;
  StepInfo m_info;
  PlanStep m_plan;
  PreparedStep m_step;
};

Result<> Rebasing::open(const std::vector<OwnStep>& steps) {
  m_session.plan.stages.push_back({.stage = &m_recipe.stages.front(), .first = 0, .last = 0});
  m_executor = make_executor(m_session);
  m_info = {.number = 0, .total = steps.size(), .stage = m_recipe.stages.front().name, .text = ""};
  const auto known = std::ranges::find_if(steps, [](const OwnStep& step) { return !step.key.empty(); });
  return m_tree.open(known == steps.end() ? KeyInputs() : known->inputs);
}

void Rebasing::prepare(const OwnStep& step, const recipes::StepKind& kind, const RebasedInputs& there) {
  m_plan = {};
  m_plan.index = m_info.number - 1;
  m_plan.parent = 0;
  m_plan.what = kind;
  m_plan.text = step.text;
  m_step = {};
  m_step.plan = &m_plan;
  m_step.platform = m_request.new_base.config.platform;
  m_step.before = std::make_shared<const oci::ImageConfig>(there.before);
  m_step.after = m_step.before;
  m_step.shell = there.shell;
  m_step.base = m_tree.now().base;
  m_step.inputs = there.inputs;
  m_step.key = key_digest(there.inputs);
  m_step.tree_key = m_step.key;
}

Error Rebasing::needs_recipe(const std::string& what, const std::string& why) const {
  auto error =
      Error(ErrorKind::unsupported, fmt::format("{} has to run again, and {}: {}", place(), what, why));
  return std::move(error).hint(k_recipe_hint);
}

// Images are there still or not; all else that a step may be given besides its tree is gone.
Result<> Rebasing::find_images(const StepSpec& spec, const std::string& why) {
  using Type = recipes::Mount::Type;
  const auto gone = [&](const std::string& what) { return std::unexpected(needs_recipe(what, why)); };
  m_step.mount_selections.resize(spec.run.mounts.size());
  for (const recipes::Mount& mount : spec.run.mounts) {
    const std::string from = printable(mount.from);
    if (mount.type == Type::secret) return gone(fmt::format("is given the secret '{}'", printable(mount.id)));
    if (mount.type == Type::ssh) return gone("is given an ssh-agent");
    if (mount.type == Type::bind && mount.from.empty()) return gone("mounts files of its build's context");
    if (mount.from.empty() || m_step.images.contains(mount.from)) continue;
    const auto wanted = m_step.inputs.find("image " + mount.from);
    if (!wanted) return gone(fmt::format("mounts files of '{}', which is no image of the store", from));
    const auto record = m_session.workshop.images().find(mount.from);
    if (!record) return gone(fmt::format("mounts the image '{}', which is not here", from));
    auto image = TRY(m_session.workshop.images().load(record->manifest));
    if (diff_ids_input(image.config) != *wanted)
      return gone(fmt::format("mounts the image '{}', which is another one now", from));
    m_plan.inputs.push_back({.name = mount.from, .stage_step = std::nullopt});
    m_step.images[mount.from] = std::make_shared<const oci::Image>(std::move(image));
  }
  return {};
}

Result<StepOutcome> Rebasing::execute(double& seconds) {
  StepFailure failure;
  const StepScope scope{
      .step = m_step,
      .below = m_tree.now(),
      .chain_of = {},  // none has such inputs
      .output = [this](std::string_view bytes) { m_observer->step_output(m_info, bytes); },
      .note = [this](const std::string& message) { m_observer->note(message); },
      .stop = m_session.cancel,
      .failure = failure,
  };
  const auto start = Clock::now();
  auto outcome = m_executor->execute(scope);
  seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (outcome) return outcome;
  m_session.failed = {.exit_code = failure.exit_code,
                      .location = {},
                      .number = m_info.number,
                      .stage = m_info.stage,
                      .kept = failure.kept};
  m_observer->step_finished(m_info, {.fate = Fate::failed, .seconds = seconds});
  return std::unexpected(std::move(outcome).error().context(place()));
}

// As it was, on whatever tree.
SettledStep Rebasing::kept(const OwnStep& step, const StepOutcome& made) const {
  SettledStep settled{.report = {.fate = Fate::unknown}, .outcome = made};
  if (!step.key.empty()) settled.inputs = with_parent(step.inputs, m_tree.key());
  settled.is_sure = false;
  settled.report.reasons.emplace_back(step.may_run ? "it is not known what it used"
                                                   : "it was not built here");
  return settled;
}

Result<SettledStep> Rebasing::run_step(const OwnStep& step, const StepOutcome& made) {
  const bool same_settings = have_same_run_settings(m_request.old_base.config, m_request.new_base.config);
  SettledStep settled{.report = {}, .outcome = made, .inputs = with_parent(step.inputs, m_tree.key())};
  settled.spec = TRY(m_descriptions.of(step.key));
  const auto there = settled.spec ? rebased_inputs(step.inputs, *settled.spec, other_base()) : std::nullopt;
  if (there) {
    prepare(step, settled.spec->run, *there);
    m_step.platform = settled.spec->platform;
    settled.inputs = there->inputs;
  } else {
    settled.spec.reset();
    if (!same_settings && !is_known(step)) return kept(step, made);
    if (!same_settings)
      return std::unexpected(needs_recipe("it is not known with what", "the settings of the bases differ"));
  }
  if (auto outcome = TRY(m_tree.cached(settled.inputs))) {
    settled.outcome = std::move(*outcome);
    settled.is_cached = true;
    settled.report.fate = Fate::found;
    settled.report.reasons = {"it ran on this base before"};
    return settled;
  }
  if (!is_known(step)) return kept(step, made);
  settled.report.reasons = TRY(m_tree.differences_for(step, settled.inputs));
  if (!settled.report.reasons.empty()) return run_again(std::move(settled));
  settled.outcome = TRY(apply_layer(m_session, made, TRY(m_tree.layers()), m_session.cancel));
  settled.outcome.trace = step.trace;
  settled.command = step.command;
  settled.report.reasons = {fmt::format("all {} paths that it used are the same", step.trace->size())};
  return settled;
}

Result<SettledStep> Rebasing::run_again(SettledStep settled) {
  const std::string why = settled.report.reasons.front();
  if (!settled.spec) return std::unexpected(needs_recipe("it is not known with what", why));
  TRY(find_images(*settled.spec, why));
  m_options.network = settled.spec->network;
  m_options.run = settled.spec->settings;
  TRY_WHILE(m_executor->check(m_step), "{}", place());
  Reuse other =
      TRY(find_reuse(m_session, m_tree.hasher(), m_step, {m_tree.now(), {}}, true, m_session.cancel));
  settled.command = TRY(traced_command(m_session, m_step));
  if (other.outcome) {
    settled.outcome = std::move(*other.outcome);
    settled.report.fate = Fate::found;
    settled.report.reasons = std::move(other.reasons);
    return settled;
  }
  settled.report.fate = Fate::ran;
  settled.outcome = TRY(execute(settled.report.seconds));
  return settled;
}

// One that needs nothing but what it is.
Result<SettledStep> Rebasing::make_again(const OwnStep& step, const recipes::StepKind& kind) {
  SettledStep settled{.report = {}, .outcome = {}};
  const RebasedInputs there = rebased_inputs(step.inputs, kind, other_base());
  settled.inputs = there.inputs;
  doubt_directory(step, settled);
  if (auto outcome = TRY(m_tree.cached(settled.inputs))) {
    settled.outcome = std::move(*outcome);
    settled.is_cached = true;
    return settled;
  }
  prepare(step, kind, there);
  double seconds = 0;
  settled.outcome = TRY(execute(seconds));
  return settled;
}

Result<SettledStep> Rebasing::copy(const OwnStep& step, const StepOutcome& made) {
  SettledStep settled{.report = {}, .outcome = made, .inputs = with_parent(step.inputs, m_tree.key())};
  if (auto outcome = TRY(m_tree.cached(settled.inputs))) {
    settled.outcome = std::move(*outcome);
    settled.is_cached = true;
    return settled;
  }
  const CopyTrees trees{m_tree.before(), m_tree.now(), [this] { return m_tree.differences(); }};
  CarriedCopy carried = TRY(carry_copy(m_session, step, made, trees, m_session.cancel));
  settled.outcome = std::move(carried.outcome);
  settled.is_sure = carried.is_sure;
  settled.doubts = std::move(carried.doubts);
  doubt_directory(step, settled);
  return settled;
}

// Where a step wrote a relative path cannot be seen any more, only where that led.
void Rebasing::doubt_directory(const OwnStep& step, SettledStep& settled) const {
  const std::string& before = m_request.old_base.config.working_dir;
  const std::string& now = m_request.new_base.config.working_dir;
  if (before == now) return;
  const auto& history = m_request.image.config.history;
  const std::size_t first = oci::base_entries(m_request.image.config, m_request.old_base.config);
  for (std::size_t i = first; i < step.entry; ++i)
    if (history[i].created_by.starts_with("WORKDIR /")) return;
  settled.is_sure = false;
  settled.doubts.push_back(fmt::format("the work directory of the new base is '{}', that of the old one '{}'",
                                       printable(now), printable(before)));
}

Result<SettledStep> Rebasing::choose(const OwnStep& step, const StepOutcome& made) {
  if (step.key.empty()) return kept(step, made);
  if (step.kind() == "run") return run_step(step, made);
  if (is_linked(step.inputs))
    return SettledStep{.report = {}, .outcome = made, .inputs = step.inputs, .is_cached = true};
  if (const auto kind = whole_step(step.inputs)) return make_again(step, *kind);
  return copy(step, made);
}

Result<> Rebasing::settle(const OwnStep& step) {
  TRY(m_session.cancel.check());
  ++m_info.number;
  m_info.text = step.text;
  m_observer->step_started(m_info);
  m_session.time.clamp = clamp_of(step.inputs);
  const StepOutcome made = m_tree.made_by(step);
  SettledStep settled = TRY(choose(step, made));
  for (const std::string& doubt : settled.doubts) {
    if (m_request.strict) return fail(ErrorKind::conflict, "{} may be another one: {}", place(), doubt);
    m_observer->warn(fmt::format("{}: {}", place(), doubt));
  }
  settled.report.bytes = settled.outcome.bytes;
  settled.report.entries = settled.outcome.entries;
  m_observer->step_finished(m_info, settled.report);
  return m_tree.put(step, made, std::move(settled));
}

Result<RebasedSteps> Rebasing::run(const std::vector<OwnStep>& steps) {
  TRY(open(steps));
  Result<> settled;
  for (std::size_t i = 0; settled && i < steps.size(); ++i) settled = settle(steps[i]);
  m_session.workshop.drop_kept_trees();
  TRY(std::move(settled));
  return m_tree.finish(steps);
}

Result<std::vector<std::string>> Rebasing::differing(const std::vector<OwnStep>& steps) {
  TRY(open(steps));
  std::vector<std::string> found;
  for (const OwnStep& step : steps) {
    ++m_info.number;
    m_info.text = step.text;
    if (step.kind() == "run" && is_known(step)) {
      KeyInputs inputs = step.inputs;
      const auto spec = TRY(m_descriptions.of(step.key));
      if (auto there = spec ? rebased_inputs(step.inputs, *spec, other_base()) : std::nullopt)
        inputs = std::move(there->inputs);
      for (const std::string& difference : TRY(m_tree.differences_for(step, inputs)))
        found.push_back(fmt::format("{}: {}", place(), difference));
    }
    m_tree.put_unchanged(step);
  }
  return found;
}

}  // namespace

Result<RebasedSteps> rebase_steps(Workshop& workshop, const StepRebase& request,
                                  const std::vector<OwnStep>& steps, RebaseObserver& observer,
                                  const CancelToken& cancel, FailedStep* failed) {
  Rebasing rebasing(workshop, request, &observer, cancel);
  auto result = rebasing.run(steps);
  if (failed) *failed = rebasing.failed();
  return result;
}

Result<> record_rebase(Workshop& workshop, const StepRebase& request, const std::vector<OwnStep>& steps,
                       const RebasedSteps& rebased, const oci::ImageRecord& image) {
  Database& database = workshop.store().database();
  const std::size_t first = oci::base_entries(request.image.config, request.old_base.config);
  const std::size_t count = request.image.config.history.size() - first;
  ImageStates states{.base = request.new_base.id().digest.to_string(),
                     .base_entries = request.new_base.config.history.size(),
                     .states = {},
                     .keys = std::vector<std::string>(count)};
  for (std::size_t i = 0; i < steps.size(); ++i) states.keys[steps[i].entry - first] = rebased.keys[i];
  for (std::size_t i = 0; i < count; ++i) {
    ImageAtStep before = TRY(image_at_step(database, request.image, first + i + 1));
    if (!before.settings_known) {
      states.states.clear();
      break;
    }
    states.states.push_back(std::make_shared<const oci::ImageConfig>(oci::rebase_settings(
        std::move(before.image.config), request.old_base.config, request.new_base.config)));
  }
  return record_states(database, image.id.digest.to_string(), states);
}

Result<std::vector<std::string>> steps_that_differ(Workshop& workshop, const StepRebase& request,
                                                   const std::vector<OwnStep>& steps,
                                                   const CancelToken& cancel) {
  return Rebasing(workshop, request, nullptr, cancel).differing(steps);
}

std::vector<const OwnStep*> unknown_steps(const std::vector<OwnStep>& steps) {
  std::vector<const OwnStep*> unknown;
  for (const OwnStep& step : steps)
    if (step.may_run && !is_known(step)) unknown.push_back(&step);
  return unknown;
}

}  // namespace ecrin::build
