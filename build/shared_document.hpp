// A shared cache as an OCI artifact: a manifest whose config holds rows and whose layers are the blobs that
// they name, so that registries keep these and share them with images; or an index of such manifests, when
// there are many rows.
#pragma once

#include <functional>
#include <optional>

#include "build/shared_rows.hpp"
#include "oci/image_destination.hpp"

namespace ecrin::build {

inline constexpr std::string_view k_cache_artifact_type = "application/vnd.ecrin.build-cache.v1";
inline constexpr std::string_view k_cache_rows_type = "application/vnd.ecrin.build-cache.rows.v1+json";

/// What stands at `source` is something else: it is not for us to write over.
inline constexpr ErrorKind k_other_content = ErrorKind::conflict;

struct SharedDocument {
  oci::Digest top;
  SharedRows rows;
};
/// `known`: the same document is not read again, and its rows are taken from here.
Result<SharedDocument> read_shared_cache(oci::ImageSource& source, const SharedDocument* known,
                                         const CancelToken* cancel);

/// All blobs that the rows name are there. Returns the digest of the top document. `is_wanted` is asked when
/// only that one is missing: nothing is written when it says no.
Result<std::optional<oci::Digest>> write_shared_cache(oci::ImageDestination& destination,
                                                      const SharedRows& rows,
                                                      const std::function<Result<bool>()>& is_wanted,
                                                      const CancelToken* cancel);

}  // namespace ecrin::build
