// The program from its arguments to its exit code.
#pragma once

#include <string>
#include <vector>

namespace ecrin::cli {

/// `words` are the arguments without argv[0].
int run_program(const std::vector<std::string>& words);

}  // namespace ecrin::cli
