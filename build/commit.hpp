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
  oci::ImageManifest manifest;        // without its config's descriptor
  std::vector<ConfigPointer> states;  // after each entry of the history that is not the base's
  std::vector<std::string> keys;      // of the same: ImageStates
};
/// What the history of an image says of one of its steps.
struct HistoryStep {
  std::string text;
  std::optional<fs::Layer> layer;  // sealed
  ConfigPointer after;
  std::string key = "";  // in the build cache
};
/// Pure. Steps on a base (nullptr: none) with the last config.
Result<ImageParts> assemble_image(const ImagePointer& base, oci::ImageConfig config,
                                  const std::vector<HistoryStep>& steps, const BuildTime& time);
/// Pure: the same steps, layers and times give the same bytes.
Result<ImageParts> make_image(const Plan& plan, const std::vector<CommittedStep>& steps,
                              const BuildTime& time, const ImageSettings& settings = {});

/// What of the image says a secret, where one does: "the variable 'TOKEN'".
struct SpokenSecret {
  std::string id;
  std::string place;
};
std::optional<SpokenSecret> find_secret(const ImageParts& parts, const GuardedSecrets& secrets);

/// Writes blobs, makes layers and blobs durable, then records the image with its names and its steps.
Result<oci::ImageRecord> store_image(Workshop& workshop, ImageParts parts, const ImagePointer& base,
                                     const std::vector<oci::Reference>& names, Squash squash,
                                     const CancelToken& cancel, oci::Role role = oci::Role::own);
/// The image of a build.
Result<oci::ImageRecord> commit_image(Session& session, const std::vector<CommittedStep>& steps);

}  // namespace ecrin::build
