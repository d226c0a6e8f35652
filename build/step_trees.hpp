// StepTrees: which layers a step's tree is made of while a build goes, and what of that is known before
// anything runs. Internal to build/. Steps that only set something have no layer and are stepped over at
// once, so that a recipe of many of them costs no more than one of few.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/session.hpp"

namespace ecrin::build {

class StepTrees {
public:
  /// `outcomes` by step; those of finished steps count. Both must outlive this, the plan must be made.
  StepTrees(const Session& session, const std::vector<StepOutcome>& outcomes);

  /// The tree of a finished step.
  LayerChain chain(std::size_t index) const;
  /// What the cache calls the tree below a step (tree_name); "" for one that looks at nothing there.
  std::string name_below(std::size_t index) const;
  /// The uppermost layer below a step; none: none of this build.
  std::optional<fs::Layer> layer_below(std::size_t index) const;
  /// In a shared cache a result belongs to the uppermost layer below it. An independent layer does not tell
  /// what is under it, so what stands on one stays in the store.
  bool can_be_shared(std::size_t index) const { return m_can_be_shared[index] != 0; }

private:
  const PlanStep& plan(std::size_t index) const { return m_session.plan.steps[index]; }
  /// The nearest step below that may have brought layers.
  std::optional<std::size_t> below(std::size_t index) const {
    const auto& parent = plan(index).parent;
    return parent ? m_layered[*parent] : std::nullopt;
  }

  const Session& m_session;
  const std::vector<StepOutcome>& m_outcomes;
  std::vector<std::optional<std::size_t>>
      m_layered;  // of each step: itself, or the nearest below that has layers
  std::vector<char> m_can_be_shared;
};

/// By step: does --no-cache-filter have it run again? Those of the stages that it names, and all that begin
/// from or look into them: keys do not tell results.
std::vector<char> steps_without_cache(const Session& session);

}  // namespace ecrin::build
