#include "oci/registry/registry_source.hpp"

namespace ecrin::oci {

RegistrySource::RegistrySource(RegistryClient& client, ManifestName manifest)
    : m_client(client), m_manifest(std::move(manifest)) {}

std::string RegistrySource::name() const {
  return m_client.name_of(m_manifest);
}

Result<RawManifest> RegistrySource::manifest(const std::optional<Descriptor>& instance,
                                             const CancelToken* cancel) {
  if (!instance) return m_client.get_manifest(m_manifest, cancel);
  RawManifest manifest = TRY(m_client.get_manifest({.tag = "", .digest = instance->digest}, cancel));
  if (manifest.bytes.size() != instance->size)
    return fail(ErrorKind::invalid, "the manifest {} has {} bytes, but its index says {}",
                instance->digest.to_string(), manifest.bytes.size(), instance->size);
  return manifest;
}

Result<std::unique_ptr<Source>> RegistrySource::blob(const Descriptor& descriptor, std::uint64_t offset,
                                                     const CancelToken* cancel) {
  return m_client.open_blob(descriptor.digest, descriptor.size, offset, cancel);
}

}  // namespace ecrin::oci
