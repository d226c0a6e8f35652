// Small static programs for other processors, made of bytes: no compiler for them is needed.
#pragma once

#include <string>

namespace ecrin::tests {

enum class Processor { i386, arm64, riscv64 };

/// Writes the text and ends with 0.
std::string program_that_says(Processor processor, const std::string& text);
/// Executes what its arguments say (a path and its arguments) in its own place, with no environment. Not for
/// i386.
std::string program_that_starts(Processor processor);

}  // namespace ecrin::tests
