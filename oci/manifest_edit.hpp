// Manifests made anew: for layers that were packed otherwise, or in the words of the other format. Whatever
// is not touched stays, member by member. Internal to oci/.
#pragma once

#include <map>

#include "oci/copy_plan.hpp"

namespace ecrin::oci {

ManifestFormat format_of(std::string_view media_type);

/// Layers named in `packed` (by the digest they had) become what it says; the config keeps its bytes.
/// Unsupported: what docker's format cannot say.
Result<RawManifest> edit_manifest(const PlannedManifest& manifest, const std::map<Digest, Descriptor>& packed,
                                  ManifestFormat format);
/// The same for the children of an index.
Result<RawManifest> edit_index(const PlannedManifest& index, const std::map<Digest, Descriptor>& children,
                               ManifestFormat format);

}  // namespace ecrin::oci
