// ImageStore: which images there are and what they are called. Tables `images` (one row a manifest) and
// `names` in the store's database; content is in the BlobStore. An image without a name is "dangling": it
// stays until rmi or prune.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/store.hpp"
#include "oci/blob_store.hpp"
#include "oci/image_config.hpp"
#include "oci/image_manifest.hpp"
#include "oci/reference.hpp"

namespace ecrin::oci {

/// An immutable view of one image: parsed values and the raw bytes that have the digests.
struct Image {
  Descriptor manifest_descriptor;
  std::string manifest_bytes;
  ImageManifest manifest;
  std::string config_bytes;
  ImageConfig config;
  ImageId id() const { return {manifest.config.digest}; }
};

struct ImageRecord {
  Digest manifest;
  ImageId id;
  std::int64_t created = 0;        // seconds, from the config
  std::int64_t added = 0;          // seconds, when it came into the store
  std::uint64_t size = 0;          // bytes of its layers as stored in the manifest
  std::vector<std::string> names;  // full names with tag, sorted
};

class ImageStore {
public:
  static Result<std::unique_ptr<ImageStore>> open(Store& store, BlobStore& blobs);

  /// Checks manifest and config against each other (diff ID count and layer count, digests, sizes) and
  /// records the image; gives it `names` (full references), taking them from whatever had them. One
  /// transaction.
  Result<ImageRecord> add(const Descriptor& manifest, const std::vector<Reference>& names);
  /// By name, full or short, by ID or a unique prefix of an ID (>= 3 digits), by "sha256:..." of config or
  /// manifest. not_found says what was looked for; an ambiguous prefix is an error. Holds it for this
  /// process.
  Result<ImageRecord> find(const std::string& name_or_id);
  Result<Image> load(const Digest& manifest);
  Result<std::vector<ImageRecord>> list();  // newest first
  Result<> tag(const Digest& manifest, const Reference& name);
  /// Removes one name; the image stays.
  Result<> untag(const Reference& name);
  /// Removes the image and all its names. Its content goes with the next prune, or at once by build/garbage.
  Result<> remove(const Digest& manifest);
  BlobStore& blobs() { return m_blobs; }

private:
  ImageStore(Store& store, BlobStore& blobs);
  Store& m_store;
  BlobStore& m_blobs;
};

}  // namespace ecrin::oci
