// The first byte chooses a parser of oci/; the rest is its input. What parses must survive being written and
// read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "oci/image_config.hpp"
#include "oci/image_manifest.hpp"
#include "oci/reference.hpp"

namespace {

using namespace ecrin::oci;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 6) {
    case 0:
      if (const auto reference = Reference::parse(text)) {
        const auto again = Reference::parse(reference->to_string());
        require(again && *again == *reference);
      }
      break;
    case 1:
      if (const auto digest = Digest::parse(text)) require(digest->to_string() == text);
      break;
    case 2:
      if (const auto platform = Platform::parse(text)) {
        const auto again = Platform::parse(platform->to_string());
        require(again && *again == *platform);
      }
      break;
    case 3:
      if (const auto config = ImageConfig::parse(text, "config"))
        require(ImageConfig::parse(config->to_bytes(), "config").has_value());
      break;
    case 4:
      if (const auto manifest = ImageManifest::parse(text, "manifest"))
        require(ImageManifest::parse(manifest->to_bytes(), "manifest").has_value());
      break;
    case 5:
      if (const auto index = ImageIndex::parse(text, "index"))
        require(ImageIndex::parse(index->to_bytes(), "index").has_value());
      (void)manifest_media_type(text, "", "document");
      break;
  }
  return 0;
}
