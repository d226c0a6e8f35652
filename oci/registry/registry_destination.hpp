// RegistryDestination: a name in a registry, as an ImageDestination. Blobs and children go there as they
// come, where nobody sees them; the top manifest, which makes the name, waits for commit().
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "oci/image_destination.hpp"
#include "oci/registry/client.hpp"

namespace ecrin::oci {

struct RegistryDestinationOptions {
  /// Other repositories of the same registry that may have a blob: the best first. Those few are asked before
  /// bytes are sent.
  std::function<std::vector<std::string>(const Digest&)> mount_candidates;
};

class RegistryDestination final : public ImageDestination {
public:
  /// `client` must outlive it.
  RegistryDestination(RegistryClient& client, ManifestName manifest, RegistryDestinationOptions options = {});

  std::string name() const override;
  Result<Presence> find_blob(const Descriptor& descriptor, const CancelToken* cancel) override;
  Result<> put_blob(const Descriptor& descriptor, const BlobOpener& open, const BlobContext& context,
                    const CancelToken* cancel) override;
  Result<> put_manifest(const RawManifest& manifest, Place place, const CancelToken* cancel) override;
  Result<> commit(const CancelToken* cancel) override;

private:
  RegistryClient& m_client;
  ManifestName m_manifest;
  RegistryDestinationOptions m_options;
  std::optional<RawManifest> m_top;
};

}  // namespace ecrin::oci
