// File modes as texts: the one grammar for --chmod, for the modes of mounts and for YAML's `mode`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::recipes {

/// "644", "0755": octal digits, up to 7777.
std::optional<std::uint32_t> parse_octal_mode(std::string_view text);
/// "u+x,go-w", as chmod(1) has it and build/mode_change applies it.
bool is_mode_change(std::string_view text);

/// Either of the two.
struct FileMode {
  std::optional<std::uint32_t> mode;
  std::string change;
};
Result<FileMode> parse_file_mode(std::string_view text);

}  // namespace ecrin::recipes
