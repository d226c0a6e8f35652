// ImageSource: where an image is read from: a registry, the store, a directory, an archive. One half of the
// seam through which every image moves (see copy_image.hpp); the other is ImageDestination.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.hpp"
#include "base/stream.hpp"
#include "oci/descriptor.hpp"

namespace ecrin::oci {

/// A manifest or index as it came. Its bytes are never made again: they are what the digest is of.
struct RawManifest {
  std::string bytes;
  std::string media_type;
  Digest digest;
  Descriptor descriptor() const;  // media type, digest and size

  /// Finds out which of the known documents it is, by its content; `declared` (of a Content-Type header, a
  /// descriptor; "" or a general type: nothing) must not say another one. Schema 1 is refused with a
  /// sentence, and so is what could be read as manifest and as index. The digest is the SHA-256.
  static Result<RawManifest> from_bytes(std::string bytes, std::string_view declared, std::string_view what);
};

class ImageSource {
public:
  virtual ~ImageSource() = default;
  virtual std::string name() const = 0;  // for messages
  /// The manifest or index that the name means (none given), or one that an index or a referrer named. Digest
  /// and size are checked; at most k_manifest_limit bytes.
  virtual Result<RawManifest> manifest(const std::optional<Descriptor>& instance,
                                       const CancelToken* cancel) = 0;
  /// A blob's bytes from `offset` on. Not verified here (a part cannot be): the destination verifies the
  /// whole. Retries and resumption after a cut happen inside the source. not_found when it is not there.
  /// Called from several threads at once. The source must outlive what it returns.
  virtual Result<std::unique_ptr<Source>> blob(const Descriptor& descriptor, std::uint64_t offset,
                                               const CancelToken* cancel) = 0;
  /// Does what blob() gives end with an error unless digest and size hold? Then nobody needs to hash it
  /// again.
  virtual bool verifies() const { return false; }
};

}  // namespace ecrin::oci
