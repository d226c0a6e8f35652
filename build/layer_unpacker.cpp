#include "build/layer_unpacker.hpp"

#include "base/compression.hpp"
#include "base/hash.hpp"
#include "fs/layer_apply.hpp"

namespace ecrin::build {

namespace {

// What the thread that decompresses found; read after its source has ended.
struct PlainFacts {
  std::string hex;
  std::uint64_t size = 0;
};

std::unique_ptr<Source> plain_bytes(std::unique_ptr<Source> packed, HashAlgorithm algorithm,
                                    std::uint64_t limit, std::shared_ptr<PlainFacts> facts) {
  return background_source([from = std::move(packed), algorithm, limit, facts](
                               Sink& sink, const CancelToken& abandoned) mutable -> Result<> {
    LimitSource limited(TRY(decompress_any(std::move(from))), limit, "the unpacked layer");
    HashingSink hashing(&sink, algorithm);
    TRY(copy_stream(limited, hashing));
    TRY(abandoned.check());
    facts->hex = hashing.finish_hex();
    facts->size = hashing.count();
    return {};
  });
}

}  // namespace

Result<fs::Layer> UnpackedLayer::publish(fs::LayerStore& layers) && {
  const fs::Layer layer = TRY(layers.publish(std::move(draft)));
  return layers.seal(layer.id, diff_id.digest.to_string(), size);
}

Result<UnpackedLayer> unpack_layer(fs::LayerStore& layers, std::unique_ptr<Source> packed,
                                   const oci::Descriptor& blob, const std::optional<oci::DiffId>& expected,
                                   const CancelToken* cancel) {
  const HashAlgorithm algorithm = expected ? expected->digest.algorithm() : HashAlgorithm::sha256;
  const auto facts = std::make_shared<PlainFacts>();
  auto plain = plain_bytes(std::move(packed), algorithm, expansion_limit(blob.size), facts);
  fs::LayerDraft draft = TRY(layers.draft());
  TRY(fs::apply_layer(std::move(plain), draft.diff(), fs::ApplyForm::overlay_layer, {}, cancel));
  if (!expected)
    return UnpackedLayer{
        .draft = std::move(draft), .diff_id = {oci::Digest::sha256(facts->hex)}, .size = facts->size};
  if (facts->hex != expected->digest.hex()) {
    return fail(ErrorKind::invalid, "layer {} unpacks to {}:{}, but the image's config says {}",
                blob.digest.to_string(), expected->digest.algorithm_name(), facts->hex,
                expected->digest.to_string());
  }
  return UnpackedLayer{.draft = std::move(draft), .diff_id = *expected, .size = facts->size};
}

LayerUnpacker::LayerUnpacker(fs::LayerStore& layers, const oci::Descriptor& blob, const oci::DiffId& diff_id,
                             const CancelToken* cancel) {
  BytePipe pipe = BytePipe::create();
  m_result = std::async(std::launch::async,
                        [&layers, blob, diff_id, cancel, reader = std::move(pipe.reader)]() mutable {
                          return unpack_layer(layers, std::move(reader), blob, diff_id, cancel);
                        });
  m_writer = std::move(pipe.writer);
}

Result<UnpackedLayer> LayerUnpacker::finish() {
  TRY(m_writer->finish());
  return m_result.get();
}

}  // namespace ecrin::build
