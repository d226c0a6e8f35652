// What the keeper's own process does (network_keeper.hpp).
#pragma once

#include <string>

#include "base/fd.hpp"

namespace ecrin::run {

/// In a new process with one thread, root of the user namespace: leaves everything of whoever started it
/// behind, and ends the process with 0 when the keeper, a child of it, runs; else with the errno.
[[noreturn]] void become_keeper(const Fd& listener, const Fd& directory, const std::string& search_path);

}  // namespace ecrin::run
