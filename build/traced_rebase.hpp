// The steps of an image on another base: what a step made is put on the new tree where nothing of what it
// used differs there (build/step_traces.hpp); else the step runs again, with all that it had. So the image
// comes out as if it had been built on that base.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "build/build.hpp"
#include "build/own_steps.hpp"

namespace ecrin::build {

struct StepRebase {
  const oci::Image& image;
  const oci::Image& old_base;
  const oci::Image& new_base;
  std::string name;                                      // of the image, for messages
  std::string new_base_name;                             // the same
  bool strict = false;                                   // what may be wrong is an error
  std::map<std::string, std::string> proxy_environment;  // into steps that run
  std::int64_t now = 0;
};

/// What became of a step.
struct RebasedStep {
  enum class Fate {
    carried,  // nothing of what it depends on differs
    unknown,  // carried over as it was
    found,    // an earlier run of it was on such a tree
    ran,
    failed,
  };
  Fate fate = Fate::carried;
  double seconds = 0;  // that it ran
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  std::vector<std::string> reasons = {};
};

class RebaseObserver {
public:
  virtual ~RebaseObserver() = default;
  virtual void step_started(const StepInfo& step) = 0;
  virtual void step_output(const StepInfo& step, std::string_view bytes) = 0;
  virtual void step_finished(const StepInfo& step, const RebasedStep& result) = 0;
  virtual void note(const std::string& message) = 0;
  virtual void warn(const std::string& message) = 0;
};

struct RebasedSteps {
  oci::Image image;  // the old one with the layers that its steps have on the new base: for oci::rebase()
  std::size_t ran = 0;
  std::size_t found = 0;
  std::size_t carried = 0;
  std::vector<std::string> keys;     // of all steps, in the build cache; "" = none
  std::vector<std::string> unknown;  // of the carried: programs whose use of the old base nobody knows
};
/// `steps`: own_steps() of the image. What steps made is in the cache also when a later one fails.
Result<RebasedSteps> rebase_steps(Workshop& workshop, const StepRebase& request,
                                  const std::vector<OwnStep>& steps, RebaseObserver& observer,
                                  const CancelToken& cancel, FailedStep* failed);

/// What of them IMAGE@STEP and a further rebase need, when the image is there.
Result<> record_rebase(Workshop& workshop, const StepRebase& request, const std::vector<OwnStep>& steps,
                       const RebasedSteps& rebased, const oci::ImageRecord& image);

/// Without running anything, and with all layers as they are: which steps used something that differs on the
/// new base, as people read it.
Result<std::vector<std::string>> steps_that_differ(Workshop& workshop, const StepRebase& request,
                                                   const std::vector<OwnStep>& steps,
                                                   const CancelToken& cancel);

/// Those that may be wrong on another base, because nobody knows what they used.
std::vector<const OwnStep*> unknown_steps(const std::vector<OwnStep>& steps);

}  // namespace ecrin::build
