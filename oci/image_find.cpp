// The part of ImageStore that looks things up: names, platforms, lists.
#include <set>

#include "base/text.hpp"
#include "oci/image_lookup.hpp"
#include "oci/image_store.hpp"

namespace ecrin::oci {

namespace {

// The entries of an index and of the indexes in it. An index that is not here stays an entry.
Result<> flatten(ImageStore& store, const Digest& index, int depth, std::set<Digest>& seen,
                 std::vector<Descriptor>& entries) {
  if (depth == k_index_depth_limit)
    return fail(ErrorKind::limit, "image indexes are nested more than {} deep", k_index_depth_limit);
  if (!seen.insert(index).second) return {};
  for (Descriptor& entry : TRY(store.load_index(index)).index.manifests) {
    if (media_type::is_index(entry.media_type)) {
      const auto nested = flatten(store, entry.digest, depth + 1, seen, entries);
      if (nested) continue;
      if (nested.error().kind() != ErrorKind::not_found) return nested;
    }
    entries.push_back(std::move(entry));
  }
  return {};
}

std::string platforms_of(const std::vector<Descriptor>& entries) {
  std::vector<std::string> names;
  for (const Descriptor& entry : entries)
    names.push_back(entry.platform ? printable(entry.platform->to_string(), 100) : entry.digest.to_string());
  return names.empty() ? "none" : join(names, ", ");
}

Result<> refuse_artifact(const ImageRecord& record, const std::string& name) {
  if (record.kind != ImageKind::artifact) return {};
  return fail(ErrorKind::invalid, "'{}' is an artifact of the type '{}', not an image", printable(name, 300),
              record.artifact_type);
}

}  // namespace

Result<ImageRecord> ImageStore::find_any(const std::string& name_or_id) {
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  const Digest manifest = TRY(look_up_image(database, name_or_id));
  TRY(m_store.hold("image", manifest.to_string()));
  ImageRecord record = TRY(read_record(database, manifest));
  TRY(transaction.commit());
  return record;
}

Result<ImageRecord> ImageStore::find(const std::string& name_or_id) {
  ImageRecord record = TRY(find_any(name_or_id));
  if (record.kind == ImageKind::index) return choose(record, name_or_id, Platform::host());
  TRY(refuse_artifact(record, name_or_id));
  return record;
}

Result<ImageRecord> ImageStore::find(const std::string& name_or_id, const Platform& platform) {
  return TRY(find_and_load(name_or_id, platform)).record;
}

Result<ImageStore::Loaded> ImageStore::find_and_load(const std::string& name_or_id,
                                                     const Platform& platform) {
  ImageRecord record = TRY(find_any(name_or_id));
  const bool is_index = record.kind == ImageKind::index;
  if (is_index) record = TRY(choose(record, name_or_id, platform));
  TRY(refuse_artifact(record, name_or_id));
  Image image = TRY(load_held(record.descriptor()));
  const Platform& offered = image.config.platform;
  if (!is_index && !platform.accepts(offered))
    return fail(ErrorKind::not_found, "'{}' is an image for {}, not for {}", printable(name_or_id, 300),
                printable(offered.to_string(), 100), platform.to_string());
  return Loaded{.record = std::move(record), .image = std::move(image)};
}

Result<ImageRecord> ImageStore::choose(const ImageRecord& index, const std::string& name,
                                       const Platform& platform) {
  std::vector<Descriptor> entries;
  std::set<Digest> seen;
  TRY_WHILE(flatten(*this, index.manifest, 0, seen, entries), "looking into the index '{}'", printable(name));
  std::vector<Descriptor> here;
  Database& database = m_store.database();
  for (const Descriptor& entry : entries) {
    const auto lock = database.lock();
    const auto record = read_record(database, entry.digest);
    if (record && record->kind == ImageKind::image) here.push_back(entry);
    if (!record && record.error().kind() != ErrorKind::not_found) return std::unexpected(record.error());
  }
  const auto chosen = select_platform(here, platform);
  if (chosen) {
    auto transaction = TRY(database.begin());
    ImageRecord record = TRY(read_record(database, chosen->digest));
    TRY(m_store.hold("image", chosen->digest.to_string()));
    TRY(transaction.commit());
    return record;
  }
  TRY_WHILE(select_platform(entries, platform), "looking into the index '{}'", printable(name));
  return std::unexpected(
      Error(ErrorKind::not_found,
            fmt::format("the index '{}' lists an image for {}, but it is not in the store; here are: {}",
                        printable(name, 300), platform.to_string(), platforms_of(here)))
          .hint(fmt::format("bring it in with --platform {}", platform.to_string())));
}

Result<std::vector<ImageRecord>> ImageStore::list_where(std::string_view condition,
                                                        const std::string& value) {
  Database& database = m_store.database();
  const auto lock = database.lock();
  std::vector<ImageRecord> records;
  RecordReader reader = TRY(RecordReader::open(database));
  auto select =
      TRY(database.prepare(fmt::format("SELECT manifest FROM images {} "
                                       "ORDER BY created DESC, added DESC, config, manifest",
                                       condition)));
  if (!value.empty()) select.bind(1, value);
  while (TRY(select.step()) == Statement::Step::row) {
    const Digest manifest = TRY(Digest::parse(select.text(0)));
    // Another process may remove it between the two statements.
    Result<ImageRecord> record = reader.read(manifest);
    if (record)
      records.push_back(std::move(*record));
    else if (record.error().kind() != ErrorKind::not_found)
      return std::unexpected(std::move(record).error());
  }
  return records;
}

Result<std::vector<ImageRecord>> ImageStore::list() {
  return list_where("WHERE kind = ?", to_string(ImageKind::image));
}

Result<std::vector<ImageRecord>> ImageStore::list_all() {
  return list_where("", "");
}

Result<std::vector<ImageRecord>> ImageStore::list_called(const std::string& name) {
  return list_where("WHERE manifest IN (SELECT manifest FROM names WHERE word = ?)",
                    std::string(last_word(name)));
}

Result<std::vector<ImageRecord>> ImageStore::referrers(const Digest& subject) {
  return list_where("WHERE subject = ?", subject.to_string());
}

}  // namespace ecrin::oci
