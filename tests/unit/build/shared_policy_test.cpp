#include "build/shared_policy.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::build;

TEST_CASE("transfers are guessed until enough has come, then measured") {
  TransferEstimate estimate;
  CHECK(estimate.bandwidth() == TransferEstimate::k_first_guess);
  estimate.add(1000, 100);
  CHECK(estimate.bandwidth() == TransferEstimate::k_first_guess);
  estimate.add(1'999'000, 100);
  CHECK(estimate.bandwidth() == 10'000);
  CHECK(estimate.seconds_for(50'000) == Approx(TransferEstimate::k_latency + 5));
  CHECK(estimate.seconds_for(0) == Approx(TransferEstimate::k_latency));
}

TEST_CASE("a layer carries all that was made on it") {
  const std::vector<ChainStep> steps = {
      {.layer = "1", .below = "", .seconds = 1},   {.layer = "2", .below = "1", .seconds = 2},
      {.layer = "", .below = "2", .seconds = 4},   {.layer = "3", .below = "2", .seconds = 8},
      {.layer = "4", .below = "", .seconds = 100}, {.layer = "3", .below = "1", .seconds = 16},
  };
  const ChainTimes times(steps);
  CHECK(times.seconds_above("1") == 30);
  CHECK(times.seconds_above("2") == 12);
  CHECK(times.seconds_above("3") == 0);
  CHECK(times.seconds_above("unknown") == 0);
  CHECK(ChainTimes({{.layer = "x", .below = "x", .seconds = 1}}).seconds_above("x") == 1);
  // As many steps as a build may have, each asked for.
  std::vector<ChainStep> chain;
  for (int i = 0; i < 10'000; ++i)
    chain.push_back({.layer = std::to_string(i + 1), .below = std::to_string(i), .seconds = 1});
  const ChainTimes long_chain(chain);
  for (int i = 0; i < 10'000; ++i) {
    if (long_chain.seconds_above(std::to_string(i + 1)) != 9999 - i) FAIL(i);
  }
}

TEST_CASE("what only copies gives the same everywhere") {
  const auto of = [](ecrin::recipes::StepKind kind) {
    PlanStep step;
    step.what = std::move(kind);
    return repeats_exactly(step);
  };
  CHECK(of(ecrin::recipes::CopyStep{}));
  CHECK(of(ecrin::recipes::WriteStep{}));
  CHECK(of(ecrin::recipes::WorkdirStep{}));
  CHECK_FALSE(of(ecrin::recipes::RunStep{}));
}
