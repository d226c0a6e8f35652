// The formats behind import_images and export_images. Internal to oci/.
#pragma once

#include <string>
#include <vector>

#include "oci/archive_writer.hpp"
#include "oci/image_files.hpp"
#include "oci/transport.hpp"

namespace ecrin::oci {

inline constexpr const char* k_layout_file = "oci-layout";
inline constexpr const char* k_index_file = "index.json";
inline constexpr const char* k_archive_manifest_file = "manifest.json";
inline constexpr std::size_t k_layout_entry_limit = 10'000;  // of an index.json

/// An image of a file: its blobs are in the store, nothing names it yet.
struct ImportedImage {
  Descriptor manifest;            // or an index, or an artifact
  std::vector<Reference> names;   // that the file gives
  std::vector<Descriptor> parts;  // of an index: what it lists and the file has, inner ones first
};

Result<std::vector<ImportedImage>> import_layout(BlobStore& blobs, ImageFiles& files,
                                                 const ImportOptions& options);
Result<std::vector<ImportedImage>> import_docker_archive(BlobStore& blobs, ImageFiles& files,
                                                         const ImportOptions& options);

/// An image as a file lists it, before it is read.
struct Candidate {
  std::vector<std::string> labels;  // its names, as the file writes them
  std::vector<Reference> names;     // those that are full names
  std::vector<Digest> digests;      // by which it may be asked for
};
bool matches(const Candidate& candidate, const std::string& reference);
/// The error for several images where one is wanted.
std::unexpected<Error> ambiguous(const ImageFiles& files, const std::vector<Candidate>& candidates);
std::unexpected<Error> no_such_image(const ImageFiles& files, const std::string& reference,
                                     const std::vector<Candidate>& candidates);

/// What one name means, with everything of it that the store has.
struct ExportedImage {
  Descriptor descriptor;
  std::vector<Image> images;  // one, or those of an index
  std::vector<StoredIndex> indexes;
  std::vector<Artifact> artifacts;
  std::vector<Reference> names;  // sorted
};
Result<> export_layout_directory(BlobStore& blobs, const std::vector<ExportedImage>& images,
                                 const std::string& path);
Result<> write_layout_archive(BlobStore& blobs, const std::vector<ExportedImage>& images,
                              ArchiveWriter& writer);
Result<> write_docker_archive(BlobStore& blobs, const std::vector<ExportedImage>& images,
                              ArchiveWriter& writer);

}  // namespace ecrin::oci
