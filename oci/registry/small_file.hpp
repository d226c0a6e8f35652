// Files of configuration: small, read whole, never waited for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"

namespace ecrin::oci {

struct SmallFile {
  std::string text;
  unsigned mode = 0;  // permission bits
};

/// Empty when there is no such file. A pipe, a device or a directory is invalid (/dev/null is an empty file),
/// more than `limit` bytes are ErrorKind::limit.
Result<std::optional<SmallFile>> read_small_file(const std::string& path, std::uint64_t limit);

}  // namespace ecrin::oci
