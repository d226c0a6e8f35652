// Small text files of a root file system that somebody else wrote: a FIFO there must not make us wait, nor a
// device; a symlink is followed as if the root were "/".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace ecrin::run {

/// None where there is no such file. What is no regular file is invalid; more than `limit` bytes: limit.
Result<std::optional<std::string>> read_root_file(const Fd& rootfs, std::string_view path,
                                                  std::uint64_t limit);

}  // namespace ecrin::run
