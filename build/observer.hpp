// BuildObserver: what a build tells while it goes. cli/ shows it; tests record it. Calls come from several
// threads, one at a time (the engine serialises them).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ecrin::build {

struct StepInfo {
  std::size_t number = 0;  // from 1 over the whole build, in plan order
  std::size_t total = 0;
  std::string stage;
  std::string text;           // "from: bootstrap debian bookworm", "run: make"
  std::string platform = {};  // "" where the whole build is for one
};

struct StepResult {
  enum class State { done, cached, failed, cancelled };
  State state = State::done;
  double seconds = 0;
  std::uint64_t bytes = 0;  // of file data the step added
  std::uint64_t entries = 0;
  /// With --explain, why it ran: one line a reason ("input 'src/main.c' changed", "no earlier run of this
  /// step").
  std::vector<std::string> reasons;
  std::string from;  // the shared cache that a cached step was found in; "" = the store
};

class BuildObserver {
public:
  virtual ~BuildObserver() = default;
  virtual void planned(std::size_t total_steps) = 0;
  virtual void step_started(const StepInfo& step) = 0;
  /// A piece of a step's output, as it came (may hold part of a line).
  virtual void step_output(const StepInfo& step, std::string_view bytes) = 0;
  virtual void step_finished(const StepInfo& step, const StepResult& result) = 0;
  virtual void note(
      const std::string& message) = 0;  // once-only remarks ("steps use the host's network: ...")
};

}  // namespace ecrin::build
