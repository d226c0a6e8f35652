#include "cli/build_platforms.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/index_edit.hpp"

namespace ecrin::cli {
namespace {

Result<std::vector<oci::Descriptor>> entries_of(oci::ImageStore& images,
                                                const std::vector<PlatformImage>& built) {
  std::vector<oci::Descriptor> entries;
  for (const PlatformImage& one : built) {
    const oci::Image image = TRY(images.load(one.manifest));
    oci::Descriptor entry = image.manifest_descriptor;
    entry.platform = image.config.platform;
    entries.push_back(std::move(entry));
  }
  return entries;
}

// The image for a platform is the one that was built last. What says more than a platform (an entry for
// another version of the system, an attestation) is not meant.
void put_entry(oci::ImageIndex& index, const oci::Descriptor& entry) {
  std::erase_if(index.manifests, [&](const oci::Descriptor& other) {
    return other.digest != entry.digest && other.platform == entry.platform && other.artifact_type.empty();
  });
  index.set(entry);
}

std::string directory_name(const oci::Platform& platform) {
  std::string name = platform.to_string();
  std::ranges::replace(name, '/', '_');
  return name;
}

}  // namespace

Result<> check_holds_all(const build::OutputSpec& output) {
  using Type = build::OutputSpec::Type;
  if (output.type != Type::docker_archive && output.type != Type::tar) return {};
  return std::unexpected(
      Error(ErrorKind::invalid,
            fmt::format("the output '{}' holds one image, and this build makes one for each platform",
                        printable(output.destination)))
          .hint("type=oci-archive and type=oci-dir hold an index; type=local has a directory for each "
                "platform"));
}

Result<oci::ImageRecord> make_index(oci::ImageStore& images, const std::vector<PlatformImage>& built,
                                    const std::vector<oci::Reference>& names) {
  oci::ImageIndex index;
  index.media_type = oci::media_type::k_index;
  for (const oci::Descriptor& entry : TRY(entries_of(images, built))) index.set(entry);
  return images.add_index(TRY(store_index(images, index)), names);
}

Result<oci::ImageRecord> add_to_index(oci::ImageStore& images, const oci::Reference& name,
                                      const std::vector<PlatformImage>& built) {
  const std::vector<oci::Descriptor> entries = TRY(entries_of(images, built));
  return create_or_edit_index(images, name, [&](oci::ImageIndex& index) -> Result<> {
    for (const oci::Descriptor& entry : entries) put_entry(index, entry);
    return {};
  });
}

Result<> write_index_output(build::Workshop& workshop, const oci::Digest& index,
                            const std::vector<oci::Reference>& names, const std::vector<PlatformImage>& built,
                            const build::OutputSpec& output, const CancelToken& cancel) {
  if (output.type != build::OutputSpec::Type::local)
    return build::write_output(workshop, index, names, output, cancel);
  for (const PlatformImage& one : built) {
    build::OutputSpec part = output;
    part.destination += "/" + directory_name(one.platform);
    TRY(build::write_output(workshop, one.manifest, {}, part, cancel));
  }
  return {};
}

}  // namespace ecrin::cli
