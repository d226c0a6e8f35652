// Writing OCI image layouts: into a directory, which may hold other images already, or as an archive.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/atomic_file.hpp"
#include "base/file_lock.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/image_transport.hpp"
#include "oci/layout_names.hpp"

namespace ecrin::oci {

namespace {

constexpr std::string_view k_layout_version = R"({"imageLayoutVersion":"1.0.0"})";

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

std::string ref_name_of(const Json& entry) {
  const auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return "";
  return annotations->value(k_ref_name, "");
}

// Keeps what others wrote, member by member; an entry of the same name makes room.
Result<Json> merge_index(const Fd& directory, const Json& added) {
  Result<Fd> file = posix::open_at(directory, k_index_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) {
    if (file.error().kind() != ErrorKind::not_found) return std::unexpected(std::move(file).error());
    return Json{{"schemaVersion", 2}, {"mediaType", media_type::k_index}, {"manifests", added}};
  }
  const std::string bytes = TRY(posix::read_fd(*file, k_image_file_limit));
  TRY(ImageIndex::parse(bytes, "the existing index.json",
                        k_layout_entry_limit));  // so that the members below have their types
  Json index = TRY(parse_json(bytes, "the existing index.json"));
  Json& manifests = index["manifests"];
  for (const Json& entry : added) {
    const std::string name = ref_name_of(entry);
    for (std::size_t i = manifests.size(); i-- > 0;) {
      const bool same = name.empty() ? manifests[i] == entry : ref_name_of(manifests[i]) == name;
      if (same) manifests.erase(i);
    }
    manifests.push_back(entry);
  }
  return index;
}

Result<> make_directory(const Fd& parent, const std::string& name) {
  Result<> made = posix::mkdir_at(parent, name, 0755);
  if (!made && made.error().code() == EEXIST) return {};
  return made;
}

Result<> write_file(const Fd& directory, const std::string& name, std::string_view bytes) {
  AtomicFile file = TRY(AtomicFile::create(directory, name, 0644));
  TRY(posix::write_full(file.file(), bytes));
  return file.commit(AtomicFile::Sync::no);
}

Result<> write_blob(BlobStore& store, const Fd& root, const Blob& blob) {
  const Digest& digest = blob.descriptor.digest;
  const std::string directory_name = "blobs/" + digest.algorithm_name();
  TRY(make_directory(root, "blobs"));
  TRY(make_directory(root, directory_name));
  const Fd directory = TRY(posix::open_beneath_no_symlinks(root, directory_name, O_RDONLY | O_DIRECTORY));
  const Result<struct stat> existing = posix::lstat_at(directory, digest.hex());
  if (existing && S_ISREG(existing->st_mode) &&
      static_cast<std::uint64_t>(existing->st_size) == blob.descriptor.size)
    return {};
  const auto source = TRY(open_source(store, blob));
  AtomicFile file = TRY(AtomicFile::create(directory, digest.hex(), 0644));
  FdSink sink(file.file());
  TRY(copy_stream(*source, sink));
  return file.commit(AtomicFile::Sync::no);
}

// A new or empty directory, or a layout; never somebody's home directory.
Result<> check_destination(const Fd& directory, const std::string& path) {
  if (TRY(posix::exists_at(directory, k_layout_file)) == posix::Exists::yes) return {};
  if (TRY(posix::list_directory(directory)).empty()) return {};
  return std::unexpected(Error(ErrorKind::conflict, fmt::format("'{}' exists and is not an OCI layout", path))
                             .hint("give an empty or new directory"));
}

}  // namespace

Result<> export_layout_directory(BlobStore& store, const std::vector<ExportedImage>& images,
                                 const std::string& path) {
  TRY(posix::make_directories(path, 0755));
  const Fd directory = TRY(posix::open(path, O_RDONLY | O_DIRECTORY));
  // Two exports into one layout take turns: each reads index.json and writes it again.
  const FileLock lock = TRY(FileLock::acquire(TRY(directory.duplicate()), FileLock::Mode::exclusive));
  TRY(check_destination(directory, path));
  for (const auto& [digest, blob] : collect_blobs(images))
    TRY_WHILE(write_blob(store, directory, blob), "writing '{}'", path);
  const Json index =
      TRY_WHILE(merge_index(directory, index_entries(images, RefName::tag)), "writing '{}'", path);
  TRY(write_file(directory, k_index_file, dump_json(index)));
  return write_file(directory, k_layout_file, k_layout_version);
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
