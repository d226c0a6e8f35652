#include "oci/registry/registry_destination.hpp"

#include "oci/copy_image.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_mount_tries = 5;

// Checks what passes: a registry refuses wrong bytes too, but cannot say whose fault they are. Tells the
// observer how far it is.
class CheckedSource final : public Source {
public:
  CheckedSource(std::unique_ptr<Source> source, const Descriptor& descriptor, std::uint64_t offset,
                CopyObserver* observer)
      : m_source(std::move(source)),
        m_descriptor(descriptor),
        m_hasher(descriptor.digest.algorithm()),
        m_whole(offset == 0),
        m_position(offset),
        m_observer(observer) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const std::size_t count = TRY(m_source->read(buffer));
    m_position += count;
    if (m_position > m_descriptor.size)
      return fail(ErrorKind::invalid, "the blob {} has more than the {} bytes that its manifest says",
                  m_descriptor.digest.to_string(), m_descriptor.size);
    if (m_whole && !m_checked) TRY(check(std::span<const std::byte>(buffer).first(count)));
    if (m_observer && count > 0) m_observer->blob_progress(m_descriptor, m_position);
    return count;
  }

private:
  // Before the last bytes are given away, so that a registry never sees the whole of a wrong blob.
  Result<> check(std::span<const std::byte> bytes) {
    m_hasher.update(bytes);
    if (m_position < m_descriptor.size) return {};
    m_checked = true;
    if (m_hasher.finish_hex() == m_descriptor.digest.hex()) return {};
    return fail(ErrorKind::invalid, "the bytes of the blob {} do not have that digest",
                m_descriptor.digest.to_string());
  }

  std::unique_ptr<Source> m_source;
  const Descriptor& m_descriptor;
  Hasher m_hasher;
  bool m_whole;
  bool m_checked = false;
  std::uint64_t m_position;
  CopyObserver* m_observer;
};

}  // namespace

RegistryDestination::RegistryDestination(RegistryClient& client, ManifestName manifest,
                                         RegistryDestinationOptions options)
    : m_client(client), m_manifest(std::move(manifest)), m_options(std::move(options)) {}

std::string RegistryDestination::name() const {
  return m_client.name_of(m_manifest);
}

Result<Presence> RegistryDestination::find_blob(const Descriptor& descriptor, const CancelToken* cancel) {
  if (TRY(m_client.has_blob(descriptor.digest, cancel, Access::push)) == Presence::present)
    return Presence::present;
  if (!m_options.mount_candidates) return Presence::absent;
  std::size_t tries = 0;
  for (const std::string& repository : m_options.mount_candidates(descriptor.digest)) {
    if (repository == m_client.repository()) continue;
    if (++tries > k_mount_tries) break;
    if (TRY(m_client.mount_blob(descriptor.digest, repository, cancel)) == Presence::present)
      return Presence::present;
  }
  return Presence::absent;
}

Result<> RegistryDestination::put_blob(const Descriptor& descriptor, const BlobOpener& open,
                                       const BlobContext& context, const CancelToken* cancel) {
  const BlobOpener checked = [&](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
    return std::make_unique<CheckedSource>(TRY(open(offset)), descriptor, offset, context.observer);
  };
  return m_client.upload_blob(descriptor.digest, descriptor.size, checked, cancel);
}

Result<> RegistryDestination::put_manifest(const RawManifest& manifest, Place place,
                                           const CancelToken* cancel) {
  if (place == Place::child)
    return m_client.put_manifest(manifest, {.tag = "", .digest = manifest.digest}, cancel);
  if (m_manifest.digest && *m_manifest.digest != manifest.digest)
    return fail(ErrorKind::invalid, "the image has the digest {}: it cannot be written as '{}'",
                manifest.digest.to_string(), name());
  m_top = manifest;
  return {};
}

Result<> RegistryDestination::commit(const CancelToken* cancel) {
  if (!m_top) return {};
  TRY(m_client.put_manifest(*m_top, m_manifest, cancel));
  m_top.reset();
  return {};
}

}  // namespace ecrin::oci
