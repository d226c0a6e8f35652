// ImageDestination: where an image is written to: a registry, the store, a directory, an archive. Content
// comes first, in any order; then manifests, children before the index that names them; then one commit()
// makes all of it visible. Dropped without a commit, a destination is as it was before.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "oci/image_config.hpp"
#include "oci/image_source.hpp"

namespace ecrin::oci {

class CopyObserver;

/// Opens the blob's bytes from an offset on: a destination that has a part already asks for the rest only.
/// May be called again (a retry); what it returns must be read while put_blob() runs.
using BlobOpener = std::function<Result<std::unique_ptr<Source>>(std::uint64_t offset)>;

/// What is known about a blob when it is stored. With a config, this is layer number `layer` of that image,
/// so that a destination can unpack while it stores. Valid until put_blob() returns.
struct BlobContext {
  const ImageConfig* config = nullptr;
  std::size_t layer = 0;
  CopyObserver* observer = nullptr;  // hears how far the blob is
  /// The blob itself, with nothing left to verify, in a file without a name (base/nameless_file.hpp): what is
  /// on the same file system may give it one.
  const Fd* file = nullptr;
};

enum class Presence { absent, present };

class ImageDestination {
public:
  virtual ~ImageDestination() = default;
  virtual std::string name() const = 0;  // for messages
  /// May blobs come at the same time? Where not (one stream of bytes), they come one by one, in the order in
  /// which the manifests name them.
  virtual bool takes_several() const { return true; }
  /// Is it there already (or can be had without its bytes, as by a cross-repository mount)? Called from
  /// several threads at once.
  virtual Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken* cancel) = 0;
  /// A small blob that it has, verified, when it can be read from here: so nobody asks the source again.
  virtual Result<std::optional<std::string>> read_blob(const Descriptor&, std::uint64_t /*limit*/) {
    return std::nullopt;
  }
  /// Stores it; digest and size are verified before it counts. Called from several threads at once, but once
  /// for one digest. Configs come before the layers of their images.
  virtual Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext& context,
                            const CancelToken* cancel) = 0;
  /// Children come before the index that names them; the top one is the last and gets the destination's name.
  enum class Place { child, top };
  virtual Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken* cancel) = 0;
  /// Makes it all visible. Nothing is visible before.
  virtual Result<> commit(const CancelToken* cancel) = 0;
};

}  // namespace ecrin::oci
