// Questions on the user's terminal.
#pragma once

#include <string_view>

#include "base/secret.hpp"
#include "cli/interrupt.hpp"

namespace ecrin::cli {

enum class Echo { no, yes };
/// One line from the terminal, without its end. The terminal's echo comes back however this ends; a signal
/// ends it with ErrorKind::cancelled. Without a terminal on standard input it is ErrorKind::invalid.
Result<Secret> ask(std::string_view question, Echo echo, const Interrupts& interrupts);

/// All of standard input up to a bound, without one line end at its end: a secret from a pipe.
Result<Secret> read_secret_input();

/// Asks before something is removed. Yes without a terminal on standard input: nobody is there to ask.
bool confirmed(std::string_view what);

}  // namespace ecrin::cli
