// The store as destination of a copy. Blobs are downloaded into it (see BlobStore::download), so that what
// came before a failure is there for the next try; images and names appear with commit().
#pragma once

#include <memory>
#include <vector>

#include "oci/image_destination.hpp"
#include "oci/image_store.hpp"

namespace ecrin::oci {

class StoreDestination : public ImageDestination {
public:
  /// `names`: what the image is called in the store; none: it is dangling.
  StoreDestination(ImageStore& images, std::vector<Reference> names, Role role = Role::own)
      : m_images(images), m_names(std::move(names)), m_role(role) {}
  /// For several images: what the one that comes next is called.
  void call_next(std::vector<Reference> names) { m_names = std::move(names); }

  std::string name() const override { return "the store"; }
  Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken* cancel) override;
  Result<std::optional<std::string>> read_blob(const Descriptor& descriptor, std::uint64_t limit) override;
  Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext& context,
                    const CancelToken* cancel) override;
  Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken* cancel) override;
  Result<> commit(const CancelToken* cancel) override;
  /// After commit(): the images, as they came.
  std::vector<ImageRecord>& records() { return m_records; }

private:
  struct NamedImage {
    Descriptor manifest;
    std::vector<Reference> names;
  };
  ImageStore& m_images;
  std::vector<Reference> m_names;  // of the next image
  Role m_role;                     // of the images, not of what an index among them lists
  std::vector<Descriptor> m_children;
  std::vector<NamedImage> m_tops;
  std::vector<ImageRecord> m_records;
};

/// For images that an index of the store is about to list: they come as parts, without names. Of an index
/// that is copied only the images are recorded, not the index itself: its bytes are what copy_image()
/// returns.
std::unique_ptr<ImageDestination> make_parts_destination(ImageStore& images);

}  // namespace ecrin::oci
