// Reading OCI image layouts (image-spec image-layout.md), from a directory or an archive.
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
    images.push_back({TRY(import_image(blobs, files, listed, options.platform)), entry->candidate.names});
  }
  return images;
}

}  // namespace ecrin::oci
