// What a user may write for an image, and which one that is. Internal to oci/: functions over the tables of
// ImageStore, called inside its transactions.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/database.hpp"
#include "oci/image_store.hpp"

namespace ecrin::oci {

/// Reads records, many with the same statements.
class RecordReader {
public:
  static Result<RecordReader> open(Database& database);
  /// not_found when there is none.
  Result<ImageRecord> read(const Digest& manifest);

private:
  RecordReader(Statement record, Statement names, Statement entries)
      : m_record(std::move(record)), m_names(std::move(names)), m_entries(std::move(entries)) {}
  Statement m_record;
  Statement m_names;
  Statement m_entries;
};
Result<ImageRecord> read_record(Database& database, const Digest& manifest);

/// "debian" of "docker.io/library/debian:12".
std::string_view last_word(std::string_view name);
Result<std::vector<Digest>> referrers_of(Database& database, const Digest& subject);

/// The manifest that `name_or_id` means: a full name, a short one, name@digest, then an ID or a part of one.
Result<Digest> look_up_image(Database& database, const std::string& name_or_id);

}  // namespace ecrin::oci
