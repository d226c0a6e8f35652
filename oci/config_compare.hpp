// compare_configs: in which settings two images differ. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oci/image_store.hpp"

namespace ecrin::oci {

struct ConfigDifference {
  std::string setting;                // "env", "cmd", "user" ...
  std::string name;                   // of the variable, the label; "" = the setting has none
  std::optional<std::string> before;  // lists of words as a shell would take them; none: not set
  std::optional<std::string> after;
};
/// In a fixed order. What says who made the image and when (author, times, history) counts; layers do not.
std::vector<ConfigDifference> compare_configs(const Image& before, const Image& after);

}  // namespace ecrin::oci
