// The layer of a COPY or ADD on another tree than the one that it was made on, without the files that the
// step took: what it holds is put there as it is, made canonical. What the step would have done otherwise
// there, as far as that can be told, is said. Internal to build/.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "build/own_steps.hpp"
#include "build/session.hpp"
#include "fs/tree_compare.hpp"

namespace ecrin::build {

struct CopyTrees {
  const LayerChain& before;  // below the step in the image
  const LayerChain& now;
  /// In what the two differ. Asked for only where it matters.
  std::function<Result<const std::vector<fs::Difference>*>()> differences;
};

struct CarriedCopy {
  StepOutcome outcome;
  std::vector<std::string> doubts;  // why the step might have made something else; empty: it would not
  bool is_sure = true;              // no doubt, also none that is told elsewhere
};
/// `made`: its layer.
Result<CarriedCopy> carry_copy(Session& session, const OwnStep& step, const StepOutcome& made,
                               const CopyTrees& trees, const CancelToken& stop);

}  // namespace ecrin::build
