// What an OCI layout's index.json lists, as images that can be asked for. Internal to oci/.
#pragma once

#include <vector>

#include "oci/image_choice.hpp"
#include "oci/image_manifest.hpp"

namespace ecrin::oci {

struct LayoutEntry {
  Candidate candidate;
  std::vector<Descriptor> descriptors;  // several: one image for several platforms
};

/// Checks the layout's version, and lists: one digest under several names is one entry, and so are entries of
/// one name that differ in their platform.
Result<std::vector<LayoutEntry>> read_layout_entries(ImageFiles& files);

/// The descriptor of `entry` that `reference` names by digest, else the one for the platform.
Result<Descriptor> choose_descriptor(const LayoutEntry& entry, const std::string& reference,
                                     const Platform& platform);

/// "blobs/sha256/<hex>"
std::string layout_blob_name(const Digest& digest);

}  // namespace ecrin::oci
