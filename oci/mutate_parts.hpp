// What the files of oci/mutate share.
#pragma once

#include <string>
#include <vector>

#include "oci/mutate.hpp"

namespace ecrin::oci {

std::string variable_name(const std::string& line);
/// The whole line; nullptr when there is none.
const std::string* find_variable(const std::vector<std::string>& env, const std::string& name);
/// In the place of an earlier one, else at the end.
void set_variable(std::vector<std::string>& env, const std::string& name, const std::string& value);
void erase_variable(std::vector<std::string>& env, const std::string& name);

NewImage unchanged(const Image& image);
/// The documents of an image with this config, and the manifest's layers and annotations. `original` gives
/// the config's members that we do not know.
Result<NewImage> assemble(const Image& original, const ImageConfig& config, ImageManifest manifest);

}  // namespace ecrin::oci
