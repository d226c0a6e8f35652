#include "build/step_fates.hpp"

namespace ecrin::build {

std::vector<BuildCache::Query> cache_queries(const Session& session, const std::vector<char>& fresh) {
  std::vector<BuildCache::Query> queries;
  for (std::size_t i = 0; i < session.steps.size(); ++i) {
    const PlanStep& step = session.plan.steps[i];
    // No step has the empty key, so it is not found.
    BuildCache::Query query{fresh[i] ? "" : session.steps[i].key, step.parent, is_independent(step)};
    if (const StartingTree* start = session.start_of(step)) query.known_tree = start->name();
    queries.push_back(std::move(query));
  }
  return queries;
}

Result<> StepFates::look_up(SharedBuild& shared, const StepTrees& trees, std::vector<StepOutcome>& outcomes,
                            std::vector<double>& seconds) {
  const std::size_t count = m_session.steps.size();
  m_fates.assign(count, Fate::not_needed);
  m_needed.assign(count, 0);
  m_known.assign(count, {});
  if (!m_session.options.no_cache) TRY(ask_caches(shared, trees, outcomes, seconds));
  for (std::size_t i = 0; i < count; ++i)
    if (m_session.start_of(plan(i))) m_fates[i] = Fate::cached;
  need_tree(m_session.plan.stages[m_session.plan.target].last);
  return {};
}

Result<> StepFates::ask_caches(SharedBuild& shared, const StepTrees& trees,
                               std::vector<StepOutcome>& outcomes, std::vector<double>& seconds) {
  const std::size_t count = m_session.steps.size();
  auto found = TRY(m_session.cache->find(cache_queries(m_session, m_fresh)));
  for (std::size_t i = 0; i < count; ++i) {
    if (!found[i]) continue;
    m_fates[i] = Fate::cached;
    outcomes[i] = {std::move(found[i]->layer), found[i]->bytes, found[i]->entries};
    seconds[i] = found[i]->seconds;
  }
  m_known = shared.look_up(found, outcomes);
  for (std::size_t i = 0; i < count; ++i) {
    if (m_fresh[i] || !trees.can_be_shared(i)) m_known[i] = {};
    if (m_known[i].shared) m_fates[i] = Fate::shared;
  }
  return {};
}

// The layers of a whole tree are needed: of the image, or of one that a step works on. A step whose result
// nobody needs, because what follows is cached, does not run. A cached step has cached parents
// (BuildCache::find), so its tree is complete; but for an independent one, whose layer was found by itself.
void StepFates::need_tree(std::size_t index) {
  std::vector<std::size_t> trees = {index};
  while (!trees.empty()) {
    const std::size_t top = trees.back();
    trees.pop_back();
    // Whoever came by before has gone on from there.
    for (std::optional<std::size_t> i = top; i && !m_needed[*i]; i = plan(*i).parent) {
      m_needed[*i] = 1;
      const bool is_there =
          m_fates[*i] == Fate::cached || (m_fates[*i] == Fate::shared && !m_known[*i].remade);
      if (is_there) continue;
      m_fates[*i] = Fate::runs;
      for (const StepInput& input : plan(*i).inputs) {
        if (input.stage_step) trees.push_back(*input.stage_step);
      }
    }
  }
}

}  // namespace ecrin::build
