// RegistrySource: an image in a registry, as an ImageSource.
#pragma once

#include "oci/image_source.hpp"
#include "oci/registry/client.hpp"

namespace ecrin::oci {

class RegistrySource final : public ImageSource {
public:
  /// `client` must outlive it. `manifest` is what the image's name means there.
  RegistrySource(RegistryClient& client, ManifestName manifest);

  std::string name() const override;
  Result<RawManifest> manifest(const std::optional<Descriptor>& instance, const CancelToken* cancel) override;
  Result<std::unique_ptr<Source>> blob(const Descriptor& descriptor, std::uint64_t offset,
                                       const CancelToken* cancel) override;

private:
  RegistryClient& m_client;
  ManifestName m_manifest;
};

}  // namespace ecrin::oci
