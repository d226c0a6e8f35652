// ImageStore: which images there are and what they are called. Tables `images` (one row a manifest),
// `index_entries` and `names` in the store's database; content is in the BlobStore, with the raw bytes of
// every document.
//
// A name means one of three things: an image, an index (kept whole; the images that it lists may be here or
// not), or an artifact (a manifest that is no image: stored and passed on, never run). What has no name is
// "dangling" and stays until rmi or prune, unless an index that stays lists it or it refers to an image that
// stays.
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
/// The same of an index.
struct StoredIndex {
  Descriptor descriptor;
  std::string bytes;
  ImageIndex index;
};
/// The same of an artifact; its config and layers are blobs that only its owner understands.
struct Artifact {
  Descriptor descriptor;
  std::string bytes;
  ImageManifest manifest;
};

enum class ImageKind { image, index, artifact };
const char* to_string(ImageKind kind);

struct ImageRecord {
  Digest manifest;
  ImageId id;                // of an index or artifact: the digest of its document
  std::int64_t created = 0;  // seconds, from the config or an annotation
  std::int64_t added = 0;    // seconds, when it came into the store
  std::uint64_t size = 0;    // bytes of its layers as stored in the manifest; of an index: of its images
  std::vector<std::string> names;  // full names with tag, sorted
  ImageKind kind = ImageKind::image;
  std::string media_type;  // of the document
  std::uint64_t manifest_size = 0;
  std::string artifact_type;      // of an artifact
  std::optional<Digest> subject;  // what it refers to, as a signature does
  std::vector<Digest> entries;    // of an index: what it lists, here or not
  bool listed = false;            // by an index in this store
  bool part = false;              // came only as a part of an index or image, and goes with it
  Descriptor descriptor() const { return {media_type, manifest, manifest_size}; }
};

/// Did the user ask for it, or did it come with something else?
enum class Role { own, part };

class ImageStore {
public:
  static Result<std::unique_ptr<ImageStore>> open(Store& store, BlobStore& blobs);

  /// Checks manifest and config against each other (diff ID count and layer count, digests, sizes) and
  /// records the image; gives it `names` (full references), taking them from whatever had them. One
  /// transaction.
  Result<ImageRecord> add(const Descriptor& manifest, const std::vector<Reference>& names,
                          Role role = Role::own);
  /// Records an index whose bytes are a blob. The images that are here were added before, as parts.
  Result<ImageRecord> add_index(const Descriptor& index, const std::vector<Reference>& names,
                                Role role = Role::own);
  /// The same under a name that means nothing yet; conflict when it does.
  Result<ImageRecord> add_new_index(const Descriptor& index, const Reference& name);
  /// Records a manifest that is no image; its config and layers must be blobs.
  Result<ImageRecord> add_artifact(const Descriptor& manifest, const std::vector<Reference>& names,
                                   Role role = Role::own);
  /// Whichever of the three it is.
  Result<ImageRecord> add_any(const Descriptor& document, const std::vector<Reference>& names,
                              Role role = Role::own);
  /// An index was edited: `index` takes all names of `old`, which is forgotten. not_found when somebody
  /// else has edited it meanwhile: look it up again.
  Result<ImageRecord> replace_index(const Digest& old, const Descriptor& index);

  /// An image. By name, full or short, by ID or a unique prefix of an ID (>= 3 digits), by "sha256:..." of
  /// config or manifest. Of an index it is the image for this machine. not_found says what was looked for; an
  /// ambiguous prefix is an error. Holds it for this process.
  Result<ImageRecord> find(const std::string& name_or_id);
  /// The same for another platform. An image that is for none that `platform` accepts is not_found too; the
  /// error says which there are.
  Result<ImageRecord> find(const std::string& name_or_id, const Platform& platform);
  struct Loaded {
    ImageRecord record;
    Image image;
  };
  /// The same, and all of it: cheaper than load() afterwards.
  Result<Loaded> find_and_load(const std::string& name_or_id, const Platform& platform);
  /// Whatever the name means, of any kind.
  Result<ImageRecord> find_any(const std::string& name_or_id);

  Result<Image> load(const Digest& manifest);
  Result<StoredIndex> load_index(const Digest& index);
  Result<Artifact> load_artifact(const Digest& manifest);
  Result<std::vector<ImageRecord>> list();  // images, newest first
  Result<std::vector<ImageRecord>> list_all();
  /// Those that have a name with the same last word as this one, "debian" of "docker.io/library/debian:12":
  /// all whose name somebody may mean who writes this one or the end of it.
  Result<std::vector<ImageRecord>> list_called(const std::string& name);
  /// What refers to this manifest (signatures, attestations ...).
  Result<std::vector<ImageRecord>> referrers(const Digest& subject);

  Result<> tag(const Digest& manifest, const Reference& name);
  /// Removes one name; the image stays.
  Result<> untag(const Reference& name);
  /// Removes it and all its names, with the parts that nothing else has. Content goes with the next prune, or
  /// at once by build/garbage.
  Result<> remove(const Digest& manifest);
  BlobStore& blobs() { return m_blobs; }

private:
  ImageStore(Store& store, BlobStore& blobs);
  enum class Taken { replaced, refused };  // names that mean something
  Result<ImageRecord> record(const ImageRecord& facts, const std::vector<std::string>& names,
                             Taken taken = Taken::replaced);
  Result<Descriptor> descriptor_of(const Digest& manifest, ImageKind kind);
  Result<Image> load_held(const Descriptor& manifest);
  Result<ImageRecord> choose(const ImageRecord& index, const std::string& name, const Platform& platform);
  Result<std::vector<ImageRecord>> list_where(std::string_view condition, const std::string& value);
  Store& m_store;
  BlobStore& m_blobs;
};

}  // namespace ecrin::oci
