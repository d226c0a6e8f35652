// What a user may write for an image, and which one that is. Internal to oci/: functions over the tables of
// ImageStore, called inside its transactions.
#pragma once

#include <string>

#include "base/database.hpp"
#include "oci/image_store.hpp"

namespace ecrin::oci {

Result<ImageRecord> read_record(Database& database, const Digest& manifest);
Result<std::vector<Digest>> referrers_of(Database& database, const Digest& subject);

/// The manifest that `name_or_id` means: a full name, a short one, name@digest, then an ID or a part of one.
Result<Digest> look_up_image(Database& database, const std::string& name_or_id);

}  // namespace ecrin::oci
