// What `ecrin update` changes of a container: its limits and its restart policy. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "cli/arguments.hpp"
#include "oci/resources.hpp"

namespace ecrin::cli {

/// The limits and --restart.
std::vector<Flag> update_flags();

/// The words of a stored request (stored_request.hpp) with the flags of an update in place of theirs. One
/// that says the same in another way goes.
std::vector<std::string> updated_words(const std::vector<std::string>& words, const Arguments& update);
/// Those among them that say limits.
std::vector<std::string> limit_words(const std::vector<std::string>& words);

struct LimitChange {
  oci::Resources all;     // the limits from now on
  oci::Resources change;  // what makes them so: k_unlimited for those that are lifted
};
Result<LimitChange> parse_limit_change(const std::vector<std::string>& words);

}  // namespace ecrin::cli
