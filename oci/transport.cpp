#include "oci/transport.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "oci/archive_output.hpp"
#include "oci/image_transport.hpp"

namespace ecrin::oci {

namespace {

Result<std::vector<ImportedImage>> import_files(BlobStore& blobs, ImageFiles& files,
                                                const ImportOptions& options) {
  // docker 25 and newer write both into one archive; the layout keeps the manifests' digests.
  if (TRY(files.open(k_layout_file))) return import_layout(blobs, files, options);
  if (TRY(files.open(k_archive_manifest_file))) return import_docker_archive(blobs, files, options);
  return std::unexpected(
      Error(ErrorKind::invalid, fmt::format("'{}' holds no images", files.path()))
          .hint("an OCI layout (oci-layout, index.json) or a docker archive (manifest.json) is "
                "needed; a plain root file system is imported by another command"));
}

std::string list_labels(const std::vector<Candidate>& candidates) {
  std::vector<std::string> words;
  for (const Candidate& candidate : candidates) {
    if (words.size() == 20) {
      words.push_back("...");
      break;
    }
    if (!candidate.labels.empty())
      words.push_back(printable(candidate.labels.front(), 200));
    else if (!candidate.digests.empty())
      words.push_back(candidate.digests.front().to_string());
  }
  return join(words, ", ");
}

// Everything below a document that the store has: an index may list images that are not here.
Result<> gather(ImageStore& store, const ImageRecord& record, int depth, ExportedImage& exported) {
  if (record.kind == ImageKind::image) {
    exported.images.push_back(TRY(store.load(record.manifest)));
    return {};
  }
  if (record.kind == ImageKind::artifact) {
    exported.artifacts.push_back(TRY(store.load_artifact(record.manifest)));
    return {};
  }
  if (depth == k_index_depth_limit)
    return fail(ErrorKind::limit, "image indexes are nested more than {} deep", k_index_depth_limit);
  exported.indexes.push_back(TRY(store.load_index(record.manifest)));
  for (const Digest& entry : record.entries) {
    const auto found = store.find_any(entry.to_string());
    if (!found && found.error().kind() == ErrorKind::not_found) continue;
    if (!found) return std::unexpected(found.error());
    TRY(gather(store, *found, depth + 1, exported));
  }
  return {};
}

Result<ExportedImage> load_export(ImageStore& store, const Digest& manifest, ArchiveFormat format) {
  const std::string digest = manifest.to_string();
  // The docker format knows images only.
  const ImageRecord record =
      format == ArchiveFormat::docker_archive ? TRY(store.find(digest)) : TRY(store.find_any(digest));
  ExportedImage exported{.descriptor = record.descriptor()};
  TRY(gather(store, record, 0, exported));
  return exported;
}

// Images with the same manifest are written once, with all their names, in the order of their digests.
Result<std::vector<ExportedImage>> load_exports(ImageStore& store, std::vector<ExportItem> items,
                                                ArchiveFormat format) {
  std::stable_sort(items.begin(), items.end(),
                   [](const ExportItem& a, const ExportItem& b) { return a.manifest < b.manifest; });
  std::vector<ExportedImage> images;
  const Digest* last = nullptr;
  for (const ExportItem& item : items) {
    if (!last || *last != item.manifest) images.push_back(TRY(load_export(store, item.manifest, format)));
    last = &item.manifest;
    for (const Reference& name : item.names) images.back().names.push_back(name.with_default_tag());
  }
  for (ExportedImage& image : images) {
    const auto before = [](const Reference& a, const Reference& b) { return a.to_string() < b.to_string(); };
    std::sort(image.names.begin(), image.names.end(), before);
    image.names.erase(std::unique(image.names.begin(), image.names.end()), image.names.end());
  }
  return images;
}

Result<> write_archive(BlobStore& blobs, const std::vector<ExportedImage>& images, ArchiveFormat format,
                       const Fd& file) {
  FdSink plain(file);
  BufferedSink buffered(plain);
  ArchiveWriter writer(buffered);
  if (format == ArchiveFormat::docker_archive)
    TRY(write_docker_archive(blobs, images, writer));
  else
    TRY(write_layout_archive(blobs, images, writer));
  return writer.finish();
}

}  // namespace

bool matches(const Candidate& candidate, const std::string& reference) {
  if (std::find(candidate.labels.begin(), candidate.labels.end(), reference) != candidate.labels.end())
    return true;
  if (const Result<Digest> digest = Digest::parse(reference))
    return std::find(candidate.digests.begin(), candidate.digests.end(), *digest) != candidate.digests.end();
  const Result<Reference> parsed = Reference::parse(reference);
  if (!parsed) return false;
  for (const Reference& name : local_candidates(parsed->with_default_tag()))
    if (std::find(candidate.names.begin(), candidate.names.end(), name) != candidate.names.end()) return true;
  return false;
}

std::unexpected<Error> ambiguous(const ImageFiles& files, const std::vector<Candidate>& candidates) {
  return std::unexpected(Error(ErrorKind::invalid, fmt::format("'{}' holds several images", files.path()))
                             .hint(fmt::format("choose one of: {}", list_labels(candidates))));
}

std::unexpected<Error> no_such_image(const ImageFiles& files, const std::string& reference,
                                     const std::vector<Candidate>& candidates) {
  if (candidates.empty()) return fail(ErrorKind::not_found, "'{}' holds no images", files.path());
  return std::unexpected(Error(ErrorKind::not_found, fmt::format("'{}' holds no image '{}'", files.path(),
                                                                 printable(reference, 300)))
                             .hint(fmt::format("it holds: {}", list_labels(candidates))));
}

Result<std::vector<ImageRecord>> import_images(ImageStore& store, const std::string& path,
                                               const ImportOptions& options) {
  const auto files = TRY(open_image_files(store.blobs().store(), path));
  const std::vector<ImportedImage> images =
      TRY_WHILE(import_files(store.blobs(), *files, options), "importing '{}'", path);
  if (!options.names.empty() && images.size() != 1)
    return fail(ErrorKind::invalid, "'{}' holds {} images: names can be given to one only", path,
                images.size());
  // A row in the database must never name a blob that a power cut can still take away.
  TRY(store.blobs().sync());
  std::vector<ImageRecord> records;
  for (const ImportedImage& image : images) {
    std::vector<Reference> names = options.names;
    if (names.empty() && options.keep_names) names = image.names;
    for (const Descriptor& part : image.parts)
      TRY_WHILE(store.add_any(part, {}, Role::part), "importing '{}'", path);
    records.push_back(TRY_WHILE(store.add_any(image.manifest, names), "importing '{}'", path));
  }
  return records;
}

Result<> export_images(ImageStore& store, const std::vector<ExportItem>& items, ArchiveFormat format,
                       const std::string& path) {
  const std::vector<ExportedImage> images = TRY(load_exports(store, items, format));
  if (format == ArchiveFormat::oci_directory) {
    if (path == "-") return fail(ErrorKind::invalid, "a directory cannot be written to standard output");
    return export_layout_directory(store.blobs(), images, path);
  }
  ArchiveOutput output = TRY(ArchiveOutput::open(path));
  TRY_WHILE(write_archive(store.blobs(), images, format, output.file()), "writing '{}'", path);
  return output.commit();
}

}  // namespace ecrin::oci
