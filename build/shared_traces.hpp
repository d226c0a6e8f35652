// Results of RUN steps in shared caches by what the steps used: where the exact key of a step is nowhere, the
// result of the same command on another tree stands for it when all that it used there is the same here.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "build/shared_import.hpp"
#include "build/step_traces.hpp"

namespace ecrin::build {

/// Would a step on the tree at hand see no difference? `cache`: the name of the one that the trace is of.
using TraceFits = std::function<Result<bool>(const fs::ImageTrace& trace, const std::string& cache)>;

struct SharedCandidate {
  StepTraces::Candidate candidate;  // its layer is in the store
  std::string from;                 // name of the cache
};
/// Fetches traces of this command, one after the other, until one fits; then its layer. What cannot be had is
/// a note and a miss.
Result<std::optional<SharedCandidate>> find_shared_result(SharedCaches& caches, const std::string& command,
                                                          const TraceFits& fits, const CancelToken& cancel);

/// Is the trace of this step worth its way? A layer is in a cache because somebody found it worth that, so
/// what it was made with is; without the layer a trace is of no use. A step that changed nothing may be
/// faster run.
bool is_trace_worth_it(const SharedStep& step, const TransferEstimate& estimate);

/// What a row says of a trace that is kept here, packed; nothing when it is too big for a shared cache.
std::optional<SharedTrace> shared_trace(const std::string& command, const std::string& packed);

}  // namespace ecrin::build
