// What a docker archive's manifest.json lists. Internal to oci/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/compression.hpp"
#include "oci/image_choice.hpp"
#include "oci/image_config.hpp"
#include "oci/image_manifest.hpp"

namespace ecrin::oci {

struct ArchivedImage {
  std::string config;               // file names
  std::vector<std::string> layers;  // bottom first
  Candidate candidate;
};

Result<std::vector<ArchivedImage>> read_archive_manifest(ImageFiles& files);

/// The plain bytes of a layer's file of `size` bytes, which may be packed: `found` tells.
Result<std::unique_ptr<Source>> plain_layer(ImageFiles& files, const std::string& name, std::uint64_t size,
                                            Compression* found);

}  // namespace ecrin::oci
