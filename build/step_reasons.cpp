#include "build/step_reasons.hpp"

#include <functional>

#include "base/text.hpp"
#include "build/bootstrap_packages.hpp"
#include "build/shared_build.hpp"

namespace ecrin::build {

namespace {

KeyInputs selected(const KeyInputs& inputs, const std::function<bool(const KeyInput&)>& wanted) {
  KeyInputs result;
  for (const KeyInput& input : inputs) {
    if (wanted(input)) result.push_back(input);
  }
  return result;
}

std::vector<std::string> local_reasons(Session& session, std::size_t index, const Slot& slot,
                                       const std::string& parent_ran) {
  auto earlier = session.cache->earlier(slot);
  if (!earlier || !*earlier) return {"no earlier run of this step"};
  const KeyInputs before = selected((*earlier)->inputs, std::not_fn(is_package));
  auto reasons = explain_difference(before, session.steps[index].inputs, parent_ran);
  if (!reasons.empty()) return reasons;
  if (!parent_ran.empty()) return {"the step before it ran: " + printable(parent_ran, 120)};
  return {"its result is no longer in the store"};
}

}  // namespace

std::vector<std::string> reasons_to_run(Session& session, std::size_t index, const Slot& slot,
                                        const std::string& parent_ran) {
  if (session.options.no_cache) return {"--no-cache"};
  std::vector<std::string> reasons = local_reasons(session, index, slot, parent_ran);
  const PreparedStep& step = session.steps[index];
  if (!makes_layer(*step.plan)) return reasons;
  for (std::string& reason : session.shared->caches().reasons(step.key, step.plan->text, step.inputs))
    reasons.push_back(std::move(reason));
  return reasons;
}

std::vector<std::string> reasons_of_findings(Session& session, const Slot& slot, const KeyInputs& found) {
  auto earlier = session.cache->earlier(slot);
  if (!earlier || !*earlier) return {};
  const KeyInputs before = selected((*earlier)->inputs, is_package);
  if (before.empty()) return {};
  return explain_difference(before, found, "");
}

}  // namespace ecrin::build
