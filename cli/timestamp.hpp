// The flag --timestamp, which says when an image was made and which times its files get.
#pragma once

#include <cstdint>
#include <optional>

#include "cli/arguments.hpp"

namespace ecrin::cli {

struct Timestamp {
  bool now = false;
  std::optional<std::int64_t> seconds;  // since 1970; none: now
};
/// None: the flag was not given.
Result<std::optional<Timestamp>> requested_timestamp(const Arguments& arguments);

}  // namespace ecrin::cli
