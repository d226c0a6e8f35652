// The program from its arguments to its exit code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ecrin::cli {

/// `called` is argv[0], `words` are the arguments after it. By the name ecrin-runtime it is the OCI runtime.
int run_program(std::string_view called, const std::vector<std::string>& words);

}  // namespace ecrin::cli
