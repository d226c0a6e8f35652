// Images in files: OCI layout directories (image-spec image-layout.md), oci-archive (the same as a tar) and
// docker-archive (docker save). Import copies and checks blobs into the store and records the images; export
// writes files that skopeo, podman, buildah, umoci and docker read. Output bytes are deterministic.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "oci/image_store.hpp"

namespace ecrin::oci {

/// What becomes of an image index: kept with all its images that are there, or cut to one platform's image.
enum class Indexes { platform, whole };

struct ImportOptions {
  std::string reference;  // which image of the file; "" = the only one, or all with `all`
  bool all = false;
  Indexes indexes = Indexes::platform;
  Platform platform = Platform::host();  // chosen from an index
  std::vector<Reference> names;          // given instead of the file's own names
  bool keep_names = true;                // record the names that the file gives
};
/// Directory with oci-layout, or a file: oci-archive or docker-archive, gzip or zstd or plain; found by
/// content.
Result<std::vector<ImageRecord>> import_images(ImageStore& store, const std::string& path,
                                               const ImportOptions& options);

enum class ArchiveFormat { oci_directory, oci_archive, docker_archive };
struct ExportItem {
  Digest manifest;  // of an index: all images of it that are in the store; a docker-archive gets the host's
  std::vector<Reference> names;
};
/// `path` "-" writes an archive to standard output.
Result<> export_images(ImageStore& store, const std::vector<ExportItem>& images, ArchiveFormat format,
                       const std::string& path);

}  // namespace ecrin::oci
