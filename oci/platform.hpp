// Platform: os/architecture[/variant] in Go's words, as image indexes and configs use them.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::oci {

struct Platform {
  std::string os = "linux";
  std::string architecture;
  std::string variant;
  std::string os_version;
  static Result<Platform> parse(
      std::string_view text);  // "linux/arm64/v8", "arm64"; aliases (x86_64) normalised
  static Platform host();
  std::string to_string() const;
  /// Can an image for `other` be used where this platform is wanted? (variant: equal, or none on one side, or
  /// older)
  bool accepts(const Platform& other) const;
  auto operator<=>(const Platform&) const = default;
};

}  // namespace ecrin::oci
