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

}  // namespace ecrin::cli
