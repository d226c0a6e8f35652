// A RUN step whose key is new takes a result of its command from a shared cache (build/shared_traces.hpp), as
// it does one of this store (build/traced_step.hpp). Internal to build/.
#pragma once

#include "build/step_reuse.hpp"

namespace ecrin::build {

/// After find_reuse() had nothing: adds to what it found.
Result<> find_shared_reuse(Session& session, const PreparedStep& step, const StepGround& ground,
                           const CancelToken& stop, Reuse& reuse);

}  // namespace ecrin::build
