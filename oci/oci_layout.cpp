// Reading OCI image layouts (image-spec image-layout.md), from a directory or an archive.
#include <set>

#include "base/text.hpp"
#include "oci/image_load.hpp"
#include "oci/image_transport.hpp"
#include "oci/layout_index.hpp"

namespace ecrin::oci {

namespace {

Result<std::string> read_blob(ImageFiles& files, const Descriptor& descriptor, std::uint64_t limit) {
  if (descriptor.size > limit)
    return fail(ErrorKind::limit, "blob {} has {} bytes, more than the {} allowed for '{}'",
                descriptor.digest.to_string(), descriptor.size, limit, descriptor.media_type);
  const auto source = verified_source(lazy_source(files, layout_blob_name(descriptor.digest)),
                                      descriptor.digest, descriptor.size);
  return read_all(*source, limit);
}

Result<> copy_blob(BlobStore& blobs, ImageFiles& files, const Descriptor& descriptor) {
  const auto source = lazy_source(files, layout_blob_name(descriptor.digest));
  return blobs.put(descriptor, *source);
}

// From index to index, down to the manifest for the platform.
Result<Descriptor> resolve(ImageFiles& files, Descriptor descriptor, const Platform& platform) {
  for (int depth = 0; media_type::is_index(descriptor.media_type); ++depth) {
    if (depth == k_index_depth_limit)
      return fail(ErrorKind::limit, "image indexes are nested more than {} deep", k_index_depth_limit);
    const std::string name = fmt::format("image index {}", descriptor.digest.to_string());
    const std::string bytes = TRY_WHILE(read_blob(files, descriptor, k_manifest_limit), "reading {}", name);
    const ImageIndex index = TRY(ImageIndex::parse(bytes, name));
    if (index.media_type != descriptor.media_type)
      return fail(ErrorKind::invalid, "{} says that it is '{}', but its descriptor says '{}'", name,
                  index.media_type, descriptor.media_type);
    descriptor = TRY(select_platform(index, platform));
  }
  // Platform and annotations belong to the place where it was listed, not to the image.
  return Descriptor{
      .media_type = descriptor.media_type, .digest = descriptor.digest, .size = descriptor.size};
}

Result<Descriptor> import_image(BlobStore& blobs, ImageFiles& files, const Descriptor& listed,
                                const Platform& platform) {
  const Descriptor manifest = TRY(resolve(files, listed, platform));
  const BlobReader reader = [&files](const Descriptor& descriptor, std::uint64_t limit) {
    return read_blob(files, descriptor, limit);
  };
  // All checks on the small documents come before the first byte of a layer.
  const Image image = TRY(load_image(reader, manifest));
  for (std::size_t i = 0; i < image.manifest.layers.size(); ++i)
    TRY_WHILE(copy_blob(blobs, files, image.manifest.layers[i]), "copying layer {} of {}", i + 1,
              image.manifest.layers.size());
  TRY(copy_blob(blobs, files, image.manifest.config));
  TRY(copy_blob(blobs, files, manifest));
  return manifest;
}

// An index, image or artifact with everything of it that the file has.
class WholeImport {
public:
  WholeImport(BlobStore& blobs, ImageFiles& files) : m_blobs(blobs), m_files(files) {}

  Result<> import(const Descriptor& listed, int depth) {
    // Platform and annotations belong to the place where it was listed.
    const Descriptor descriptor{
        .media_type = listed.media_type, .digest = listed.digest, .size = listed.size};
    if (!m_seen.insert(descriptor.digest).second) return {};
    if (media_type::is_index(descriptor.media_type))
      TRY(import_index(descriptor, depth));
    else
      TRY(import_manifest(descriptor));
    m_parts.push_back(descriptor);
    return {};
  }
  /// What was imported, inner ones first: the last is the one that was asked for.
  std::vector<Descriptor>& parts() { return m_parts; }

private:
  Result<> import_index(const Descriptor& descriptor, int depth) {
    if (depth == k_index_depth_limit)
      return fail(ErrorKind::limit, "image indexes are nested more than {} deep", k_index_depth_limit);
    const std::string name = fmt::format("image index {}", descriptor.digest.to_string());
    const std::string bytes = TRY_WHILE(read_blob(m_files, descriptor, k_manifest_limit), "reading {}", name);
    TRY(manifest_media_type(bytes, descriptor.media_type, name));
    const ImageIndex index = TRY(ImageIndex::parse(bytes, name));
    bool any = false;
    for (const Descriptor& entry : index.manifests) {
      if (!media_type::is_manifest(entry.media_type) && !media_type::is_index(entry.media_type)) continue;
      // Tools write indexes with the images of some platforms only.
      if (!TRY(m_files.open(layout_blob_name(entry.digest)))) continue;
      TRY(import(entry, depth + 1));
      any = true;
    }
    if (!any && !index.manifests.empty())
      return fail(ErrorKind::not_found, "'{}' has none of the images that the {} lists", m_files.path(),
                  name);
    return copy_blob(m_blobs, m_files, descriptor);
  }

  Result<> import_manifest(const Descriptor& descriptor) {
    const std::string name = fmt::format("manifest {}", descriptor.digest.to_string());
    const std::string bytes = TRY_WHILE(read_blob(m_files, descriptor, k_manifest_limit), "reading {}", name);
    const ImageManifest manifest = TRY(ImageManifest::parse(bytes, name));
    if (manifest.is_image()) {
      TRY(import_image(m_blobs, m_files, descriptor, {}));
      return {};
    }
    TRY(manifest_media_type(bytes, descriptor.media_type, name));
    for (const Descriptor& layer : manifest.layers)
      TRY_WHILE(copy_blob(m_blobs, m_files, layer), "copying a blob of the artifact {}", name);
    TRY(copy_blob(m_blobs, m_files, manifest.config));
    return copy_blob(m_blobs, m_files, descriptor);
  }

  BlobStore& m_blobs;
  ImageFiles& m_files;
  std::set<Digest> m_seen;
  std::vector<Descriptor> m_parts;
};

}  // namespace

Result<std::vector<ImportedImage>> import_layout(BlobStore& blobs, ImageFiles& files,
                                                 const ImportOptions& options) {
  const std::vector<LayoutEntry> entries = TRY(read_layout_entries(files));
  std::vector<Candidate> candidates;
  std::vector<const LayoutEntry*> chosen;
  for (const LayoutEntry& entry : entries) {
    candidates.push_back(entry.candidate);
    if (options.reference.empty() || matches(entry.candidate, options.reference)) chosen.push_back(&entry);
  }
  if (chosen.empty()) return no_such_image(files, options.reference, candidates);
  if (chosen.size() > 1 && !options.all) return ambiguous(files, candidates);
  std::vector<ImportedImage> images;
  for (const LayoutEntry* entry : chosen) {
    const Descriptor listed = TRY(choose_descriptor(*entry, options.reference, options.platform));
    ImportedImage& image = images.emplace_back();
    image.names = entry->candidate.names;
    if (options.indexes == Indexes::platform) {
      image.manifest = TRY(import_image(blobs, files, listed, options.platform));
      continue;
    }
    WholeImport whole(blobs, files);
    TRY(whole.import(listed, 0));
    image.parts = std::move(whole.parts());
    image.manifest = std::move(image.parts.back());
    image.parts.pop_back();
  }
  return images;
}

}  // namespace ecrin::oci
