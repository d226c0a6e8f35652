// copy_image: the one way an image moves. pull is registry to store, push is store to registry, copy is any
// to any; all of them are this function between an ImageSource and an ImageDestination.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "oci/image_destination.hpp"
#include "oci/image_source.hpp"
#include "oci/layer_compression.hpp"
#include "oci/platform.hpp"

namespace ecrin::oci {

class PackedLayers;

enum class BlobOutcome {
  copied,
  packed,    // and is another blob there
  present,   // the destination had it: not read
  left_out,  // a non-distributable layer that the source does not keep
};

/// Hears how a copy goes. Calls come from any thread, also several at once.
class CopyObserver {
public:
  virtual ~CopyObserver() = default;
  /// A manifest or index that will be copied, as the source has it. Before any of its blobs.
  virtual void manifest(const RawManifest&) {}
  /// `already` bytes are there from an earlier, interrupted copy.
  virtual void blob_started(const Descriptor&, std::uint64_t /*already*/) {}
  /// `bytes` of the blob have come in all, those that were there already counted.
  virtual void blob_progress(const Descriptor&, std::uint64_t /*bytes*/) {}
  virtual void blob_finished(const Descriptor&, BlobOutcome) {}
};

/// In which words a manifest is written that has to be made anew.
enum class ManifestFormat { oci, docker };

struct CopyOptions {
  bool all = false;                      // an index whole; else the one image for `platform`
  Platform platform = Platform::host();  // chosen from an index
  /// With `all`: of an index, what the source does not have is left out; the index stays as it is. At least
  /// one manifest must be there.
  bool partial = false;
  bool images_only = false;  // what cannot run is refused
  std::size_t jobs = 6;      // blobs at the same time
  /// Layers are packed so; without, they keep their bytes. What is packed already stays as it is unless
  /// `repack` is set.
  std::optional<LayerCompression> compression;
  bool repack = false;
  /// Which of the layers that would be packed are; empty: all.
  std::function<Result<bool>(const Descriptor& layer)> packs;
  /// The manifest is in this format: one in the other is made anew, as is one whose layers were packed.
  std::optional<ManifestFormat> format;
  /// Where packed layers wait for their digests: a directory with room for `jobs` of them. Needed with
  /// `compression`.
  const Fd* scratch = nullptr;
  /// What layers became when they were packed before; new ones are added. nullptr: always packed anew.
  PackedLayers* packed = nullptr;
};

/// Copies what `source` names. Returns the manifest or index that `destination` was given last. On error, and
/// when it is cancelled, nothing is visible at the destination that was not before.
Result<RawManifest> copy_image(ImageSource& source, ImageDestination& destination, const CopyOptions& options,
                               CopyObserver& observer, const CancelToken* cancel);

/// The same without the commit: for destinations that take several images.
Result<RawManifest> copy_content(ImageSource& source, ImageDestination& destination,
                                 const CopyOptions& options, CopyObserver& observer,
                                 const CancelToken* cancel);

}  // namespace ecrin::oci
