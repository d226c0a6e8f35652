// Pull: how an image that a verb or a recipe names comes into the store: from a registry, when the policy
// says so, unpacked while it is downloaded.
#pragma once

#include <string>
#include <string_view>

#include "build/workshop.hpp"
#include "oci/copy_image.hpp"
#include "oci/registry/registry_images.hpp"

namespace ecrin::build {

enum class PullPolicy {
  missing,  // when the store has no such image
  always,
  never,
  newer,  // when the registry has another one; what is in the store serves when the registry cannot be asked
};
/// As --pull and --policy have it; podman's other words ("ifnotpresent", "true", "false") too.
Result<PullPolicy> parse_pull_policy(std::string_view word);

struct PullOptions {
  oci::Platform platform = oci::Platform::host();
  bool all_platforms = false;  // an index whole
  PullPolicy policy = PullPolicy::missing;
  std::size_t jobs = 6;  // blobs at the same time
};

/// Always asks the registry; what the store has already is not downloaded again.
Result<oci::ImageRecord> pull_image(Workshop& workshop, oci::RegistryImages& registries,
                                    const oci::Reference& name, const PullOptions& options,
                                    oci::CopyObserver& observer, const CancelToken* cancel);

/// The image that `name_or_id` means, pulled when the policy says so.
Result<oci::ImageRecord> obtain_image(Workshop& workshop, oci::RegistryImages& registries,
                                      const std::string& name_or_id, const PullOptions& options,
                                      oci::CopyObserver& observer, const CancelToken* cancel);

}  // namespace ecrin::build
