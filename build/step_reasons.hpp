// Why a step ran, for --explain: what changed since it ran last, and why shared caches do not have it.
// Internal to build/.
#pragma once

#include <string>
#include <vector>

#include "build/session.hpp"

namespace ecrin::build {

/// `parent_ran`: the text of the step before when that one runs too ("" otherwise).
std::vector<std::string> reasons_to_run(Session& session, std::size_t index, const Slot& slot,
                                        const std::string& parent_ran);

/// What changed outside of the key: told after the step, because only running it could find it.
std::vector<std::string> reasons_of_findings(Session& session, const Slot& slot, const KeyInputs& found);

}  // namespace ecrin::build
