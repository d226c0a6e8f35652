#include "oci/layer_upload.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/posix.hpp"
#include "oci/layer_repack.hpp"
#include "oci/layer_types.hpp"

namespace ecrin::oci {

namespace {

/// Stops when the user does: packing a big layer takes long.
class StoppableSource final : public Source {
public:
  StoppableSource(std::unique_ptr<Source> source, const CancelToken* cancel)
      : m_source(std::move(source)), m_cancel(cancel) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (m_cancel) TRY(m_cancel->check());
    return m_source->read(buffer);
  }

private:
  std::unique_ptr<Source> m_source;
  const CancelToken* m_cancel;
};

// A blob of the store from an offset on: its beginning is read all the same, because it is verified.
BlobOpener opener_of(BlobStore& blobs, const Descriptor& blob) {
  return [&blobs, blob](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
    auto source = TRY(blobs.open_blob(blob));
    std::vector<std::byte> skipped(64 * 1024);
    while (offset > 0) {
      const std::size_t wanted = std::min<std::uint64_t>(offset, skipped.size());
      const std::size_t count = TRY(source->read(std::span(skipped).first(wanted)));
      if (count == 0) break;
      offset -= count;
    }
    return source;
  };
}

Result<UploadedLayer> send(const Descriptor& blob, const BlobOpener& open, ImageDestination& destination,
                           CopyObserver& observer, const CancelToken* cancel) {
  const auto start = std::chrono::steady_clock::now();
  const BlobOutcome outcome = TRY(copy_blob(blob, open, destination, observer, cancel));
  UploadedLayer sent{.blob = blob, .outcome = outcome};
  sent.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return sent;
}

}  // namespace

Result<BlobOutcome> copy_blob(const Descriptor& blob, const BlobOpener& open, ImageDestination& destination,
                              CopyObserver& observer, const CancelToken* cancel) {
  if (TRY(destination.find_blob(blob, cancel)) == Presence::present) return BlobOutcome::present;
  const BlobOpener told = [&](std::uint64_t offset) {
    observer.blob_started(blob, offset);
    return open(offset);
  };
  TRY(destination.put_blob(blob, told, {.observer = &observer}, cancel));
  observer.blob_finished(blob, BlobOutcome::copied);
  return BlobOutcome::copied;
}

Result<UploadedLayer> upload_layer(BlobStore& blobs, PackedLayers& packed_layers, const PlainLayer& layer,
                                   const LayerCompression& compression, ImageDestination& destination,
                                   CopyObserver& observer, const CancelToken* cancel) {
  if (auto known = TRY(packed_layers.find(layer.diff_id.digest, compression))) {
    if (TRY(blobs.size_of(known->digest)) == known->size)
      return send(*known, opener_of(blobs, *known), destination, observer, cancel);
    if (TRY(destination.find_blob(*known, cancel)) == Presence::present) return UploadedLayer{.blob = *known};
  }
  auto plain = std::make_unique<StoppableSource>(TRY(layer.open()), cancel);
  const Fd scratch = TRY(blobs.store().temporary());
  const PackedLayer packed =
      TRY(repack_layer(std::move(plain), layer.size, layer.diff_id, compression, scratch));
  const LayerType type{.format = ManifestFormat::oci, .compression = compression.format};
  const Descriptor blob{
      .media_type = std::string(type.media_type()), .digest = packed.digest, .size = packed.size};
  TRY(packed_layers.record(layer.diff_id.digest, compression, blob));
  return send(blob, packed.opener(), destination, observer, cancel);
}

}  // namespace ecrin::oci
