// What the verbs that make one image out of another have in common: names, time stamp, the end.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "oci/mutate.hpp"

namespace ecrin::cli {

/// --tag and --timestamp, and the verb's own flags after them.
std::vector<Flag> edit_flags(std::vector<Flag> own);

struct EditTarget {
  std::vector<oci::Reference> names;
  std::string created;  // RFC 3339
};
/// The project's rule for time stamps: --timestamp, SOURCE_DATE_EPOCH, else 0.
Result<EditTarget> edit_target(Session& session, const Arguments& arguments);

/// Records the image and prints its ID.
Outcome finish_edit(oci::ImageStore& images, const oci::NewImage& image, const EditTarget& target);

/// An image of the store, loaded.
Result<oci::Image> open_image(oci::ImageStore& images, const std::string& words);

}  // namespace ecrin::cli
