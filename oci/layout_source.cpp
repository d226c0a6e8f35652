// Sources that keep every document and blob in a file of its own: OCI layouts and directories of `dir:`.
#include "base/text.hpp"
#include "oci/file_sources.hpp"
#include "oci/layout_index.hpp"

namespace ecrin::oci {

namespace {

std::string directory_blob_name(const Digest& digest) {
  return digest.hex();
}

class FilesSource final : public ImageSource {
public:
  using BlobName = std::string (*)(const Digest&);
  FilesSource(std::shared_ptr<ImageFiles> files, std::string prefix, RawManifest top, BlobName blob_name,
              std::string manifest_suffix)
      : m_files(std::move(files)),
        m_prefix(std::move(prefix)),
        m_top(std::move(top)),
        m_blob_name(blob_name),
        m_manifest_suffix(std::move(manifest_suffix)) {}

  std::string name() const override { return m_prefix + m_files->path(); }

  Result<RawManifest> manifest(const std::optional<Descriptor>& instance, const CancelToken*) override {
    if (!instance || instance->digest == m_top.digest) return m_top;
    return read_manifest(*m_files, m_blob_name(instance->digest) + m_manifest_suffix, *instance);
  }

  Result<std::unique_ptr<Source>> blob(const Descriptor& descriptor, std::uint64_t offset,
                                       const CancelToken*) override {
    const std::string file = m_blob_name(descriptor.digest);
    auto found = TRY(m_files->open(file, offset));
    if (!found) return fail(ErrorKind::not_found, "'{}' has no file '{}'", m_files->path(), file);
    return std::move(found->source);
  }

  static Result<RawManifest> read_manifest(ImageFiles& files, const std::string& file,
                                           const Descriptor& descriptor) {
    const std::string what = fmt::format("manifest {}", descriptor.digest.to_string());
    if (descriptor.size > k_manifest_limit)
      return fail(ErrorKind::limit, "{} has {} bytes, more than the {} allowed", what, descriptor.size,
                  k_manifest_limit);
    const auto source = verified_source(lazy_source(files, file), descriptor.digest, descriptor.size);
    RawManifest manifest = TRY(RawManifest::from_bytes(
        TRY_WHILE(read_all(*source, k_manifest_limit), "reading {}", what), descriptor.media_type, what));
    manifest.digest = descriptor.digest;  // which may be a SHA-512
    return manifest;
  }

private:
  std::shared_ptr<ImageFiles> m_files;
  std::string m_prefix;
  RawManifest m_top;
  BlobName m_blob_name;
  std::string m_manifest_suffix;
};

}  // namespace

Result<std::vector<FileImage>> open_layout_images(std::shared_ptr<ImageFiles> files,
                                                  const ImageChoice& choice) {
  const std::vector<LayoutEntry> entries = TRY(read_layout_entries(*files));
  std::vector<Candidate> candidates;
  for (const LayoutEntry& entry : entries) candidates.push_back(entry.candidate);
  std::vector<FileImage> images;
  for (const std::size_t chosen : TRY(choose_images(*files, candidates, choice))) {
    const Descriptor descriptor = TRY(choose_descriptor(entries[chosen], choice.reference, choice.platform));
    RawManifest top =
        TRY(FilesSource::read_manifest(*files, layout_blob_name(descriptor.digest), descriptor));
    images.push_back({std::make_unique<FilesSource>(files, "oci:", std::move(top), layout_blob_name, ""),
                      std::move(candidates[chosen].names)});
  }
  return images;
}

Result<std::unique_ptr<ImageSource>> open_directory_source(std::shared_ptr<ImageFiles> files) {
  const std::string what = fmt::format("'{}' of '{}'", k_archive_manifest_file, files->path());
  std::string bytes = TRY(read_image_file(*files, k_archive_manifest_file, k_manifest_limit));
  RawManifest top = TRY(RawManifest::from_bytes(std::move(bytes), "", what));
  return std::make_unique<FilesSource>(std::move(files), "dir:", std::move(top), directory_blob_name,
                                       ".manifest.json");
}

}  // namespace ecrin::oci
