// Stopping all processes of a cgroup and letting them go on. Nothing that they could do prevents it.
#pragma once

#include <string>

#include "base/error.hpp"

namespace ecrin::run {

/// Where the freezer of a container is.
struct Freezer {
  enum class Kind { none, version1, version2 };
  Kind kind = Kind::none;
  std::string directory;
};

/// Returns when all are stopped; ErrorKind::limit, and all go on, when that takes too long.
Result<> freeze(const Freezer& freezer);
Result<> thaw(const Freezer& freezer);
Result<bool> is_frozen(const Freezer& freezer);

}  // namespace ecrin::run
