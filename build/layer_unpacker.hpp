// LayerUnpacker: one packed layer becomes a layer directory while its bytes arrive. Decompressing with the
// hash of the diff ID, and writing files, each have a thread; nothing is visible before publish().
#pragma once

#include <future>
#include <memory>
#include <optional>

#include "base/byte_pipe.hpp"
#include "base/cancel.hpp"
#include "build/workshop.hpp"
#include "oci/descriptor.hpp"
#include "oci/digest.hpp"

namespace ecrin::build {

/// A layer unpacked, its diff ID checked, not yet in the store.
struct UnpackedLayer {
  fs::LayerDraft draft;
  oci::DiffId diff_id;
  std::uint64_t size = 0;  // bytes of its tar

  /// Gives it its place in the store. One with this diff ID that came in between wins.
  Result<fs::Layer> publish(fs::LayerStore& layers) &&;
};

/// Reads `packed` to its end; the calling thread writes the files, another one decompresses and hashes.
/// ErrorKind::invalid when the tar has another digest than `expected`; ErrorKind::limit when more comes out
/// than a layer of this size may hold (expansion_limit).
Result<UnpackedLayer> unpack_layer(fs::LayerStore& layers, std::unique_ptr<Source> packed,
                                   const oci::Descriptor& blob, const std::optional<oci::DiffId>& expected,
                                   const CancelToken* cancel);

/// The same for bytes that are pushed: a sink with a thread behind it.
class LayerUnpacker {
public:
  LayerUnpacker(fs::LayerStore& layers, const oci::Descriptor& blob, const oci::DiffId& diff_id,
                const CancelToken* cancel);
  /// Packed bytes in their order. An error of the sink only says that the unpacking has failed: finish()
  /// tells why.
  Sink& sink() { return *m_writer; }
  /// The end of the bytes; waits for the files.
  Result<UnpackedLayer> finish();

private:
  std::future<Result<UnpackedLayer>> m_result;  // waits at its end, so the writer below must go before it
  std::unique_ptr<BytePipeWriter> m_writer;
};

}  // namespace ecrin::build
