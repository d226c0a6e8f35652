#include "oci/image_load.hpp"

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

// Is this the manifest of an image that can run, and not of some other artifact?
Result<> check_media_types(const ImageManifest& manifest) {
  const std::string& config = manifest.config.media_type;
  if (!media_type::is_image_config(config))
    return fail(ErrorKind::unsupported, "not a container image: its config has the media type '{}'", config);
  for (std::size_t i = 0; i < manifest.layers.size(); ++i)
    if (!media_type::is_layer(manifest.layers[i].media_type))
      return fail(ErrorKind::unsupported, "layer {} has the media type '{}', which is no known layer", i + 1,
                  manifest.layers[i].media_type);
  return {};
}

Result<> check_image(const ImageManifest& manifest, const ImageConfig& config) {
  TRY(check_media_types(manifest));
  // Surplus ones on either side would make a layer that is listed but never unpacked, or the other way round.
  if (manifest.layers.size() != config.diff_ids.size())
    return fail(ErrorKind::invalid, "the manifest lists {} layers, but the image config has {} diff IDs",
                manifest.layers.size(), config.diff_ids.size());
  return {};
}

}  // namespace

Result<Image> load_image(const BlobReader& read, const Descriptor& descriptor) {
  const std::string name = descriptor.digest.to_string();
  if (!media_type::is_manifest(descriptor.media_type))
    return fail(ErrorKind::invalid, "image manifest {}: its descriptor has the media type '{}'", name,
                descriptor.media_type);
  Image image;
  image.manifest_descriptor = descriptor;
  image.manifest_bytes = TRY_WHILE(read(descriptor, k_manifest_limit), "reading the image manifest");
  image.manifest = TRY(ImageManifest::parse(image.manifest_bytes, fmt::format("image manifest {}", name)));
  if (image.manifest.media_type != descriptor.media_type)
    return fail(ErrorKind::invalid, "image manifest {} says that it is '{}', but its descriptor says '{}'",
                name, image.manifest.media_type, descriptor.media_type);
  TRY_WHILE(check_media_types(image.manifest), "checking image {}", name);
  image.config_bytes = TRY_WHILE(read(image.manifest.config, k_config_limit), "reading the image config");
  const std::string config_name = image.manifest.config.digest.to_string();
  image.config = TRY(ImageConfig::parse(image.config_bytes, fmt::format("image config {}", config_name)));
  TRY_WHILE(check_image(image.manifest, image.config), "checking image {}", name);
  return image;
}

}  // namespace ecrin::oci
