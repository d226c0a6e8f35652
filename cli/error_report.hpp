// How an error looks to the user: "error: ...", what was being done, one hint. On standard error, once, by
// main.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "cli/environment.hpp"

namespace ecrin::cli {

/// Ends with a newline. A message of several lines (a recipe's diagnostic with its source line) stays as it
/// is.
std::string format_error(const Error& error, Colour colour);
std::string format_warning(std::string_view message, Colour colour);
/// "not-found", "denied", ...: for machine-readable output; stable.
std::string_view to_string(ErrorKind kind);

}  // namespace ecrin::cli
