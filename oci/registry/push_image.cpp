#include "oci/registry/push_image.hpp"

#include <algorithm>
#include <map>

#include "oci/layer_types.hpp"
#include "oci/packed_layers.hpp"
#include "oci/store_destination.hpp"
#include "oci/store_source.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_mount_candidates = 3;

// Repositories of the registry whose images have a blob, as far as this store knows.
class KnownRepositories {
public:
  static Result<KnownRepositories> of(ImageStore& images, const Reference& to) {
    KnownRepositories known;
    for (const ImageRecord& record : TRY(images.list())) {
      const auto image = images.load(record.manifest);
      if (!image) continue;  // removed meanwhile, or damaged: it cannot help, and need not
      for (const std::string& text : record.names) {
        const auto name = Reference::parse(text);
        if (!name || name->registry != to.registry || name->repository == to.repository) continue;
        known.add(image->manifest.config.digest, name->repository);
        for (const Descriptor& layer : image->manifest.layers) known.add(layer.digest, name->repository);
      }
    }
    return known;
  }
  std::vector<std::string> of(const Digest& digest) const {
    const auto found = m_repositories.find(digest);
    return found == m_repositories.end() ? std::vector<std::string>{} : found->second;
  }

private:
  void add(const Digest& digest, const std::string& repository) {
    auto& repositories = m_repositories[digest];
    if (repositories.size() < k_mount_candidates &&
        std::find(repositories.begin(), repositories.end(), repository) == repositories.end())
      repositories.push_back(repository);
  }
  std::map<Digest, std::vector<std::string>> m_repositories;
};

/// Lets through what is heard of layers that are packed: nothing else moves meanwhile.
class PackingObserver final : public CopyObserver {
public:
  explicit PackingObserver(CopyObserver& next) : m_next(next) {}
  void blob_started(const Descriptor& blob, std::uint64_t already) override {
    if (media_type::is_layer(blob.media_type)) m_next.blob_started(blob, already);
  }
  void blob_progress(const Descriptor& blob, std::uint64_t bytes) override {
    if (media_type::is_layer(blob.media_type)) m_next.blob_progress(blob, bytes);
  }
  void blob_finished(const Descriptor& blob, BlobOutcome outcome) override {
    if (outcome == BlobOutcome::packed) m_next.blob_finished(blob, outcome);
  }

private:
  CopyObserver& m_next;
};

CopyOptions copy_options(const PushOptions& options) {
  CopyOptions copy;
  copy.all = options.all;
  copy.platform = options.platform;
  copy.jobs = options.jobs;
  return copy;
}

/// What the record is once its layers are packed: itself when nothing had to be.
Result<ImageRecord> pack(ImageStore& images, const ImageRecord& image, const PushOptions& options,
                         CopyObserver& observer, const CancelToken* cancel) {
  const auto packed_layers = TRY(PackedLayers::open(images.blobs().store()));
  const Fd scratch = TRY(images.blobs().store().temporary());
  CopyOptions copy = copy_options(options);
  copy.compression = options.compression.value_or(LayerCompression{});
  if (options.format == ManifestFormat::docker && !options.compression)
    copy.compression->format = Compression::gzip;
  // What was made here is a directory; what came from elsewhere is a file, and has its digest already.
  if (!options.compression && !options.format)
    copy.packs = [&images](const Descriptor& layer) -> Result<bool> {
      return !TRY(images.blobs().size_of(layer.digest));
    };
  copy.jobs = 1;  // each layer is packed by all processors
  copy.repack = options.repack;
  copy.format = options.format;
  copy.scratch = &scratch;
  copy.packed = packed_layers.get();
  std::vector<Reference> names;
  for (const std::string& name : image.names) names.push_back(TRY(Reference::parse(name)));
  const auto source = TRY(open_store_source(images, image.manifest.to_string()));
  // A name that is a digest can only be that of the old manifest.
  std::erase_if(names, [](const Reference& name) { return name.digest.has_value(); });
  const auto destination = std::make_unique<StoreDestination>(images, std::move(names));
  PackingObserver packing(observer);
  const RawManifest packed = TRY_WHILE(copy_image(*source, *destination, copy, packing, cancel),
                                       "packing the layers of {}", image.manifest.to_string());
  ImageRecord record = TRY(images.find_any(packed.digest.to_string()));
  if (record.manifest == image.manifest) return record;
  // The same image with other manifest: without a name of its own nobody has a use for the old one.
  const auto old = images.find_any(image.manifest.to_string());
  if (old && old->names.empty() && !old->listed) TRY(images.remove(image.manifest));
  return record;
}

}  // namespace

Result<RawManifest> push_image(ImageStore& images, RegistryImages& registries, const ImageRecord& image,
                               const Reference& to, const PushOptions& options, CopyObserver& observer,
                               const CancelToken* cancel) {
  const ImageRecord packed = TRY(pack(images, image, options, observer, cancel));
  const auto source = TRY(open_store_source(images, packed.manifest.to_string()));
  const KnownRepositories known = TRY(KnownRepositories::of(images, to));
  const auto destination = TRY(registries.destination(
      to, {.mount_candidates = [&known](const Digest& digest) { return known.of(digest); }}, cancel));
  return copy_image(*source, *destination, copy_options(options), observer, cancel);
}

}  // namespace ecrin::oci
