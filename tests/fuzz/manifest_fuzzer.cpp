// A manifest that is accepted has digests and sizes, bounded counts and one media type; written and read
// again it is the same.
#include "oci/image_manifest.hpp"

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::oci;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  const auto type = manifest_media_type(text, "", "document");
  const auto manifest = ImageManifest::parse(text, "manifest");
  if (!manifest) return 0;
  require(!ImageIndex::parse(text, "index"));  // no document is both
  require(!type || media_type::is_manifest(*type));
  require(manifest->layers.size() <= k_layer_count_limit && !manifest->config.digest.empty());
  for (const Descriptor& layer : manifest->layers) require(!layer.digest.empty());
  const auto again = ImageManifest::parse(manifest->to_bytes(), "manifest");
  require(again && again->config == manifest->config && again->layers == manifest->layers &&
          again->subject == manifest->subject && again->annotations == manifest->annotations &&
          again->artifact_type == manifest->artifact_type && again->is_image() == manifest->is_image());
  return 0;
}
