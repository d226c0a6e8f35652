// File modes as texts: the one grammar for --chmod, for the modes of mounts and for YAML's `mode`.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ecrin::recipes {

/// "644", "0755": octal digits, up to 7777.
std::optional<std::uint32_t> parse_octal_mode(std::string_view text);
/// "u+x,go-w", as chmod(1) has it and build/mode_change applies it.
bool is_mode_change(std::string_view text);

}  // namespace ecrin::recipes
