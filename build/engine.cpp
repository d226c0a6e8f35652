// The engine: what is cached stays, what is not runs in order, and what came out becomes an image.
#include <algorithm>
#include <chrono>
#include <thread>

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/commit.hpp"
#include "build/layer_hasher.hpp"
#include "build/scheduler.hpp"
#include "build/serial_observer.hpp"
#include "build/session.hpp"
#include "build/shared_build.hpp"
#include "build/shared_reuse.hpp"
#include "build/step_descriptions.hpp"
#include "build/step_fates.hpp"
#include "build/step_reasons.hpp"
#include "build/step_reuse.hpp"
#include "build/step_traces.hpp"
#include "build/step_trees.hpp"
#include "build/traced_step.hpp"

namespace ecrin::build {

namespace {

using Clock = std::chrono::steady_clock;

class Engine {
public:
  Engine(Session& session, StepExecutor& executor, BuildObserver& observer)
      : m_session(session),
        m_executor(executor),
        m_observer(observer),
        m_trees(session, m_outcomes),
        m_fates(session),
        m_hasher(session.workshop.layers(), *session.cache,
                 std::max(1u, std::thread::hardware_concurrency())),
        m_shared(session, m_hasher, [this](const std::string& note) { m_observer.note_once(note); }) {}
  Result<BuildResult> run();
  Result<std::vector<BuiltStep>> run_steps();

private:
  Result<> run_rounds();
  Result<> finish_steps();
  Result<> schedule();
  void settle(std::size_t index);
  Result<> adopt(std::size_t index, const CancelToken& stop);
  Result<> check_steps();
  Result<> execute(std::size_t index, const CancelToken& stop);
  Result<bool> reuse(std::size_t index, const CancelToken& stop, StepResult& result);
  Result<> finish(std::size_t index, const StepOutcome& outcome, double seconds, const KeyInputs& inputs);
  void export_step(std::size_t index);
  void report_cached(std::size_t index);
  bool stands_on_nothing(std::size_t index);
  Result<StepOutcome> perform(std::size_t index, const CancelToken& stop, StepFailure& failure);
  void note_failure(std::size_t index, const StepFailure& failure);
  std::vector<std::string> reasons(std::size_t index);
  std::vector<std::string> found_reasons(std::size_t index, const KeyInputs& found);
  Result<oci::ImageRecord> commit();
  Result<> record_use();

  const PlanStep& plan(std::size_t index) const { return m_session.plan.steps[index]; }
  const recipes::Stage& stage_of(std::size_t index) const {
    return *m_session.plan.stages[plan(index).stage].stage;
  }
  std::size_t target() const { return m_session.plan.stages[m_session.plan.target].last; }
  StepInfo info(std::size_t index) const {
    // Trees that stand already are no steps of this build; their stages are nothing else, but for the last.
    return {m_session.number_of(plan(index)), m_session.plan.steps.size() - m_session.starts.size(),
            stage_of(index).name, plan(index).text};
  }
  // For errors.
  std::string doing(std::size_t index) const {
    return fmt::format("building stage '{}', {}:{} ({})", printable(stage_of(index).name),
                       m_session.recipe.file, plan(index).location.line, printable(plan(index).text, 80));
  }
  Slot slot(std::size_t index) const {
    const BuildOptions& options = m_session.options;
    const std::string& context =
        options.context_name.empty() ? options.context_directory : options.context_name;
    return {context + '\n' + m_session.recipe.file +
                (options.platform ? '\n' + options.platform->to_string() : ""),
            stage_of(index).name, plan(index).ordinal, plan(index).text};
  }

