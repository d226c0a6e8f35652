#include "build/pull.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "build/unpacking_destination.hpp"

namespace ecrin::build {

namespace {

// Builds name their images so when no registry is given: no registry has them.
bool is_of_this_store(const oci::Reference& name) {
  return name.registry == "localhost";
}

// An ID that happens to read like a name is none.
bool is_called(const oci::ImageRecord& record, const oci::Reference& name) {
  if (name.digest) return true;
  const auto candidates = oci::local_candidates(name.with_default_tag());
  return std::any_of(candidates.begin(), candidates.end(), [&](const oci::Reference& candidate) {
    return std::find(record.names.begin(), record.names.end(), candidate.to_string()) != record.names.end();
  });
}

// The full name that the words have in this store: pulling it again must not move to another registry.
oci::Reference name_here(const oci::ImageRecord& record, const oci::Reference& name) {
  for (const oci::Reference& candidate : oci::local_candidates(name.with_default_tag())) {
    if (std::find(record.names.begin(), record.names.end(), candidate.to_string()) != record.names.end())
      return candidate;
  }
  return name;
}

// Of an index the image for another platform is another image. An image that is alone is taken for what it
// is, as docker does: its files are of use on any platform.
std::optional<oci::ImageRecord> find_alone(oci::ImageStore& images, const std::string& name) {
  auto any = images.find_any(name);
  if (!any || any->kind != oci::ImageKind::image) return std::nullopt;
  return std::move(*any);
}

}  // namespace

Result<PullPolicy> parse_pull_policy(std::string_view word) {
  if (word == "missing" || word == "ifnotpresent" || word == "IfNotPresent") return PullPolicy::missing;
  if (word == "always" || word == "true" || word == "Always") return PullPolicy::always;
  if (word == "never" || word == "false" || word == "Never") return PullPolicy::never;
  if (word == "newer" || word == "ifnewer") return PullPolicy::newer;
  return std::unexpected(Error(ErrorKind::invalid, fmt::format("'{}' is no pull policy", printable(word)))
                             .hint("the policies are missing, always, never and newer"));
}

Result<oci::ImageRecord> pull_image(Workshop& workshop, oci::RegistryImages& registries,
                                    const oci::Reference& name, const PullOptions& options,
                                    oci::CopyObserver& observer, const CancelToken* cancel) {
  const oci::RegistryImages::Found found =
      TRY_WHILE(registries.find(name, cancel), "pulling '{}'", name.to_string());
  oci::ImageStore& images = workshop.images();
  // A digest names the index. When only one of its images is wanted, the document stays all the same, so that
  // the name is found again.
  const bool keeps_index =
      found.name.digest && oci::media_type::is_index(found.top.media_type) && !options.all_platforms;
  std::vector<oci::Reference> names;
  if (!keeps_index) names.push_back(found.name);
  const auto destination = make_unpacking_destination(workshop, std::move(names));
  oci::CopyOptions copy;
  copy.all = options.all_platforms;
  copy.platform = options.platform;
  copy.jobs = options.jobs;
  const oci::RawManifest copied =
      TRY_WHILE(oci::copy_image(*found.source, *destination, copy, observer, cancel), "pulling '{}'",
                found.name.to_string());
  if (keeps_index) {
    const oci::Descriptor index = found.top.descriptor();
    MemorySource bytes{found.top.bytes};
    TRY(images.blobs().put(index, bytes));
    TRY(images.blobs().sync());
    TRY(images.add_index(index, {found.name}));
  }
  return destination->recorded(copied.digest);
}

Result<oci::ImageRecord> obtain_image(Workshop& workshop, oci::RegistryImages& registries,
                                      const std::string& name_or_id, const PullOptions& options,
                                      oci::CopyObserver& observer, const CancelToken* cancel) {
  oci::ImageStore& images = workshop.images();
  auto here = images.find(name_or_id, options.platform);
  if (!here && here.error().kind() != ErrorKind::not_found) return here;
  const auto name = oci::Reference::parse(name_or_id);
  if (!here) {
    const auto alone = find_alone(images, name_or_id);
    const bool is_digest = name_or_id.starts_with("sha256:") || name_or_id.starts_with("sha512:");
    const bool may_pull = options.policy != PullPolicy::never && name && !is_digest &&
                          (!alone || is_called(*alone, *name)) &&
                          !is_of_this_store(alone ? name_here(*alone, *name) : *name);
    if (may_pull) return pull_image(workshop, registries, *name, options, observer, cancel);
    if (alone) return *alone;
    return here;
  }
  const bool may_pull = options.policy == PullPolicy::always || options.policy == PullPolicy::newer;
  if (!may_pull || !name || is_of_this_store(*name)) return here;
  const oci::ImageRecord any = TRY(images.find_any(name_or_id));
  if (!is_called(any, *name)) return here;
  const oci::Reference full = name_here(any, *name);
  if (is_of_this_store(full)) return here;
  if (options.policy == PullPolicy::newer) {
    const auto digest = registries.current_digest(full, cancel);
    if (!digest && digest.error().kind() == ErrorKind::cancelled) return std::unexpected(digest.error());
    if (!digest) log::warning("cannot ask for a newer '{}': {}", full.to_string(), digest.error().message());
    if (!digest || *digest == any.manifest) return here;
  }
  return pull_image(workshop, registries, full, options, observer, cancel);
}

}  // namespace ecrin::build
