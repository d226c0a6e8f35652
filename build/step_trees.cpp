#include "build/step_trees.hpp"

#include <algorithm>

namespace ecrin::build {

StepTrees::StepTrees(const Session& session, const std::vector<StepOutcome>& outcomes)
    : m_session(session), m_outcomes(outcomes) {
  const std::size_t count = session.plan.steps.size();
  m_layered.resize(count);
  m_can_be_shared.assign(count, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& parent = plan(i).parent;
    const bool has_layers = makes_layer(plan(i)) || session.start_of(plan(i));
    m_layered[i] = has_layers ? std::optional(i) : parent ? m_layered[*parent] : std::nullopt;
    if (is_independent(plan(i)) || (parent && !m_can_be_shared[*parent])) m_can_be_shared[i] = 0;
  }
}

LayerChain StepTrees::chain(std::size_t index) const {
  LayerChain chain;
  chain.base = m_session.steps[index].base;
  for (auto i = m_layered[index]; i; i = below(*i)) {
    if (m_outcomes[*i].layer) chain.layers.push_back(*m_outcomes[*i].layer);
    if (const StartingTree* start = m_session.start_of(plan(*i)))
      chain.layers.insert(chain.layers.end(), start->layers.rbegin(), start->layers.rend());
  }
  std::reverse(chain.layers.begin(), chain.layers.end());
  return chain;
}

std::string StepTrees::name_below(std::size_t index) const {
  if (is_independent(plan(index))) return "";
  // Up from the first step whose layer says what is below it.
  std::vector<std::size_t> steps;
  std::string name;
  for (auto i = below(index); i; i = below(*i)) {
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

std::optional<fs::Layer> StepTrees::layer_below(std::size_t index) const {
  for (auto i = below(index); i; i = below(*i)) {
    if (m_outcomes[*i].layer) return m_outcomes[*i].layer;
  }
  return std::nullopt;
}

std::vector<char> steps_without_cache(const Session& session) {
  const std::vector<std::string>& stages = session.options.no_cache_stages;
  const std::vector<PlanStep>& steps = session.plan.steps;
  std::vector<char> fresh(steps.size(), 0);
  if (stages.empty()) return fresh;
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const std::string& stage = session.plan.stages[steps[i].stage].stage->name;
    bool is_fresh = std::find(stages.begin(), stages.end(), stage) != stages.end();
    if (steps[i].parent && fresh[*steps[i].parent]) is_fresh = true;
    for (const StepInput& input : steps[i].inputs) {
      if (input.stage_step && fresh[*input.stage_step]) is_fresh = true;
    }
    fresh[i] = is_fresh ? 1 : 0;
  }
  return fresh;
}

}  // namespace ecrin::build
