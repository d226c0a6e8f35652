// docker-archive: what `docker save` writes. manifest.json lists images; their configs keep their bytes (and
// so the image its ID), their layers are plain tar files whose digests are the diff IDs. An OCI manifest is
// made for them.
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.hpp"
#include "oci/docker_archive_index.hpp"

namespace ecrin::oci {

namespace {

// The size must be known before a blob is put: a compressed layer is read twice.
Result<std::uint64_t> plain_size(BlobStore& blobs, ImageFiles& files, const std::string& name,
                                 std::uint64_t size, const DiffId& diff_id) {
  Compression found = Compression::none;
  const auto source = TRY(plain_layer(files, name, size, &found));
  if (found == Compression::none) return size;
  if (const auto known = TRY(blobs.size_of(diff_id.digest))) return *known;
  HashingSink hash(nullptr, diff_id.digest.algorithm());
  TRY(copy_stream(*source, hash));
  if (const std::string hex = hash.finish_hex(); hex != diff_id.digest.hex())
    return fail(ErrorKind::invalid, "the layer has the diff ID {}:{}, but the image config says {}",
                diff_id.digest.algorithm_name(), hex, diff_id.digest.to_string());
  return hash.count();
}

Result<Descriptor> import_layer(BlobStore& blobs, ImageFiles& files, const std::string& name,
                                const DiffId& diff_id) {
  const auto file = TRY(files.open(name));
  if (!file) return fail(ErrorKind::not_found, "'{}' has no file '{}'", files.path(), printable(name));
  Descriptor descriptor;
  descriptor.media_type = media_type::k_layer;
  descriptor.digest = diff_id.digest;
  descriptor.size = TRY(plain_size(blobs, files, name, file->size, diff_id));
  Compression found = Compression::none;
  const auto source = TRY(plain_layer(files, name, file->size, &found));
  TRY(blobs.put(descriptor, *source));
  return descriptor;
}

Result<Descriptor> import_image(BlobStore& blobs, ImageFiles& files, const ArchivedImage& archived) {
  const std::string bytes = TRY(read_image_file(files, archived.config, k_config_limit));
  const ImageConfig config =
      TRY(ImageConfig::parse(bytes, fmt::format("image config '{}'", printable(archived.config))));
  if (config.diff_ids.size() != archived.layers.size())
    return fail(ErrorKind::invalid, "manifest.json lists {} layers, but the image config has {} diff IDs",
                archived.layers.size(), config.diff_ids.size());
  ImageManifest manifest;
  manifest.media_type = media_type::k_manifest;
  for (std::size_t i = 0; i < archived.layers.size(); ++i)
    manifest.layers.push_back(TRY_WHILE(import_layer(blobs, files, archived.layers[i], config.diff_ids[i]),
                                        "copying layer {} ('{}')", i + 1, printable(archived.layers[i])));
  manifest.config = TRY(blobs.put_bytes(media_type::k_config, bytes));
  return blobs.put_bytes(media_type::k_manifest, manifest.to_bytes());
}

// The plain bytes of a layer. Equal digests mean that the blob is plain already.
Result<std::unique_ptr<Source>> open_plain(BlobStore& blobs, const Descriptor& layer, const DiffId& diff_id) {
  auto source = TRY(blobs.open_blob(layer));
  if (layer.digest == diff_id.digest) return source;
  auto plain = TRY(decompress_any(std::move(source)));
  return std::make_unique<LimitSource>(std::move(plain), expansion_limit(layer.size), "the unpacked layer");
}

// A tar header needs the size beforehand: a compressed layer is read twice, which costs less than a copy on
// disk.
Result<std::uint64_t> exported_size(BlobStore& blobs, const Descriptor& layer, const DiffId& diff_id) {
  if (layer.digest == diff_id.digest) return layer.size;
  const auto source = TRY(open_plain(blobs, layer, diff_id));
  HashingSink hash(nullptr, diff_id.digest.algorithm());
  TRY(copy_stream(*source, hash));
  if (hash.finish_hex() != diff_id.digest.hex())
    return fail(ErrorKind::invalid, "layer {} does not have the diff ID {} that the image config says",
                layer.digest.to_string(), diff_id.digest.to_string());
  return hash.count();
}

}  // namespace

Result<std::vector<ImportedImage>> import_docker_archive(BlobStore& blobs, ImageFiles& files,
                                                         const ImportOptions& options) {
  const std::vector<ArchivedImage> archived = TRY(read_archive_manifest(files));
  std::vector<Candidate> candidates;
  std::vector<const ArchivedImage*> chosen;
  for (const ArchivedImage& image : archived) {
    candidates.push_back(image.candidate);
    if (options.reference.empty() || matches(image.candidate, options.reference)) chosen.push_back(&image);
  }
  if (chosen.empty()) return no_such_image(files, options.reference, candidates);
  if (chosen.size() > 1 && !options.all) return ambiguous(files, candidates);
  std::vector<ImportedImage> images;
  for (const ArchivedImage* image : chosen)
    images.push_back({TRY(import_image(blobs, files, *image)), image->candidate.names, {}});
  return images;
}

Result<> write_docker_archive(BlobStore& blobs, const std::vector<ExportedImage>& images,
                              ArchiveWriter& writer) {
  Json list = Json::array();
  std::set<std::string> written;
  for (const ExportedImage& exported : images) {
    const Image& image = exported.images.front();  // there is no other kind in this format
    Json layers = Json::array();
    for (std::size_t i = 0; i < image.manifest.layers.size(); ++i) {
      const DiffId& diff_id = image.config.diff_ids[i];
      const std::string file = diff_id.digest.hex() + ".tar";
      layers.push_back(file);
      if (!written.insert(file).second) continue;
      const Descriptor& layer = image.manifest.layers[i];
      const std::uint64_t size = TRY_WHILE(exported_size(blobs, layer, diff_id), "exporting layer {}", i + 1);
      const auto source = TRY(open_plain(blobs, layer, diff_id));
      TRY_WHILE(writer.add_file(file, size, *source), "exporting layer {}", i + 1);
    }
    const std::string config = image.id().digest.hex() + ".json";
    if (written.insert(config).second) TRY(writer.add_file(config, image.config_bytes));
    Json tags = Json::array();
    for (Reference name : exported.names) {
      name.digest.reset();  // a name here is always one with a tag
      if (!name.tag.empty()) tags.push_back(name.to_string());
    }
    list.push_back({{"Config", config}, {"RepoTags", std::move(tags)}, {"Layers", std::move(layers)}});
  }
  return writer.add_file(k_archive_manifest_file, dump_json(list));
}

}  // namespace ecrin::oci
