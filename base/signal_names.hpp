// Signals as people and documents write them: images, recipes, configurations of containers, flags.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin {

/// "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "SIGRTMAX-1": a number from 1 to 64. Names are those of
/// Linux with their other names (CLD, IOT, POLL); real-time signals count from 34, as in the C library.
Result<int> parse_signal(std::string_view text);

/// "SIGTERM", "SIGRTMIN+3"; the number of one that has no name.
std::string signal_name(int signal);

}  // namespace ecrin
