// Images as they were after one of the steps in their history: IMAGE@3. The layers say what the tree was;
// what the settings were is written down when an image is built here, and which results of the build cache
// its steps are. Table `image_steps`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/database.hpp"
#include "build/image_state.hpp"
#include "oci/image_store.hpp"

namespace ecrin::build {

/// Makes the table; Workshop::open() does it.
Result<> migrate_image_steps(Database& database);

/// `states`: the config after each of the history's entries that a build added on `base` ("" = none), with
/// `base_entries` before them. States that are known stay, and those that are more than could be read again
/// are not kept.
struct ImageStates {
  std::string base;  // ID
  std::size_t base_entries = 0;
  std::vector<ConfigPointer> states;
  std::vector<std::string> keys = {};  // of the same entries in the build cache; "" = none
};
Result<> record_states(Database& database, const std::string& image_id, const ImageStates& states);
/// Rows of images that are gone, but for those that a remaining image was built on: they say what its first
/// entries were.
Result<> forget_states(Database& database, const std::vector<std::string>& remaining_ids);

/// Which row of the build cache each entry of the image's history is; "" = none, or not known. Empty: nothing
/// is known of this image.
Result<std::vector<std::string>> step_keys(Database& database, const oci::Image& image);

/// The image after the first `step` entries of its history, as if it ended there.
struct ImageAtStep {
  oci::Image image;
  bool settings_known = false;  // if not, they are those of the whole image
};
Result<ImageAtStep> image_at_step(Database& database, const oci::Image& image, std::size_t step);

}  // namespace ecrin::build
