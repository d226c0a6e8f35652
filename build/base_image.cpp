#include "build/base_image.hpp"

#include "base/text.hpp"
#include "oci/transport.hpp"

namespace ecrin::build {

Result<std::shared_ptr<const oci::Image>> import_layout(oci::ImageStore& images, const NamedContext& context,
                                                        const oci::Platform& platform) {
  if (const auto known = context.images->find(platform.to_string()); known != context.images->end())
    return known->second;
  oci::ImportOptions options;
  options.reference = context.source.reference;
  options.platform = platform;
  options.keep_names = false;
  const auto records = TRY_WHILE(oci::import_images(images, context.source.location, options),
                                 "opening the context '{}'", printable(context.name));
  if (records.empty()) {
    return fail(ErrorKind::not_found, "there is no image in '{}'", printable(context.source.location));
  }
  auto image = std::make_shared<const oci::Image>(TRY(images.load(records.front().manifest)));
  context.images->emplace(platform.to_string(), image);
  return image;
}

Result<std::shared_ptr<const oci::Image>> find_base_image(Workshop& workshop, const BuildOptions& options,
                                                          const std::string& name,
                                                          const oci::Platform& platform,
                                                          const CancelToken& cancel) {
  const NamedContext* context = find_named_context(options.named_contexts, name);
  if (context && context->source.kind == ContextSource::Kind::oci_layout)
    return import_layout(workshop.images(), *context, platform);
  if (context && !context->source.is_image()) return nullptr;
  const oci::ImageRecord record =
      TRY(options.obtain_image(context ? context->source.location : name, platform, cancel));
  return std::make_shared<const oci::Image>(TRY(workshop.images().load(record.manifest)));
}

}  // namespace ecrin::build
