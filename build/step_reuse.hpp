// Results of steps whose key is new although their result is not (--cache=traced). Internal to build/.
//
// Either a RUN step used only what is the same now (build/traced_step.hpp), or steps below ran again and made
// what they had made before, so that the tree is the same by content (build/tree_results.hpp).
#pragma once

#include <string>
#include <vector>

#include "build/commit.hpp"
#include "build/layer_hasher.hpp"
#include "build/session.hpp"

namespace ecrin::build {

struct Reuse {
  std::optional<StepOutcome> outcome;  // none: the step has to run
  std::vector<std::string> reasons;    // for either
  std::string from = "";               // the shared cache that had it; "" = this store
};
/// The trees of the step are complete. `in_image`: it goes into the image, so that its layers are hashed in
/// any case.
Result<Reuse> find_reuse(Session& session, LayerHasher& hasher, const PreparedStep& step,
                         const StepGround& ground, bool in_image, const CancelToken& stop);

/// For find_reuse() of later builds: the steps of an image, bottom first.
Result<> remember_results(Session& session, const std::vector<CommittedStep>& steps);

}  // namespace ecrin::build
