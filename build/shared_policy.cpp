#include "build/shared_policy.hpp"

#include <algorithm>
#include <utility>

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

std::size_t ChainTimes::number(const std::string& layer) {
  const auto [found, is_new] = m_numbers.try_emplace(layer, m_followers.size());
  if (is_new) m_followers.emplace_back();
  return found->second;
}

ChainTimes::ChainTimes(const std::vector<ChainStep>& steps) {
  number("");
  for (const ChainStep& step : steps) {
    const Follower follower{.layer = number(step.layer), .seconds = step.seconds};
    m_followers[number(step.below)].push_back(follower);
  }
}

double ChainTimes::seconds_above(const std::string& layer) const {
  const auto first = m_numbers.find(layer);
  if (first == m_numbers.end()) return 0;
  double seconds = 0;
  std::vector<char> seen(m_followers.size(), 0);
  std::vector<std::size_t> next = {first->second};
  seen[0] = seen[first->second] = 1;
  while (!next.empty()) {
    const std::size_t below = next.back();
    next.pop_back();
    for (const Follower& follower : m_followers[below]) {
      seconds += follower.seconds;
      if (!std::exchange(seen[follower.layer], 1)) next.push_back(follower.layer);
    }
  }
  return seconds;
}

}  // namespace ecrin::build
