#include "build/shared_document.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "oci/blob_store.hpp"
#include "oci/image_manifest.hpp"

namespace ecrin::build {

namespace {

std::unexpected<Error> other_content(const oci::ImageSource& source, const std::string& kind) {
  return std::unexpected(Error(k_other_content, fmt::format("'{}' is no build cache of ecrin: {}",
                                                            source.name(), printable(kind, 200)))
                             .hint("give the cache a tag of its own"));
}

bool is_broken(const Error& error) {
  return error.kind() == ErrorKind::invalid || error.kind() == ErrorKind::limit;
}

// What it names and nobody has is no reason to call the whole cache absent: it is broken.
template <class T>
Result<T> there(Result<T> found) {
  if (found || found.error().kind() != ErrorKind::not_found) return found;
  return std::unexpected(Error(ErrorKind::invalid, found.error().message()));
}

Result<SharedRows> read_shard(oci::ImageSource& source, const oci::RawManifest& raw,
                              const CancelToken* cancel) {
  const std::string what = fmt::format("manifest {}", raw.digest.to_string());
  const auto manifest = oci::ImageManifest::parse(raw.bytes, what);
  if (!manifest) return other_content(source, manifest.error().message());
  if (manifest->artifact_kind() != k_cache_artifact_type)
    return other_content(
        source, manifest->is_image() ? "it is an image" : "it is '" + manifest->artifact_kind() + "'");
  const oci::Descriptor& config = manifest->config;
  if (config.media_type != k_cache_rows_type)
    return fail(ErrorKind::unsupported, "the rows in {} are '{}', not '{}'", what,
                printable(config.media_type, 100), k_cache_rows_type);
  if (config.size > k_shared_document_limit)
    return fail(ErrorKind::limit, "the rows in {} have {} bytes, more than the {} allowed", what, config.size,
                k_shared_document_limit);
  const auto verified =
      oci::verified_source(TRY(there(source.blob(config, 0, cancel))), config.digest, config.size);
  SharedShard shard{.rows = TRY(there(read_all(*verified, k_shared_document_limit))),
                    .blobs = manifest->layers};
  return decode_rows(shard);
}

oci::RawManifest raw_manifest(std::string bytes, std::string_view media_type) {
  oci::RawManifest raw{.bytes = std::move(bytes), .media_type = std::string(media_type), .digest = {}};
  raw.digest = oci::Digest::of(raw.bytes);
  return raw;
}

Result<oci::RawManifest> put_shard(oci::ImageDestination& destination, SharedShard shard,
                                   const CancelToken* cancel) {
  oci::ImageManifest manifest;
  manifest.media_type = oci::media_type::k_manifest;
  manifest.artifact_type = k_cache_artifact_type;
  manifest.config = {.media_type = std::string(k_cache_rows_type),
                     .digest = oci::Digest::of(shard.rows),
                     .size = shard.rows.size()};
  manifest.layers = std::move(shard.blobs);
  if (TRY(destination.find_blob(manifest.config, cancel)) == oci::Presence::absent) {
    const oci::BlobOpener open = [&shard](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
      return std::make_unique<MemorySource>(
          shard.rows.substr(std::min<std::uint64_t>(offset, shard.rows.size())));
    };
    TRY(destination.put_blob(manifest.config, open, {}, cancel));
  }
  return raw_manifest(manifest.to_bytes(), manifest.media_type);
}

}  // namespace

Result<SharedDocument> read_shared_cache(oci::ImageSource& source, const SharedDocument* known,
                                         const CancelToken* cancel) {
  auto found = source.manifest(std::nullopt, cancel);
  // Only what says that it is a cache of ours may be called a broken one, which is written anew.
  if (!found && is_broken(found.error())) return other_content(source, found.error().message());
  const oci::RawManifest top = TRY(std::move(found));
  if (known && known->top == top.digest) return *known;
  SharedDocument document{.top = top.digest, .rows = {}};
  if (!oci::media_type::is_index(top.media_type)) {
    document.rows = TRY(read_shard(source, top, cancel));
    return document;
  }
  const auto parsed = oci::ImageIndex::parse(top.bytes, "what is there");
  if (!parsed) return other_content(source, parsed.error().message());
  const oci::ImageIndex& index = *parsed;
  if (index.artifact_type != k_cache_artifact_type)
    return other_content(
        source, index.artifact_type.empty() ? "it is an image index" : "it is '" + index.artifact_type + "'");
  if (index.manifests.size() > k_shared_shards)
    return fail(ErrorKind::limit, "the cache has {} parts, more than the {} allowed", index.manifests.size(),
                k_shared_shards);
  for (const oci::Descriptor& part : index.manifests) {
    SharedRows rows = TRY(read_shard(source, TRY(there(source.manifest(part, cancel))), cancel));
    std::ranges::move(rows.steps, std::back_inserter(document.rows.steps));
    std::ranges::move(rows.mounts, std::back_inserter(document.rows.mounts));
  }
  return document;
}

Result<std::optional<oci::Digest>> write_shared_cache(oci::ImageDestination& destination,
                                                      const SharedRows& rows,
                                                      const std::function<Result<bool>()>& is_wanted,
                                                      const CancelToken* cancel) {
  using Place = oci::ImageDestination::Place;
  std::vector<SharedShard> shards = encode_rows(rows);
  oci::RawManifest top;
  if (shards.size() == 1) {
    top = TRY(put_shard(destination, std::move(shards.front()), cancel));
  } else {
    oci::ImageIndex index;
    index.media_type = oci::media_type::k_index;
    index.artifact_type = k_cache_artifact_type;
    for (SharedShard& shard : shards) {
      const oci::RawManifest part = TRY(put_shard(destination, std::move(shard), cancel));
      TRY(destination.put_manifest(part, Place::child, cancel));
      index.manifests.push_back(part.descriptor());
    }
    top = raw_manifest(index.to_bytes(), index.media_type);
  }
  if (!TRY(is_wanted())) return std::nullopt;
  TRY(destination.put_manifest(top, Place::top, cancel));
  TRY(destination.commit(cancel));
  return top.digest;
}

}  // namespace ecrin::build
