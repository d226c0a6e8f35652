// The engine: what is cached stays, what is not runs in order, and what came out becomes an image.
#include <algorithm>
#include <chrono>
#include <thread>

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/bootstrap_packages.hpp"
#include "build/commit.hpp"
#include "build/layer_hasher.hpp"
#include "build/scheduler.hpp"
#include "build/session.hpp"

namespace ecrin::build {

namespace {

using Clock = std::chrono::steady_clock;

/// Observers are called by one thread at a time.
class SerialObserver {
public:
  explicit SerialObserver(BuildObserver& observer) : m_observer(observer) {}
  template <class F>
  void with(F call) {
    const std::scoped_lock lock(m_mutex);
    call(m_observer);
  }
  void note_once(const std::string& message) {
    const std::scoped_lock lock(m_mutex);
    if (std::find(m_noted.begin(), m_noted.end(), message) != m_noted.end()) return;
    m_noted.push_back(message);
    m_observer.note(message);
  }

private:
  std::mutex m_mutex;
  BuildObserver& m_observer;
  std::vector<std::string> m_noted;
};

enum class Fate { cached, not_needed, runs };

class Engine {
public:
  Engine(Session& session, StepExecutor& executor, BuildObserver& observer)
      : m_session(session),
        m_executor(executor),
        m_observer(observer),
        m_hasher(session.workshop.layers(), *session.cache,
                 std::max(1u, std::thread::hardware_concurrency())) {}
  Result<BuildResult> run();
  Result<std::vector<BuiltStep>> run_steps();

private:
  Result<> finish_steps();
  Result<> look_up();
  std::vector<char> steps_without_cache() const;
  void mark_needed(std::size_t index);
  Result<> schedule();
  Result<> execute(std::size_t index, const CancelToken& stop);
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
    const std::size_t starts = m_session.starts.size();
    return {index + 1 - starts, m_session.plan.steps.size() - starts, stage_of(index).name, plan(index).text};
  }
  Slot slot(std::size_t index) const {
    const BuildOptions& options = m_session.options;
    const std::string& context =
        options.context_name.empty() ? options.context_directory : options.context_name;
    return {context + '\n' + m_session.recipe.file, stage_of(index).name, plan(index).ordinal,
            plan(index).text};
  }
  /// The tree of a finished step.
  LayerChain chain(std::size_t index) const;
  /// What a step's tree is called in the cache.
  std::string tree_of(std::optional<std::size_t> index) const;

  Session& m_session;
  StepExecutor& m_executor;
  SerialObserver m_observer;
  std::vector<Fate> m_fates;
  std::vector<char> m_in_image;         // the step's layer is one of the image's: only those need a diff ID
  std::vector<StepOutcome> m_outcomes;  // of finished steps; each is written by its own task only
  std::vector<char> m_finished;         // by this build
  LayerHasher m_hasher;
};

LayerChain Engine::chain(std::size_t index) const {
  LayerChain chain;
  chain.base = m_session.steps[index].base;
  for (std::optional<std::size_t> i = index; i; i = plan(*i).parent) {
    if (m_outcomes[*i].layer) chain.layers.push_back(*m_outcomes[*i].layer);
    if (const StartingTree* start = m_session.start_of(plan(*i)))
      chain.layers.insert(chain.layers.end(), start->layers.rbegin(), start->layers.rend());
  }
  std::reverse(chain.layers.begin(), chain.layers.end());
  return chain;
}

std::string Engine::tree_of(std::optional<std::size_t> index) const {
  if (!index) return "";
  // Up from the first step whose layer says what is below it.
  std::vector<std::size_t> steps;
  std::string name;
  for (auto i = index; i; i = plan(*i).parent) {
    if (const StartingTree* start = m_session.start_of(plan(*i))) {
      name = start->name();
      break;
    }
    steps.push_back(*i);
    if (m_outcomes[*i].layer && !is_independent(plan(*i))) break;
  }
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const auto& layer = m_outcomes[*step].layer;
    name = tree_name(layer ? layer->id : "", name, is_independent(plan(*step)));
  }
  return name;
}

