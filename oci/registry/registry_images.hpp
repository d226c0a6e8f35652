// RegistryImages: images in registries by the names that users write: short names, mirrors, credentials and
// certificates are dealt with here, and what comes out is a source or a destination of a copy.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oci/image_destination.hpp"
#include "oci/image_source.hpp"
#include "oci/registry/http.hpp"
#include "oci/registry/registry_access.hpp"
#include "oci/registry/registry_destination.hpp"

namespace ecrin::oci {

class RegistryImages {
public:
  RegistryImages(std::unique_ptr<HttpTransport> transport, RegistryAccess access);

  struct Found {
    Reference name;   // full, with tag or digest: what the image is called in the store
    RawManifest top;  // manifest or index
    std::unique_ptr<ImageSource> source;
  };
  /// The first that has it: of the full names that a short one may mean, of the mirrors of each. A mirror
  /// that fails is passed over, also later when it lacks a blob. not_found when none has it.
  Result<Found> find(const Reference& name, const CancelToken* cancel);
  /// The digest that the name has now, without reading the manifest where the registry allows that.
  Result<Digest> current_digest(const Reference& name, const CancelToken* cancel);
  Result<std::vector<std::string>> list_tags(const Reference& name, const CancelToken* cancel);

  /// What refers to the manifest or index that the name means now.
  Result<std::vector<Descriptor>> list_referrers(const Reference& name, const std::string& artifact_type,
                                                 const CancelToken* cancel);

  /// Deletes the manifest or index that a full name means now, at the registry itself, with all of its tags
  /// there. Returns its digest.
  Result<Digest> remove(const Reference& name, const CancelToken* cancel);

  /// A full name.
  Result<std::unique_ptr<ImageDestination>> destination(const Reference& name,
                                                        RegistryDestinationOptions options,
                                                        const CancelToken* cancel);

  const RegistryAccess& access() const { return m_access; }
  HttpTransport& transport() { return *m_transport; }

private:
  std::unique_ptr<HttpTransport> m_transport;
  RegistryAccess m_access;
};

}  // namespace ecrin::oci
