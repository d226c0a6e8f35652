// The image that a container is made of: found or pulled, taken back to a step of its build, and unpacked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/workshop.hpp"
#include "cli/arguments.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

struct ChosenImage {
  oci::Image image;
  oci::Digest manifest;  // of the whole image
  std::vector<fs::Layer> layers;
};
/// `words` may name a step. `arguments` say how an image that is missing is pulled.
Result<ChosenImage> choose_image(Session& session, const std::string& words,
                                 const std::optional<oci::Platform>& platform, const Arguments& arguments);

/// Programs of the image shall be started, and those for the platform that was asked for. An error says what
/// is missing for them on this host.
Result<> support_programs(Session& session, const oci::ImageConfig& image,
                          const std::optional<oci::Platform>& platform);

}  // namespace ecrin::cli