Result<> Engine::look_up() {
  const std::size_t count = m_session.steps.size();
  m_fates.assign(count, Fate::not_needed);
  m_outcomes.resize(count);
  m_finished.assign(count, 0);
  if (!m_session.options.no_cache) {
    std::vector<BuildCache::Query> queries;
    const std::vector<char> fresh = steps_without_cache();
    // No step has the empty key, so it is not found.
    for (std::size_t i = 0; i < count; ++i) {
      BuildCache::Query query{fresh[i] ? "" : m_session.steps[i].key, plan(i).parent,
                              is_independent(plan(i))};
      if (const StartingTree* start = m_session.start_of(plan(i))) query.known_tree = start->name();
      queries.push_back(std::move(query));
    }
    auto found = TRY(m_session.cache->find(queries));
    for (std::size_t i = 0; i < count; ++i) {
      if (!found[i]) continue;
      m_fates[i] = Fate::cached;
      m_outcomes[i] = {std::move(found[i]->layer), found[i]->bytes, found[i]->entries};
    }
  }
  for (std::size_t i = 0; i < count; ++i)
    if (m_session.start_of(plan(i))) m_fates[i] = Fate::cached;
  mark_needed(target());
  m_in_image.assign(count, 0);
  for (std::optional<std::size_t> i = target(); i; i = plan(*i).parent) m_in_image[*i] = 1;
  return {};
}

// Those of stages that shall run again, and all that begin from or look into them: keys do not tell results.
std::vector<char> Engine::steps_without_cache() const {
  const std::vector<std::string>& stages = m_session.options.no_cache_stages;
  std::vector<char> fresh(m_session.steps.size(), 0);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    bool is_fresh = std::find(stages.begin(), stages.end(), stage_of(i).name) != stages.end();
    if (plan(i).parent && fresh[*plan(i).parent]) is_fresh = true;
    for (const StepInput& input : plan(i).inputs) {
      if (input.stage_step && fresh[*input.stage_step]) is_fresh = true;
    }
    fresh[i] = is_fresh ? 1 : 0;
  }
  return fresh;
}

// A step whose result nobody needs, because what follows is cached, does not run. A cached step has cached
// parents (BuildCache::find), so its tree is complete; but for an independent one, whose layer was found by
// itself.
void Engine::mark_needed(std::size_t index) {
  if (m_fates[index] == Fate::cached) {
    if (is_independent(plan(index))) mark_needed(*plan(index).parent);
    return;
  }
  if (m_fates[index] == Fate::runs) return;
  m_fates[index] = Fate::runs;
  if (plan(index).parent) mark_needed(*plan(index).parent);
  for (const StepInput& input : plan(index).inputs) {
    if (input.stage_step) mark_needed(*input.stage_step);
  }
}

std::vector<std::string> Engine::reasons(std::size_t index) {
  if (!m_session.options.explain) return {};
  if (m_session.options.no_cache) return {"--no-cache"};
  if (steps_without_cache()[index]) return {"--no-cache-filter"};
  auto earlier = m_session.cache->earlier(slot(index));
  if (!earlier || !*earlier) return {"no earlier run of this step"};
  const auto& parent = plan(index).parent;
  const bool parent_runs = parent && m_fates[*parent] == Fate::runs;
  std::erase_if((*earlier)->inputs, is_package);
  auto reasons = explain_difference((*earlier)->inputs, m_session.steps[index].inputs,
                                    parent_runs ? plan(*parent).text : "");
  if (!reasons.empty()) return reasons;
  if (parent_runs) return {"the step before it ran: " + printable(plan(*parent).text, 120)};
  return {"its result is no longer in the store"};
}

// What changed outside of the key: told after the step, because only running it could find it.
std::vector<std::string> Engine::found_reasons(std::size_t index, const KeyInputs& found) {
  if (!m_session.options.explain || found.empty()) return {};
  auto earlier = m_session.cache->earlier(slot(index));
  if (!earlier || !*earlier) return {};
  std::erase_if((*earlier)->inputs, [](const KeyInput& input) { return !is_package(input); });
  if ((*earlier)->inputs.empty()) return {};
  return explain_difference((*earlier)->inputs, found, "");
}

