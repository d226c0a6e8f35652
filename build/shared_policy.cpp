#include "build/shared_policy.hpp"

#include <algorithm>
#include <set>

namespace ecrin::build {

void TransferEstimate::add(std::uint64_t bytes, double seconds) {
  const std::scoped_lock lock(m_mutex);
  m_bytes += static_cast<double>(bytes);
  m_seconds += seconds;
}

double TransferEstimate::bandwidth() const {
  const std::scoped_lock lock(m_mutex);
  if (m_bytes < static_cast<double>(k_enough) || m_seconds <= 0) return k_first_guess;
  return m_bytes / m_seconds;
}

double TransferEstimate::seconds_for(std::uint64_t packed_bytes) const {
  return k_latency + static_cast<double>(packed_bytes) / bandwidth();
}

std::uint64_t packed_guess(std::uint64_t plain_bytes) {
  return plain_bytes / 5 * 2;
}

bool repeats_exactly(const PlanStep& step) {
  return step.as<recipes::CopyStep>() || step.as<recipes::AddStep>() || step.as<recipes::WriteStep>() ||
         step.as<recipes::WorkdirStep>();
}

bool needs_stages(const PlanStep& step) {
  return std::ranges::any_of(step.inputs,
                             [](const StepInput& input) { return input.stage_step.has_value(); });
}

double seconds_above(const std::vector<ChainStep>& steps, const std::string& layer) {
  double seconds = 0;
  std::set<std::string> seen = {layer};
  std::vector<std::string> next = {layer};
  while (!next.empty()) {
    const std::string below = std::move(next.back());
    next.pop_back();
    for (const ChainStep& step : steps) {
      if (step.below != below) continue;
      seconds += step.seconds;
      if (!step.layer.empty() && seen.insert(step.layer).second) next.push_back(step.layer);
    }
  }
  return seconds;
}

}  // namespace ecrin::build
