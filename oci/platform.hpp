// Platform: os/architecture[/variant] in Go's words, as image indexes and configs use them.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::oci {

struct Platform {
  std::string os = "linux";
  std::string architecture;
  std::string variant;
  std::string os_version;
  std::vector<std::string> os_features;  // "win32k"
  std::vector<std::string> features;     // of the processor; only docker's lists have them
  static Result<Platform> parse(
      std::string_view text);  // "linux/arm64/v8", "arm64"; aliases (x86_64) normalised
  static Platform host();
  std::string to_string() const;
  /// Can an image for `other` be used where this platform is wanted? Its variant is the same or an older one.
  /// No variant means the one that everybody means by it: v8 of arm64, v7 of arm, v1 of amd64.
  bool accepts(const Platform& other) const;
  auto operator<=>(const Platform&) const = default;
};

}  // namespace ecrin::oci
