#include "oci/layer_repack.hpp"

#include <algorithm>
#include <thread>

#include "base/nameless_file.hpp"
#include "base/range_source.hpp"
#include "base/sparse_file.hpp"
#include "oci/image_files.hpp"

namespace ecrin::oci {

BlobOpener PackedLayer::opener() const {
  return [file = file, size = size](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
    const std::uint64_t from = std::min(offset, size);
    return std::make_unique<RangeSource>(file, from, size - from);
  };
}

namespace {

Result<> copy_checked(Source& plain, Sink& sink, const DiffId& diff_id) {
  HashingSink unpacked(&sink, diff_id.digest.algorithm());
  TRY(copy_stream(plain, unpacked));
  if (const std::string hex = unpacked.finish_hex(); hex != diff_id.digest.hex())
    return fail(ErrorKind::invalid,
                "the layer does not have the diff ID {} that the image config says: its bytes have {}:{}",
                diff_id.digest.to_string(), diff_id.digest.algorithm_name(), hex);
  return {};
}

}  // namespace

Result<PackedLayer> repack_layer(std::unique_ptr<Source> source, std::uint64_t packed_size,
                                 const DiffId& diff_id, const LayerCompression& compression,
                                 const Fd& scratch, const Digest* verified) {
  Compression found = Compression::none;
  LimitSource plain(TRY(decompress_any(std::move(source), &found)), expansion_limit(packed_size),
                    "the unpacked layer");
  Fd file = TRY(nameless_file(scratch));
  SparseFileSink to_file(file);
  HashingSink packed(&to_file);
  const auto compressor = TRY(compress(compression.format, compression.level, packed,
                                       std::max(1u, std::thread::hardware_concurrency())));
  if (found == Compression::none && verified && *verified == diff_id.digest)
    TRY(copy_stream(plain, *compressor));
  else
    TRY(copy_checked(plain, *compressor, diff_id));
  TRY(compressor->finish());
  return PackedLayer{.digest = Digest::sha256(packed.finish_hex()),
                     .size = packed.count(),
                     .file = std::make_shared<const Fd>(std::move(file))};
}

Result<PackedLayer> unpack_layer(std::unique_ptr<Source> source, std::uint64_t packed_size,
                                 const DiffId& diff_id, const Fd& scratch) {
  return repack_layer(std::move(source), packed_size, diff_id, {.format = Compression::none}, scratch);
}

}  // namespace ecrin::oci
