// Commit: from the last step's config and the layers to an image in the store.
#pragma once

#include <string>
#include <vector>

#include "build/session.hpp"

namespace ecrin::build {

/// A step on the way from the base to the image, oldest first.
struct CommittedStep {
  const PreparedStep* step = nullptr;
  std::optional<fs::Layer> layer;  // sealed
};

struct ImageParts {
  oci::ImageConfig config;
  oci::ImageManifest manifest;           // without its config's descriptor
  std::vector<oci::ImageConfig> states;  // after each entry of the history that is not the base's
};
/// Pure: the same steps, layers and times give the same bytes.
Result<ImageParts> make_image(const Plan& plan, const std::vector<CommittedStep>& steps,
                              const BuildTime& time);

/// Writes blobs, makes layers and blobs durable, then records the image and its names.
Result<oci::ImageRecord> commit_image(Session& session, const std::vector<CommittedStep>& steps);

}  // namespace ecrin::build
