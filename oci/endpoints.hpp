// From names to the two ends of a copy.
#pragma once

#include <functional>
#include <memory>

#include "oci/containers_storage.hpp"
#include "oci/image_destination.hpp"
#include "oci/image_store.hpp"
#include "oci/transport_name.hpp"

namespace ecrin::oci {

/// What names are opened with; must outlive what is opened.
struct EndpointContext {
  ImageStore& images;
  Platform platform = Platform::host();
  ContainersTools tools;
  /// Images in registries; `name` is what follows "docker://".
  std::function<Result<std::unique_ptr<ImageSource>>(const std::string& name)> registry_source;
  std::function<Result<std::unique_ptr<ImageDestination>>(const std::string& name)> registry_destination;
};

/// not_found when there is no such image. Archives may be packed and may come from a pipe ("-").
Result<std::unique_ptr<ImageSource>> open_source(const TransportName& name, const EndpointContext& context);
Result<std::unique_ptr<ImageDestination>> open_destination(const TransportName& name,
                                                           const EndpointContext& context);

}  // namespace ecrin::oci
