#include "oci/store_destination.hpp"

namespace ecrin::oci {

namespace {

class StoreDestination final : public ImageDestination {
public:
  StoreDestination(ImageStore& images, std::vector<Reference> names, Role role)
      : m_images(images), m_names(std::move(names)), m_role(role) {}

  std::string name() const override { return "the store"; }

  Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken*) override {
    return TRY(m_images.blobs().has(descriptor)) ? Presence::present : Presence::absent;
  }

  Result<std::optional<std::string>> read_blob(const Descriptor& descriptor, std::uint64_t limit) override {
    return TRY(m_images.blobs().read(descriptor, limit));
  }

  Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext&,
                    const CancelToken* cancel) override {
    TRY(m_images.blobs().download(descriptor, open, nullptr, cancel));
    return {};
  }

  Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken*) override {
    const Descriptor descriptor = manifest.descriptor();
    MemorySource source{manifest.bytes};
    TRY(m_images.blobs().put(descriptor, source));
    if (place == Place::top)
      m_top = descriptor;
    else
      m_children.push_back(descriptor);
    return {};
  }

  Result<> commit() override {
    // A row in the database must never name a blob that a power cut can still take away.
    TRY(m_images.blobs().sync());
    for (const Descriptor& child : m_children) TRY(m_images.add_any(child, {}, Role::part));
    if (m_role == Role::own || !media_type::is_index(m_top.media_type))
      TRY(m_images.add_any(m_top, m_names, m_role));
    return {};
  }

private:
  ImageStore& m_images;
  std::vector<Reference> m_names;
  Role m_role;  // of the top one
  std::vector<Descriptor> m_children;
  Descriptor m_top;
};

}  // namespace

std::unique_ptr<ImageDestination> make_store_destination(ImageStore& images, std::vector<Reference> names) {
  return std::make_unique<StoreDestination>(images, std::move(names), Role::own);
}

std::unique_ptr<ImageDestination> make_parts_destination(ImageStore& images) {
  return std::make_unique<StoreDestination>(images, std::vector<Reference>{}, Role::part);
}

}  // namespace ecrin::oci
