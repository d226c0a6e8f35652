// ImageFiles: the files of an image on disk by name, whether they lie in a directory or in a tar archive.
// Internal to oci/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "oci/blob_store.hpp"

namespace ecrin::oci {

class ImageFiles {
public:
  struct File {
    std::uint64_t size = 0;
    std::unique_ptr<Source> source;
  };

  explicit ImageFiles(std::string path) : m_path(std::move(path)) {}
  virtual ~ImageFiles() = default;
  /// The bytes of a file from `offset` on (`size` is that of the whole file). Empty when there is no such
  /// file. Safe from any thread.
  virtual Result<std::optional<File>> open(const std::string& name, std::uint64_t offset = 0) = 0;
  const std::string& path() const { return m_path; }  // for messages

private:
  std::string m_path;
};

/// A directory, or an archive: plain, gzip or zstd; a pipe and a compressed archive are first written to the
/// store's temporary directory, because members are read in any order. "-" is standard input.
Result<std::unique_ptr<ImageFiles>> open_image_files(Store& store, const std::string& path);

/// A whole small file; not_found when it is not there, ErrorKind::limit when it is larger.
Result<std::string> read_image_file(ImageFiles& files, const std::string& name, std::uint64_t limit);
inline constexpr std::uint64_t k_image_file_limit = 4u << 20;  // index.json and manifest.json
inline constexpr std::size_t k_layout_entry_limit = 10'000;    // of an index.json

inline constexpr const char* k_layout_file = "oci-layout";
inline constexpr const char* k_index_file = "index.json";
inline constexpr const char* k_archive_manifest_file = "manifest.json";

/// A source that opens the file when it is first read: a blob that the store has need not be opened.
std::unique_ptr<Source> lazy_source(ImageFiles& files, std::string name);

}  // namespace ecrin::oci
