// LayerCompression: how layers are packed when somebody asks for it: "gzip", "zstd:19", "none".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/compression.hpp"
#include "base/error.hpp"

namespace ecrin::oci {

struct LayerCompression {
  Compression format = Compression::zstd;  // none, gzip or zstd
  std::optional<int> level;                // none given: that of base/compression
  bool operator==(const LayerCompression&) const = default;

  /// FORMAT or FORMAT:LEVEL; gzip has levels 1 to 9, zstd 1 to 22.
  static Result<LayerCompression> parse(std::string_view text);
  std::string to_string() const;
};

}  // namespace ecrin::oci