  Session& m_session;
  StepExecutor& m_executor;
  SerialObserver m_observer;
  std::vector<char> m_in_image;         // the step's layer is one of the image's: only those need a diff ID
  std::vector<StepOutcome> m_outcomes;  // of finished steps; each is written by its own task only
  StepTrees m_trees;                    // made of them
  StepFates m_fates;                    // of this round
  std::vector<double> m_seconds;        // that they took, here or elsewhere
  std::vector<char> m_finished;         // by this build
  std::vector<char> m_ran;
  std::vector<char> m_reported;
  std::vector<char> m_failed;  // its tree is not what a shared cache said: looked up once more
  LayerHasher m_hasher;
  SharedBuild m_shared;  // after the hasher, which it waits for
  // For all rounds: networks and agents that steps share end with the thread that started them.
  std::optional<ThreadPool> m_workers;
};

std::vector<std::string> Engine::reasons(std::size_t index) {
  if (!m_session.options.explain) return {};
  if (!m_session.options.no_cache && m_fates.is_fresh(index)) return {"--no-cache-filter"};
  if (m_fates.known(index).found)
    return {fmt::format("running it is faster than fetching it from '{}'",
                        printable(m_shared.caches().name(*m_fates.known(index).found)))};
  const auto& parent = plan(index).parent;
  const bool parent_runs = parent && m_fates.of(*parent) == Fate::runs;
  return reasons_to_run(m_session, index, slot(index), parent_runs ? plan(*parent).text : "");
}

std::vector<std::string> Engine::found_reasons(std::size_t index, const KeyInputs& found) {
  if (!m_session.options.explain || found.empty()) return {};
  return reasons_of_findings(m_session, slot(index), found);
}

Result<StepOutcome> Engine::perform(std::size_t index, const CancelToken& stop, StepFailure& failure) {
  if (!makes_layer(plan(index))) return StepOutcome{};
  const bool is_alone = !plan(index).parent || is_independent(plan(index));
  const LayerChain below = is_alone ? LayerChain{} : m_trees.chain(*plan(index).parent);
  std::map<std::size_t, LayerChain> inputs;
  for (const StepInput& input : plan(index).inputs) {
    if (input.stage_step) inputs.emplace(*input.stage_step, m_trees.chain(*input.stage_step));
  }
  const StepInfo step = info(index);
  const StepScope scope{
      .step = m_session.steps[index],
      .below = below,
      .chain_of = [&](std::size_t input) { return inputs.at(input); },
      .output =
          [&](std::string_view bytes) {
            m_observer.with([&](BuildObserver& observer) { observer.step_output(step, bytes); });
          },
      .note = [&](const std::string& message) { m_observer.note_once(message); },
      .stop = stop,
      .failure = failure,
  };
  return m_executor.execute(scope);
}

void Engine::note_failure(std::size_t index, const StepFailure& failure) {
  const std::scoped_lock lock(m_session.failure_mutex);
  if (m_session.failed.number != 0) return;
  m_session.failed = {.exit_code = failure.exit_code,
                      .location = plan(index).location,
                      .number = info(index).number,
                      .stage = stage_of(index).name,
                      .kept = failure.kept};
}

// A step whose key is new, but not its result.
Result<bool> Engine::reuse(std::size_t index, const CancelToken& stop, StepResult& result) {
  const BuildOptions& options = m_session.options;
  if (options.cache != CacheUse::traced || options.no_cache || m_fates.is_fresh(index)) return false;
  if (!plan(index).parent) return false;
  const auto start = Clock::now();
  const StepGround ground{m_trees.chain(*plan(index).parent),
                          [this](std::size_t input) { return m_trees.chain(input); }};
  Reuse found =
      TRY(find_reuse(m_session, m_hasher, m_session.steps[index], ground, m_in_image[index] != 0, stop));
  // What a cache has by the exact key runs because that is faster.
  if (!found.outcome && !m_fates.known(index).found)
    TRY(find_shared_reuse(m_session, m_session.steps[index], ground, stop, found));
  if (!options.explain) found.reasons.clear();
  if (!found.outcome) {
    // Of all that is another now, what decided.
    if (!found.reasons.empty()) result.reasons = std::move(found.reasons);
    return false;
  }
  result = {.state = StepResult::State::cached,
            .seconds = std::chrono::duration<double>(Clock::now() - start).count(),
            .bytes = found.outcome->bytes,
            .entries = found.outcome->entries,
            .reasons = std::move(found.reasons),
            .from = std::move(found.from)};
  m_reported[index] = 1;
  TRY(finish(index, *found.outcome, found.outcome->seconds, m_session.steps[index].inputs));
  m_observer.with([&, step = info(index)](BuildObserver& observer) {
    observer.step_started(step);
    observer.step_finished(step, result);
  });
  return true;
}

Result<> Engine::execute(std::size_t index, const CancelToken& stop) {
  TRY(stop.check());
  if (stands_on_nothing(index)) return {};
  const StepInfo step = info(index);
  StepResult result;
  result.reasons = reasons(index);
  if (TRY(reuse(index, stop, result))) return {};
  m_ran[index] = 1;
  m_reported[index] = 1;
  m_observer.with([&](BuildObserver& observer) { observer.step_started(step); });
  const auto start = Clock::now();
  StepFailure failure;
  auto outcome = perform(index, stop, failure);
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (!outcome) {
    const bool cancelled = outcome.error().kind() == ErrorKind::cancelled;
    result.state = cancelled ? StepResult::State::cancelled : StepResult::State::failed;
    m_observer.with([&](BuildObserver& observer) { observer.step_finished(step, result); });
    if (cancelled) return std::unexpected(std::move(outcome).error());
    note_failure(index, failure);
    return std::unexpected(std::move(outcome).error().context(doing(index)));
  }
  for (std::string& reason : found_reasons(index, outcome->found)) {
    result.reasons.push_back(std::move(reason));
  }
  // Only with what was found is it another list: one of many files is not copied.
  std::optional<KeyInputs> more;
  if (!outcome->found.empty()) more.emplace(m_session.steps[index].inputs).append(outcome->found);
  TRY(finish(index, *outcome, result.seconds, more ? *more : m_session.steps[index].inputs));
  result.bytes = outcome->bytes;
  result.entries = outcome->entries;
  m_observer.with([&](BuildObserver& observer) { observer.step_finished(step, result); });
  return {};
}

// The step's result is in the store from now on.
Result<> Engine::finish(std::size_t index, const StepOutcome& outcome, double seconds,
                        const KeyInputs& inputs) {
  m_outcomes[index] = outcome;
  m_seconds[index] = seconds;
  m_finished[index] = 1;
  TRY(m_session.cache->add({.key = m_session.steps[index].key,
                            .layer_id = outcome.layer ? outcome.layer->id : "",
                            .below_id = m_trees.name_below(index),
                            .text = plan(index).text,
                            .bytes = outcome.bytes,
                            .entries = outcome.entries,
                            .seconds = seconds,
                            .inputs = &inputs},
                           m_session.options.now));
  if (outcome.trace) {
    StepTraces traces(m_session.workshop.store().database(), m_session.workshop.layers());
    TRY(traces.add(TRY(traced_command(m_session, m_session.steps[index])), m_session.steps[index].key,
                   *outcome.trace, m_session.options.now));
    if (const auto* run = plan(index).as<recipes::RunStep>())
      TRY(StepDescriptions(m_session.workshop.store().database())
              .add(m_session.steps[index].key, describe_step(m_session, m_session.steps[index], *run)));
  }
  // After the row: the hasher may find the layer a duplicate and change the row.
  if (outcome.layer && m_in_image[index]) m_hasher.add(*outcome.layer);
  export_step(index);
  return {};
}

void Engine::export_step(std::size_t index) {
  if (m_session.options.cache_to.empty() || !m_trees.can_be_shared(index)) return;
  m_shared.add(index, {.outcome = m_outcomes[index],
                       .below = m_trees.layer_below(index),
                       .seconds = m_seconds[index],
                       .in_image = m_in_image[index] != 0});
}

bool Engine::stands_on_nothing(std::size_t index) {
  const auto& parent = plan(index).parent;
  if (parent && m_failed[*parent]) m_failed[index] = 1;
  for (const StepInput& input : plan(index).inputs) {
    if (input.stage_step && m_failed[*input.stage_step]) m_failed[index] = 1;
  }
  return m_failed[index] != 0;
}

// What a shared cache has becomes a result of this store, as if it had run here.
Result<> Engine::adopt(std::size_t index, const CancelToken& stop) {
  TRY(stop.check());
  if (stands_on_nothing(index)) return {};
  StepOutcome outcome;
  double seconds = 0;
  if (const auto& found = m_fates.known(index).found) {
    outcome.bytes = found->step.bytes;
    outcome.entries = found->step.entries;
    seconds = found->step.seconds;
    if (found->step.layer) outcome.layer = TRY(m_shared.fetched(index));
    const bool is_there = outcome.layer.has_value() == found->step.layer.has_value();
    if (!is_there || !TRY(m_shared.fits(*found, m_trees.layer_below(index)))) {
      m_failed[index] = 1;
      return {};
    }
  }
  TRY(finish(index, outcome, seconds, m_session.steps[index].inputs));
  report_cached(index);
  return {};
}

void Engine::report_cached(std::size_t index) {
  if (m_reported[index]) return;
  m_reported[index] = 1;
  StepResult result{.state = StepResult::State::cached,
                    .bytes = m_outcomes[index].bytes,
                    .entries = m_outcomes[index].entries};
  if (m_fates.known(index).found) result.from = m_shared.caches().name(*m_fates.known(index).found);
  if (m_fates.of(index) == Fate::not_needed) result.reasons = {"not needed: what follows is cached"};
  m_observer.with([&, step = info(index)](BuildObserver& observer) {
    observer.step_started(step);
    observer.step_finished(step, result);
  });
}

// Nothing is to be done for this step.
void Engine::settle(std::size_t index) {
  if (m_fates.of(index) == Fate::cached) {
    if (m_outcomes[index].layer && m_in_image[index]) m_hasher.add(*m_outcomes[index].layer);
    export_step(index);
  } else if (m_fates.known(index).found) {
    m_shared.add(index, *m_fates.known(index).found, m_in_image[index] != 0);
  }
  report_cached(index);
}

// What cannot be done on this host is told before anything else is done.
Result<> Engine::check_steps() {
  for (std::size_t i = 0; i < m_session.steps.size(); ++i) {
    if (m_fates.of(i) != Fate::runs || m_session.start_of(plan(i))) continue;
    TRY_WHILE(m_executor.check(m_session.steps[i]), "{}", doing(i));
  }
  return {};
}

Result<> Engine::schedule() {
  TRY(check_steps());
  std::vector<Task> tasks;
  std::vector<std::optional<std::size_t>> task_of(m_session.steps.size());
  for (std::size_t i = 0; i < m_session.steps.size(); ++i) {
    const bool adopts = m_fates.of(i) == Fate::shared && m_fates.is_needed(i);
    if (m_session.start_of(plan(i))) continue;
    if (m_fates.of(i) != Fate::runs && !adopts) {
      settle(i);
      continue;
    }
    if (adopts && m_fates.known(i).found) m_shared.begin_fetch(i, *m_fates.known(i).found);
    Task task;
    const auto wait_for = [&](std::size_t other) {
      if (task_of[other]) task.after.push_back(*task_of[other]);
    };
    // Under an independent layer others may still be in the making; it needs none of them itself.
    for (auto below = plan(i).parent; below && !is_independent(plan(i)); below = plan(*below).parent) {
      wait_for(*below);
      if (!is_independent(plan(*below))) break;
    }
    for (const StepInput& input : plan(i).inputs) {
      for (auto step = input.stage_step; step && !adopts; step = plan(*step).parent) {
        wait_for(*step);
        if (!is_independent(plan(*step))) break;
      }
    }
    task.run = [this, i, adopts](const CancelToken& stop) {
      auto done = adopts ? adopt(i, stop) : execute(i, stop);
      if (!done) m_shared.stop();
      return done;
    };
    task_of[i] = tasks.size();
    tasks.push_back(std::move(task));
  }
  if (tasks.empty()) return m_session.cancel.check();
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  const unsigned jobs = m_session.options.jobs ? m_session.options.jobs : processors;
  if (!m_workers) m_workers.emplace(std::min<std::size_t>(jobs, m_session.steps.size()));
  return run_tasks(std::move(tasks), *m_workers, jobs, m_session.cancel);
}

// What a shared cache said may turn out to be wrong. Then the steps that relied on it are looked up again;
// each round has more results in the store, or fewer rows to believe in.
Result<> Engine::run_rounds() {
  const std::size_t count = m_session.steps.size();
  for (auto* marks : {&m_finished, &m_ran, &m_reported, &m_in_image}) marks->assign(count, 0);
  m_seconds.assign(count, 0);
  for (std::optional<std::size_t> i = target(); i; i = plan(*i).parent) m_in_image[*i] = 1;
  TRY(m_shared.read());
  for (std::size_t round = 0;; ++round) {
    if (round > count) m_shared.caches().forget();
    m_outcomes.assign(count, {});
    m_failed.assign(count, 0);
    TRY(m_fates.look_up(m_shared, m_trees, m_outcomes, m_seconds));
    TRY(schedule());
    if (std::ranges::count(m_failed, 1) == 0) return {};
  }
}

Result<oci::ImageRecord> Engine::commit() {
  std::vector<CommittedStep> steps;
  for (std::optional<std::size_t> i = target(); i; i = plan(*i).parent) {
    CommittedStep step{&m_session.steps[*i], std::nullopt};
    if (m_outcomes[*i].layer) step.layer = TRY(m_hasher.sealed(*m_outcomes[*i].layer));
    steps.push_back(std::move(step));
  }
  std::reverse(steps.begin(), steps.end());
  const bool is_new = std::ranges::count(m_finished, 1) > 0;
  if (is_new && m_session.options.cache == CacheUse::traced) TRY(remember_results(m_session, steps));
  return commit_image(m_session, steps);
}

Result<> Engine::record_use() {
  std::vector<BuildCache::Use> uses;
  for (std::size_t i = 0; i < m_session.steps.size(); ++i) {
    if (m_session.start_of(plan(i))) continue;
    if (m_fates.of(i) == Fate::cached || m_finished[i]) uses.push_back({slot(i), m_session.steps[i].key});
  }
  return m_session.cache->record_use(uses, m_session.options.now);
}

Result<> Engine::finish_steps() {
  const std::size_t total = m_session.steps.size() - m_session.starts.size();
  m_observer.with([&](BuildObserver& observer) { observer.planned(total); });
  for (const std::string& note : m_session.notes) m_observer.note_once(note);
  m_session.shared = &m_shared;
  auto finished = run_rounds();
  // Before anything waits for the disk: it would wait for these too.
  m_session.workshop.drop_kept_trees();
  if (!finished) {
    m_hasher.stop();
    // What finished is in the cache; that it stood here is for --explain of the next build, and no reason to
    // hide why this one failed.
    if (auto recorded = record_use(); !recorded) {
      log::debug("cannot record what was built: {}", recorded.error().message());
    }
    return std::unexpected(std::move(finished).error());
  }
  return {};
}

Result<std::vector<BuiltStep>> Engine::run_steps() {
  TRY(finish_steps());
  std::vector<BuiltStep> steps;
  const PlanStage& stage = m_session.plan.stages[m_session.plan.target];
  for (std::size_t i = stage.first + 1; i <= stage.last; ++i) {
    BuiltStep step{.layer = std::nullopt, .ran = m_fates.of(i) == Fate::runs};
    if (m_outcomes[i].layer) step.layer = TRY(m_hasher.sealed(*m_outcomes[i].layer));
    steps.push_back(std::move(step));
  }
  TRY(m_session.workshop.layers().sync());
  TRY(record_use());
  return steps;
}

Result<BuildResult> Engine::run() {
  TRY(finish_steps());
  const oci::ImageRecord image = TRY_WHILE(commit(), "making the image");
  TRY(record_use());
  BuildResult result{.manifest = image.manifest, .image_id = image.id};
  for (const char ran : m_ran) ++(ran ? result.steps_run : result.steps_cached);
  result.cache_failure = m_shared.finish(m_ran, m_in_image);
  return result;
}

}  // namespace

Result<BuildResult> run_build(Session& session, StepExecutor& executor, BuildObserver& observer) {
  return Engine(session, executor, observer).run();
}

Result<std::vector<BuiltStep>> run_steps(Session& session, StepExecutor& executor, BuildObserver& observer) {
  return Engine(session, executor, observer).run_steps();
}

}  // namespace ecrin::build
