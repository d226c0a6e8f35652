#include "oci/transport.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "oci/copy_image.hpp"
#include "oci/file_destinations.hpp"
#include "oci/file_sources.hpp"
#include "oci/store_destination.hpp"
#include "oci/store_source.hpp"

namespace ecrin::oci {

namespace {

Result<std::vector<FileImage>> open_images(std::shared_ptr<ImageFiles> files, const ImageChoice& choice) {
  // docker 25 and newer write both into one archive; the layout keeps the manifests' digests.
  if (TRY(files->open(k_layout_file))) return open_layout_images(std::move(files), choice);
  if (TRY(files->open(k_archive_manifest_file))) return open_docker_archive_images(std::move(files), choice);
  return std::unexpected(
      Error(ErrorKind::invalid, fmt::format("'{}' holds no images", files->path()))
          .hint("an OCI layout (oci-layout, index.json) or a docker archive (manifest.json) is "
                "needed; a plain root file system is imported by another command"));
}

Result<> import_all(std::vector<FileImage>& images, StoreDestination& destination,
                    const ImportOptions& options) {
  const bool whole = options.indexes == Indexes::whole;
  const CopyOptions copy{.all = whole, .platform = options.platform, .partial = whole, .images_only = !whole};
  CopyObserver nobody;
  for (FileImage& image : images) {
    if (!options.names.empty())
      destination.call_next(options.names);
    else if (options.keep_names)
      destination.call_next(std::move(image.names));
    TRY(copy_content(*image.source, destination, copy, nobody, nullptr));
  }
  return destination.commit(nullptr);
}

// Images with the same manifest are written once, with all their names, in the order of their digests.
std::map<Digest, std::vector<std::string>> merge_names(const std::vector<ExportItem>& items,
                                                       ArchiveFormat format) {
  std::map<Digest, std::vector<std::string>> images;
  for (const ExportItem& item : items) {
    std::vector<std::string>& names = images[item.manifest];
    for (const Reference& name : item.names) {
      const Reference full = name.with_default_tag();
      // A docker archive's names are tags.
      if (format != ArchiveFormat::docker_archive || !full.tag.empty()) names.push_back(full.to_string());
    }
  }
  for (auto& [digest, names] : images) {
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
  }
  return images;
}

Result<std::unique_ptr<ImageCollection>> open_collection(ImageStore& store, ArchiveFormat format,
                                                         const std::string& path) {
  switch (format) {
    case ArchiveFormat::oci_directory:
      if (path == "-") return fail(ErrorKind::invalid, "a directory cannot be written to standard output");
      return open_layout_destination(path, RefName::tag);
    case ArchiveFormat::docker_archive:
      return open_docker_archive_destination(path, TRY(store.blobs().store().temporary()));
    case ArchiveFormat::oci_archive:
      break;
  }
  return open_layout_archive_destination(path);
}

Result<> export_all(ImageStore& store, const std::map<Digest, std::vector<std::string>>& images,
                    ArchiveFormat format, ImageCollection& destination) {
  const CopyOptions copy{.all = true, .partial = true};
  CopyObserver nobody;
  for (const auto& [manifest, names] : images) {
    std::string image = manifest.to_string();
    // The docker format knows images only.
    if (format == ArchiveFormat::docker_archive) image = TRY(store.find(image)).manifest.to_string();
    const auto source = TRY(open_store_source(store, image));
    TRY(destination.call_next(names));
    TRY(copy_content(*source, destination, copy, nobody, nullptr));
  }
  return destination.commit(nullptr);
}

}  // namespace

Result<std::vector<ImageRecord>> import_images(ImageStore& store, const std::string& path,
                                               const ImportOptions& options) {
  const ImageChoice choice{.reference = options.reference, .all = options.all, .platform = options.platform};
  auto images = TRY_WHILE(open_images(TRY(open_image_files(store.blobs().store(), path)), choice),
                          "importing '{}'", path);
  if (!options.names.empty() && images.size() != 1)
    return fail(ErrorKind::invalid, "'{}' holds {} images: names can be given to one only", path,
                images.size());
  StoreDestination destination(store, {});
  TRY_WHILE(import_all(images, destination, options), "importing '{}'", path);
  return std::move(destination.records());
}

Result<> export_images(ImageStore& store, const std::vector<ExportItem>& items, ArchiveFormat format,
                       const std::string& path) {
  const auto destination = TRY(open_collection(store, format, path));
  TRY_WHILE(export_all(store, merge_names(items, format), format, *destination), "writing '{}'", path);
  return {};
}

}  // namespace ecrin::oci
