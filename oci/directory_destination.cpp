// Directories of skopeo's `dir:` transport: "version", "manifest.json", one file a blob under its hexadecimal
// digits, "<hex>.manifest.json" for the manifests that an index names.
#include <algorithm>
#include <set>

#include "base/posix.hpp"
#include "oci/directory_writer.hpp"
#include "oci/file_destinations.hpp"
#include "oci/image_files.hpp"

namespace ecrin::oci {

namespace {

constexpr const char* k_version_file = "version";
constexpr std::string_view k_version = "Directory Transport Version: 1.1\n";
constexpr std::string_view k_manifest_suffix = ".manifest.json";

// Only what this transport writes is ever removed.
bool is_content_name(std::string_view name) {
  if (name.ends_with(k_manifest_suffix)) name.remove_suffix(k_manifest_suffix.size());
  return (name.size() == 64 || name.size() == 128) && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<> check_directory(const Fd& directory, const std::string& path) {
  const auto entries = TRY(posix::list_directory(directory));
  const auto is_ours = [](const posix::DirectoryEntry& entry) {
    // A first copy that was killed leaves blobs, and files that were on their way to a name.
    return is_content_name(entry.name) || entry.name == k_archive_manifest_file ||
           entry.name.starts_with("signature-") ||
           is_content_name(std::string_view(entry.name).substr(1, 64));
  };
  const bool has_version = TRY(posix::exists_at(directory, k_version_file)) == posix::Exists::yes;
  if (has_version || std::all_of(entries.begin(), entries.end(), is_ours)) return {};
  return std::unexpected(
      Error(ErrorKind::conflict, fmt::format("'{}' exists and is not an image directory", path))
          .hint("give an empty or new directory"));
}

class DirectoryDestination final : public ImageDestination {
public:
  explicit DirectoryDestination(std::unique_ptr<DirectoryWriter> directory)
      : m_directory(std::move(directory)) {}

  std::string name() const override { return "dir:" + m_directory->path(); }

  Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken*) override {
    keep(descriptor.digest.hex());
    return TRY(m_directory->has(descriptor.digest.hex(), descriptor.size)) ? Presence::present
                                                                           : Presence::absent;
  }

  Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext&,
                    const CancelToken*) override {
    return m_directory->put(descriptor.digest.hex(), descriptor, TRY(open(0)));
  }

  Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken*) override {
    if (place == Place::top) {
      m_top = manifest.bytes;
      return {};
    }
    const std::string file = manifest.digest.hex() + std::string(k_manifest_suffix);
    keep(file);
    return m_directory->put(file, manifest.descriptor(), std::make_unique<MemorySource>(manifest.bytes));
  }

  Result<> commit(const CancelToken*) override {
    TRY(m_directory->replace(k_version_file, k_version));
    TRY(m_directory->replace(k_archive_manifest_file, m_top));
    m_directory->commit();
    // The image that was here before is gone; what cannot be removed of it does no harm.
    for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(m_directory->directory())))
      if (entry.name.starts_with("signature-") ||
          (is_content_name(entry.name) && !m_kept.contains(entry.name)))
        (void)posix::unlink_at(m_directory->directory(), entry.name);
    return {};
  }

private:
  void keep(const std::string& name) {
    const std::lock_guard lock(m_mutex);
    m_kept.insert(name);
  }

  std::unique_ptr<DirectoryWriter> m_directory;
  std::string m_top;
  std::mutex m_mutex;
  std::set<std::string> m_kept;
};

}  // namespace

Result<std::unique_ptr<ImageDestination>> open_directory_destination(const std::string& path) {
  auto directory = TRY(DirectoryWriter::open(path));
  TRY(check_directory(directory->directory(), path));
  return std::make_unique<DirectoryDestination>(std::move(directory));
}

}  // namespace ecrin::oci
