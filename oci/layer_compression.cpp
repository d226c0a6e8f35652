#include "oci/layer_compression.hpp"

#include "base/text.hpp"

namespace ecrin::oci {

Result<LayerCompression> LayerCompression::parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view format = text.substr(0, colon);
  LayerCompression compression;
  std::uint64_t highest = 0;
  if (format == "none") {
    compression.format = Compression::none;
  } else if (format == "gzip") {
    compression.format = Compression::gzip;
    highest = 9;
  } else if (format == "zstd") {
    compression.format = Compression::zstd;
    highest = 22;
  } else {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("unknown compression '{}'", printable(text, 100)))
            .hint("one of gzip, zstd and none, and a level if wanted: zstd:19"));
  }
  if (colon == std::string_view::npos) return compression;
  if (highest == 0) return fail(ErrorKind::invalid, "the compression 'none' has no level");
  const auto level = parse_unsigned(text.substr(colon + 1), highest);
  if (!level || *level == 0)
    return fail(ErrorKind::invalid, "'{}' is no level of {}: 1 to {}", printable(text.substr(colon + 1), 100),
                format, highest);
  compression.level = static_cast<int>(*level);
  return compression;
}

std::string LayerCompression::to_string() const {
  const std::string name = format == Compression::none   ? "none"
                           : format == Compression::gzip ? "gzip"
                                                         : "zstd";
  return level ? fmt::format("{}:{}", name, *level) : name;
}

}  // namespace ecrin::oci
