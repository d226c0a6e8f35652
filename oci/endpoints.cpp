#include "oci/endpoints.hpp"

#include "base/text.hpp"
#include "oci/file_destinations.hpp"
#include "oci/file_sources.hpp"
#include "oci/image_files.hpp"
#include "oci/store_destination.hpp"
#include "oci/store_source.hpp"

namespace ecrin::oci {

namespace {

Result<std::unique_ptr<ImageSource>> open_files_source(const TransportName& name,
                                                       const EndpointContext& context) {
  auto files = TRY(open_image_files(context.images.blobs().store(), name.path));
  if (name.transport == Transport::directory) return open_directory_source(std::move(files));
  const ImageChoice choice{.reference = name.reference, .platform = context.platform};
  auto images =
      TRY(name.transport == Transport::docker_archive ? open_docker_archive_images(std::move(files), choice)
                                                      : open_layout_images(std::move(files), choice));
  return std::move(images.front().source);
}

Result<std::unique_ptr<ImageDestination>> open_in_store(const std::string& text, ImageStore& images) {
  const Reference name = TRY(Reference::parse(text));
  if (name.digest)
    return fail(ErrorKind::invalid, "a new name cannot have a digest: '{}'", printable(text, 300));
  return std::make_unique<StoreDestination>(images,
                                            std::vector{name.with_local_registry().with_default_tag()});
}

// A collection for one image.
Result<std::unique_ptr<ImageDestination>> called(std::unique_ptr<ImageCollection> collection,
                                                 const std::string& reference) {
  if (!reference.empty()) TRY(collection->call_next({reference}));
  return collection;
}

std::unexpected<Error> no_registries(const TransportName& name) {
  return fail(ErrorKind::unsupported, "'{}' is in a registry, and this command has none", name.to_string());
}

}  // namespace

Result<std::unique_ptr<ImageSource>> open_source(const TransportName& name, const EndpointContext& context) {
  switch (name.transport) {
    case Transport::store:
      return open_store_source(context.images, name.reference);
    case Transport::registry:
      return context.registry_source ? context.registry_source(name.reference) : no_registries(name);
    case Transport::containers_storage:
      return open_containers_storage_source(context.images.blobs().store(), context.tools, name.reference);
    case Transport::layout:
    case Transport::layout_archive:
    case Transport::docker_archive:
    case Transport::directory:
      break;
  }
  return open_files_source(name, context);
}

Result<std::unique_ptr<ImageDestination>> open_destination(const TransportName& name,
                                                           const EndpointContext& context) {
  Store& store = context.images.blobs().store();
  switch (name.transport) {
    case Transport::store:
      break;
    case Transport::registry:
      return context.registry_destination ? context.registry_destination(name.reference)
                                          : no_registries(name);
    case Transport::layout:
      return called(TRY(open_layout_destination(name.path, RefName::as_given)), name.reference);
    case Transport::layout_archive:
      return called(TRY(open_layout_archive_destination(name.path)), name.reference);
    case Transport::docker_archive:
      return called(TRY(open_docker_archive_destination(name.path, TRY(store.temporary()))), name.reference);
    case Transport::directory:
      return open_directory_destination(name.path);
    case Transport::containers_storage:
      return open_containers_storage_destination(store, context.tools, name.reference);
  }
  return open_in_store(name.reference, context.images);
}

}  // namespace ecrin::oci
