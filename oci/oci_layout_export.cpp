// Writing OCI image layouts: into a directory, which may hold other images already, or as an archive.
#include <nlohmann/json.hpp>
#include <set>

#include "oci/image_transport.hpp"
#include "oci/layout_names.hpp"
#include "oci/layout_writer.hpp"

namespace ecrin::oci {

namespace {

// Every blob of all images once, by digest; those that are in memory with their bytes.
struct Blob {
  Descriptor descriptor;
  const std::string* bytes = nullptr;
};
using Blobs = std::map<Digest, Blob>;

void add_content(Blobs& blobs, const ImageManifest& manifest, const Descriptor& descriptor,
                 const std::string& bytes) {
  for (const Descriptor& layer : manifest.layers) blobs.try_emplace(layer.digest, Blob{layer});
  blobs.try_emplace(manifest.config.digest, Blob{manifest.config});
  blobs.insert_or_assign(descriptor.digest, Blob{descriptor, &bytes});
}

Blobs collect_blobs(const std::vector<ExportedImage>& images) {
  Blobs blobs;
  for (const ExportedImage& exported : images) {
    for (const Image& image : exported.images) {
      add_content(blobs, image.manifest, image.manifest_descriptor, image.manifest_bytes);
      blobs.insert_or_assign(image.manifest.config.digest, Blob{image.manifest.config, &image.config_bytes});
    }
    for (const Artifact& artifact : exported.artifacts)
      add_content(blobs, artifact.manifest, artifact.descriptor, artifact.bytes);
    for (const StoredIndex& index : exported.indexes)
      blobs.insert_or_assign(index.descriptor.digest, Blob{index.descriptor, &index.bytes});
  }
  return blobs;
}

Result<std::unique_ptr<Source>> open_source(BlobStore& store, const Blob& blob) {
  if (blob.bytes) return std::make_unique<MemorySource>(*blob.bytes);
  return store.open_blob(blob.descriptor);
}

// Tools find an image of a directory by its tag ("umoci --image DIR:latest"), unless two images have the
// same.
std::set<std::string> shared_tags(const std::vector<ExportedImage>& images) {
  std::set<std::string> seen;
  std::set<std::string> shared;
  for (const ExportedImage& image : images)
    for (const Reference& name : image.names)
      if (!seen.insert(name.tag).second) shared.insert(name.tag);
  return shared;
}

Json index_entries(const std::vector<ExportedImage>& images, RefName style) {
  const std::set<std::string> shared = shared_tags(images);
  Json entries = Json::array();
  for (const ExportedImage& image : images) {
    Descriptor entry = image.descriptor;
    if (image.names.empty()) entries.push_back(entry.to_json());
    for (const Reference& name : image.names) {
      entry.annotations = layout_annotations(name, shared.contains(name.tag) ? RefName::full_name : style);
      entries.push_back(entry.to_json());
    }
  }
  return entries;
}

}  // namespace

Result<> export_layout_directory(BlobStore& store, const std::vector<ExportedImage>& images,
                                 const std::string& path) {
  const auto layout = TRY(LayoutWriter::open(path));
  for (const auto& [digest, blob] : collect_blobs(images))
    if (!TRY(layout->has(blob.descriptor)))
      TRY_WHILE(layout->put(blob.descriptor, TRY(open_source(store, blob))), "writing '{}'", path);
  TRY_WHILE(layout->commit(index_entries(images, RefName::tag)), "writing '{}'", path);
  return {};
}

Result<> write_layout_archive(BlobStore& store, const std::vector<ExportedImage>& images,
                              ArchiveWriter& writer) {
  const Json index = {{"schemaVersion", 2},
                      {"mediaType", media_type::k_index},
                      {"manifests", index_entries(images, RefName::full_name)}};
  TRY(writer.add_file(k_layout_file, k_layout_version));
  TRY(writer.add_file(k_index_file, dump_json(index)));
  TRY(writer.add_directory("blobs"));
  std::string last_directory;
  for (const auto& [digest, blob] : collect_blobs(images)) {
    const std::string directory = "blobs/" + digest.algorithm_name();
    if (directory != last_directory) TRY(writer.add_directory(directory));
    last_directory = directory;
    const auto source = TRY(open_source(store, blob));
    TRY(writer.add_file(directory + "/" + digest.hex(), blob.descriptor.size, *source));
  }
  return {};
}

}  // namespace ecrin::oci
