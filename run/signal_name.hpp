// Names of signals, as kill(1) and the verbs that send signals have them.
#pragma once

#include <string_view>

#include "base/error.hpp"

namespace ecrin::run {

/// "TERM", "SIGTERM", "sigterm", "RTMIN+3", "SIGRTMAX-1" or a number from 1 to 64.
Result<int> parse_signal(std::string_view text);

}  // namespace ecrin::run