Result<StepOutcome> Engine::perform(std::size_t index, const CancelToken& stop, StepFailure& failure) {
  if (!makes_layer(plan(index))) return StepOutcome{};
  const bool is_alone = !plan(index).parent || is_independent(plan(index));
  const LayerChain below = is_alone ? LayerChain{} : chain(*plan(index).parent);
  std::map<std::size_t, LayerChain> inputs;
  for (const StepInput& input : plan(index).inputs) {
    if (input.stage_step) inputs.emplace(*input.stage_step, chain(*input.stage_step));
  }
  const StepInfo step = info(index);
  const StepScope scope{
      .step = m_session.steps[index],
      .below = below,
      .chain_of = [&](std::size_t input) -> const LayerChain& { return inputs.at(input); },
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

Result<> Engine::execute(std::size_t index, const CancelToken& stop) {
  TRY(stop.check());
  const StepInfo step = info(index);
  StepResult result;
  result.reasons = reasons(index);
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
    return std::unexpected(std::move(outcome).error().context(
        fmt::format("building stage '{}', {}:{} ({})", printable(step.stage), m_session.recipe.file,
                    plan(index).location.line, printable(step.text, 80))));
  }
  for (std::string& reason : found_reasons(index, outcome->found)) {
    result.reasons.push_back(std::move(reason));
  }
  KeyInputs inputs = m_session.steps[index].inputs;
  inputs.insert(inputs.end(), outcome->found.begin(), outcome->found.end());
  m_outcomes[index] = *outcome;
  m_finished[index] = 1;
  const std::string below = is_independent(plan(index)) ? "" : tree_of(plan(index).parent);
  TRY(m_session.cache->add({.key = m_session.steps[index].key,
                            .layer_id = outcome->layer ? outcome->layer->id : "",
                            .below_id = below,
                            .text = step.text,
                            .bytes = outcome->bytes,
                            .entries = outcome->entries,
                            .seconds = result.seconds,
                            .inputs = &inputs},
                           m_session.options.now));
  // After the row: the hasher may find the layer a duplicate and change the row.
  if (outcome->layer && m_in_image[index]) m_hasher.add(*outcome->layer);
  result.bytes = outcome->bytes;
  result.entries = outcome->entries;
  m_observer.with([&](BuildObserver& observer) { observer.step_finished(step, result); });
  return {};
}

Result<> Engine::schedule() {
  std::vector<Task> tasks;
  std::vector<std::optional<std::size_t>> task_of(m_fates.size());
  for (std::size_t i = 0; i < m_fates.size(); ++i) {
    if (m_fates[i] == Fate::runs) {
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
        for (auto step = input.stage_step; step; step = plan(*step).parent) {
          wait_for(*step);
          if (!is_independent(plan(*step))) break;
        }
      }
      task.run = [this, i](const CancelToken& stop) { return execute(i, stop); };
      task_of[i] = tasks.size();
      tasks.push_back(std::move(task));
      continue;
    }
    if (m_session.start_of(plan(i))) continue;
    StepResult result{
        .state = StepResult::State::cached, .bytes = m_outcomes[i].bytes, .entries = m_outcomes[i].entries};
    if (m_fates[i] == Fate::not_needed) result.reasons = {"not needed: what follows is cached"};
    if (m_outcomes[i].layer && m_in_image[i]) m_hasher.add(*m_outcomes[i].layer);
    const StepInfo step = info(i);
    m_observer.with([&](BuildObserver& observer) {
      observer.step_started(step);
      observer.step_finished(step, result);
    });
  }
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  const unsigned jobs = m_session.options.jobs ? m_session.options.jobs : processors;
  return run_tasks(std::move(tasks), jobs, m_session.cancel);
}

Result<oci::ImageRecord> Engine::commit() {
  std::vector<CommittedStep> steps;
  for (std::optional<std::size_t> i = target(); i; i = plan(*i).parent) {
    CommittedStep step{&m_session.steps[*i], std::nullopt};
    if (m_outcomes[*i].layer) step.layer = TRY(m_hasher.sealed(*m_outcomes[*i].layer));
    steps.push_back(std::move(step));
  }
  std::reverse(steps.begin(), steps.end());
  return commit_image(m_session, steps);
}

Result<> Engine::record_use() {
  std::vector<BuildCache::Use> uses;
  for (std::size_t i = 0; i < m_session.steps.size(); ++i) {
    if (m_session.start_of(plan(i))) continue;
    if (m_fates[i] == Fate::cached || m_finished[i]) uses.push_back({slot(i), m_session.steps[i].key});
  }
  return m_session.cache->record_use(uses, m_session.options.now);
}

Result<> Engine::finish_steps() {
  const std::size_t total = m_session.steps.size() - m_session.starts.size();
  m_observer.with([&](BuildObserver& observer) { observer.planned(total); });
  for (const std::string& note : m_session.notes) m_observer.note_once(note);
  TRY(look_up());
  auto finished = schedule();
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
    BuiltStep step{.layer = std::nullopt, .ran = m_fates[i] == Fate::runs};
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
  for (const Fate fate : m_fates) ++(fate == Fate::runs ? result.steps_run : result.steps_cached);
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
