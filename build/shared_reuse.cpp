#include "build/shared_reuse.hpp"

#include "base/text.hpp"
#include "build/shared_build.hpp"
#include "build/shared_traces.hpp"
#include "build/trace_comparison.hpp"
#include "build/traced_step.hpp"
#include "fs/file_owners.hpp"

namespace ecrin::build {

Result<> find_shared_reuse(Session& session, const PreparedStep& step, const StepGround& ground,
                           const CancelToken& stop, Reuse& reuse) {
  const auto* run = step.plan->as<recipes::RunStep>();
  if (!run || !session.shared || fs::owners_are_recorded()) return {};
  SharedCaches& caches = session.shared->caches();
  if (!caches.has_traces() || !untraceable(session, *run).empty()) return {};
  const std::string command = TRY(traced_command(session, step));
  if (caches.with_command(command).empty()) return {};

  TraceComparison comparison(session, step, ground, stop);
  std::vector<std::string> different;
  const TraceFits fits = [&](const fs::ImageTrace& trace, const std::string& cache) -> Result<bool> {
    const auto changes = TRY(comparison.differences(trace));
    if (different.empty()) {
      for (const std::string& change : changes)
        different.push_back(fmt::format("cache '{}': it used {}", printable(cache), change));
    }
    return changes.empty();
  };
  auto found = TRY(find_shared_result(caches, command, fits, stop));
  TRY(session.digests.keep());
  if (!found) {
    reuse.reasons.insert(reuse.reasons.end(), different.begin(), different.end());
    return {};
  }
  StepTraces::Candidate& candidate = found->candidate;
  const StepOutcome made{candidate.layer, candidate.bytes, candidate.entries};
  reuse.outcome = TRY(apply_layer(session, made, *TRY(comparison.layers()), stop));
  reuse.outcome->seconds = candidate.seconds;
  reuse.reasons = {fmt::format("all {} paths that it used are the same", candidate.trace.size())};
  reuse.outcome->trace = std::move(candidate.trace);
  reuse.from = std::move(found->from);
  return {};
}

}  // namespace ecrin::build
