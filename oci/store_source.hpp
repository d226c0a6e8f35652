// The store as source of a copy.
#pragma once

#include <memory>
#include <string>

#include "oci/image_source.hpp"
#include "oci/image_store.hpp"

namespace ecrin::oci {

/// `name_or_id` as ImageStore::find_any takes it: an image, an index or an artifact. not_found when there is
/// no such image.
Result<std::unique_ptr<ImageSource>> open_store_source(ImageStore& images, const std::string& name_or_id);

}  // namespace ecrin::oci
