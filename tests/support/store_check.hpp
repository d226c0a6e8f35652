// What tests/support/store_check.py, which knows nothing of ecrin's code, finds wrong in a store.
#pragma once

#include <string>

#include "tests/support/ecrin.hpp"

namespace ecrin::tests {

/// How its caller runs the check: `check STORE REFERENCE ...` and so on.
Outcome check_store(Arguments words);

/// after_prune: what nothing needs is wrong, too.
enum class Expect { whole, after_prune };
/// A line for each finding. Processes of a command that was killed may live for a moment: it is asked (and
/// pruned) again until all is well or some seconds are over.
std::string store_problems(const Ecrin& ecrin, Expect expect = Expect::whole);

}  // namespace ecrin::tests
