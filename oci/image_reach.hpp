// What stays because something else stays: an index keeps what it lists, and every document keeps what refers
// to it (signatures, attestations). What a kept document refers to is not kept: it lives by itself.
#pragma once

#include <set>
#include <vector>

#include "oci/image_store.hpp"

namespace ecrin::oci {

/// The manifests among `records` that `roots` keep, the roots among them.
std::set<Digest> reachable(const std::vector<ImageRecord>& records, const std::set<Digest>& roots);

}  // namespace ecrin::oci
