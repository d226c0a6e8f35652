#include "oci/store_destination.hpp"

namespace ecrin::oci {

Result<Presence> StoreDestination::find_blob(const Descriptor& descriptor, const CancelToken*) {
  return TRY(m_images.blobs().has(descriptor)) ? Presence::present : Presence::absent;
}

Result<std::optional<std::string>> StoreDestination::read_blob(const Descriptor& descriptor,
                                                               std::uint64_t limit) {
  return TRY(m_images.blobs().read(descriptor, limit));
}

Result<> StoreDestination::put_blob(const Descriptor& descriptor, const BlobOpener& open,
                                    const BlobContext& context, const CancelToken* cancel) {
  if (context.file && TRY(m_images.blobs().adopt(descriptor, *context.file))) return {};
  TRY(m_images.blobs().download(descriptor, open, nullptr, cancel));
  return {};
}

Result<> StoreDestination::put_manifest(const RawManifest& manifest, Place place, const CancelToken*) {
  const Descriptor descriptor = manifest.descriptor();
  MemorySource source{manifest.bytes};
  TRY(m_images.blobs().put(descriptor, source));
  if (place == Place::top)
    m_tops.push_back({descriptor, std::move(m_names)});
  else
    m_children.push_back(descriptor);
  return {};
}

Result<> StoreDestination::commit(const CancelToken*) {
  // A row in the database must never name a blob that a power cut can still take away.
  TRY(m_images.blobs().sync());
  for (const Descriptor& child : m_children) TRY(m_images.add_any(child, {}, Role::part));
  for (const NamedImage& top : m_tops) {
    // Of an index that only brings parts, the parts are what is wanted.
    if (m_role == Role::part && media_type::is_index(top.manifest.media_type)) continue;
    m_records.push_back(TRY(m_images.add_any(top.manifest, top.names, m_role)));
  }
  return {};
}

std::unique_ptr<ImageDestination> make_parts_destination(ImageStore& images) {
  return std::make_unique<StoreDestination>(images, std::vector<Reference>{}, Role::part);
}

}  // namespace ecrin::oci
