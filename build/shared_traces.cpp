#include "build/shared_traces.hpp"

#include <set>

namespace ecrin::build {

namespace {

// Traces that are fetched for one step. What was used last is most likely right.
constexpr std::size_t k_most_traces = 16;

}  // namespace

bool is_trace_worth_it(const SharedStep& step, const TransferEstimate& estimate) {
  if (step.layer) return step.layer->blob.has_value();
  return step.seconds > estimate.seconds_for(step.trace->blob.size);
}

Result<std::optional<SharedCandidate>> find_shared_result(SharedCaches& caches, const std::string& command,
                                                          const TraceFits& fits, const CancelToken& cancel) {
  std::set<oci::Digest> unfit;
  std::size_t fetched = 0;
  for (const SharedCaches::Found& found : caches.with_command(command)) {
    const SharedStep& step = found.step;
    if (unfit.contains(step.trace->blob.digest) || !is_trace_worth_it(step, caches.estimate())) continue;
    if (fetched++ == k_most_traces) break;
    auto trace = caches.fetch_trace(found, cancel);
    TRY(cancel.check());
    if (!trace || !TRY(fits(*trace, caches.name(found)))) {
      unfit.insert(step.trace->blob.digest);
      continue;
    }
    SharedCandidate candidate{.candidate = {.key = step.key,
                                            .trace = std::move(*trace),
                                            .layer = std::nullopt,
                                            .bytes = step.bytes,
                                            .entries = step.entries,
                                            .seconds = step.seconds},
                              .from = caches.name(found)};
    if (!step.layer) return candidate;
    auto layer = caches.fetch(found, cancel);
    TRY(cancel.check());
    if (!layer) continue;
    candidate.candidate.layer = std::move(*layer);
    return candidate;
  }
  return std::nullopt;
}

std::optional<SharedTrace> shared_trace(const std::string& command, const std::string& packed) {
  if (packed.empty() || packed.size() > k_shared_trace_limit) return std::nullopt;
  SharedTrace trace{.command = command, .blob = {}};
  trace.blob.media_type = k_cache_trace_type;
  trace.blob.digest = oci::Digest::of(packed);
  trace.blob.size = packed.size();
  return trace;
}

}  // namespace ecrin::build
