// What is worth its way through a network: a layer is fetched or sent when that is faster than making it.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "build/plan.hpp"

namespace ecrin::build {

/// How long transfers take, learned from those of this build. Safe from any thread.
class TransferEstimate {
public:
  static constexpr double k_latency = 0.1;              // seconds of a request
  static constexpr double k_first_guess = 20e6;         // bytes a second
  static constexpr std::uint64_t k_enough = 1'000'000;  // bytes: less says nothing about the speed
  void add(std::uint64_t bytes, double seconds);
  double bandwidth() const;
  double seconds_for(std::uint64_t packed_bytes) const;

private:
  mutable std::mutex m_mutex;
  double m_bytes = 0;
  double m_seconds = 0;
};

/// What a layer may have once it is packed, before that is known.
std::uint64_t packed_guess(std::uint64_t plain_bytes);

/// Does the step give the same layer wherever it runs? COPY, ADD, WRITE and WORKDIR do; what a program does,
/// nobody knows.
bool repeats_exactly(const PlanStep& step);

/// Does running it need the trees of other stages? They may have to be fetched or built for it alone.
bool needs_stages(const PlanStep& step);

/// How much would be lost without a layer: the time of its step and, because nothing was made on another one,
/// that of all steps that follow it.
struct ChainStep {
  std::string layer;  // diff ID, "" = none
  std::string below;
  double seconds = 0;
};
class ChainTimes {
public:
  explicit ChainTimes(const std::vector<ChainStep>& steps);
  double seconds_above(const std::string& layer) const;

private:
  struct Follower {
    std::size_t layer = 0;  // its number; 0 = none
    double seconds = 0;
  };
  std::size_t number(const std::string& layer);
  std::unordered_map<std::string, std::size_t> m_numbers;
  std::vector<std::vector<Follower>> m_followers;  // of each layer, by its number
};

}  // namespace ecrin::build
