// StepFates: what becomes of each step of a build, as far as caches tell: its result is there, is fetched, is
// of no use to anybody, or the step runs. Internal to build/.
#pragma once

#include <vector>

#include "build/session.hpp"
#include "build/shared_build.hpp"
#include "build/step_trees.hpp"

namespace ecrin::build {

/// What the store is asked, step by step. `fresh` (steps_without_cache) are not looked for.
std::vector<BuildCache::Query> cache_queries(const Session& session, const std::vector<char>& fresh);

enum class Fate {
  cached,  // in the store
  shared,  // in a shared cache; its layer is fetched when it is needed
  not_needed,
  runs,
};

class StepFates {
public:
  /// The plan must be made, and the steps be prepared. Nothing is needed until look_up() says otherwise.
  explicit StepFates(const Session& session)
      : m_session(session),
        m_fresh(steps_without_cache(session)),
        m_fates(session.steps.size(), Fate::not_needed),
        m_needed(session.steps.size(), 0),
        m_known(session.steps.size()) {}

  /// Asks the store, then the shared caches. What is in the store goes into `outcomes` and `seconds`, which
  /// have an entry for each step. `trees` are those of `outcomes`.
  Result<> look_up(SharedBuild& shared, const StepTrees& trees, std::vector<StepOutcome>& outcomes,
                   std::vector<double>& seconds);

  Fate of(std::size_t index) const { return m_fates[index]; }
  /// Does its layer go into the image or into a tree that a step works on?
  bool is_needed(std::size_t index) const { return m_needed[index] != 0; }
  /// Not looked for in any cache.
  bool is_fresh(std::size_t index) const { return m_fresh[index] != 0; }
  /// Of what is not in the store.
  const SharedBuild::Known& known(std::size_t index) const { return m_known[index]; }

private:
  const PlanStep& plan(std::size_t index) const { return m_session.plan.steps[index]; }
  Result<> ask_caches(SharedBuild& shared, const StepTrees& trees, std::vector<StepOutcome>& outcomes,
                      std::vector<double>& seconds);
  void need_tree(std::size_t index);

  const Session& m_session;
  const std::vector<char> m_fresh;
  std::vector<Fate> m_fates;
  std::vector<char> m_needed;
  std::vector<SharedBuild::Known> m_known;
};

}  // namespace ecrin::build
