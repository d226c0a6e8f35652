#include "oci/image_store.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.hpp"
#include "oci/image_load.hpp"
#include "oci/image_lookup.hpp"

namespace ecrin::oci {

namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"(
CREATE TABLE images (
  manifest TEXT PRIMARY KEY,       -- digest
  media_type TEXT NOT NULL,        -- of the manifest
  manifest_size INTEGER NOT NULL,
  config TEXT NOT NULL,            -- digest: the image ID
  size INTEGER NOT NULL,           -- of all layers, as stored
  created INTEGER NOT NULL,
  added INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX images_config ON images (config);
CREATE TABLE names (
  name TEXT PRIMARY KEY,
  manifest TEXT NOT NULL REFERENCES images (manifest) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX names_manifest ON names (manifest);
)"};

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<std::uint64_t> layers_size(const ImageManifest& manifest) {
  std::uint64_t total = 0;
  for (const Descriptor& layer : manifest.layers) {
    if (layer.size > static_cast<std::uint64_t>(INT64_MAX) - total)
      return fail(ErrorKind::invalid, "the layers' sizes add up to more than any disk holds");
    total += layer.size;
  }
  return total;
}

BlobReader reader(BlobStore& blobs) {
  return
      [&blobs](const Descriptor& descriptor, std::uint64_t limit) { return blobs.read(descriptor, limit); };
}

// What is recorded: with registry and tag. A name by digest alone is recorded when it is the manifest's own.
Result<std::string> recorded_name(const Reference& name, const Digest& manifest) {
  Reference full = name.with_default_tag();
  if (full.registry.empty())
    return fail(ErrorKind::invalid, "image name '{}' has no registry", printable(name.to_string()));
  if (full.digest && *full.digest != manifest)
    return fail(ErrorKind::invalid, "image name '{}' has another digest than the manifest {}",
                printable(name.to_string()), manifest.to_string());
  if (!full.tag.empty()) full.digest.reset();
  return full.to_string();
}

Result<> set_name(Database& database, const std::string& name, const Digest& manifest) {
  auto statement =
      TRY(database.prepare("INSERT INTO names (name, manifest) VALUES (?, ?) "
                           "ON CONFLICT (name) DO UPDATE SET manifest = excluded.manifest"));
  return statement.bind(1, name).bind(2, manifest.to_string()).run();
}

}  // namespace

ImageStore::ImageStore(Store& store, BlobStore& blobs) : m_store(store), m_blobs(blobs) {}

Result<std::unique_ptr<ImageStore>> ImageStore::open(Store& store, BlobStore& blobs) {
  TRY(store.database().migrate("images", k_schema));
  return std::unique_ptr<ImageStore>(new ImageStore(store, blobs));
}

Result<ImageRecord> ImageStore::add(const Descriptor& manifest, const std::vector<Reference>& names) {
  // All reading and checking comes before the transaction: writers of other processes wait while it is open.
  const Image image = TRY(load_image(reader(m_blobs), manifest));
  const std::uint64_t size = TRY(layers_size(image.manifest));
  std::vector<std::string> full_names;
  for (const Reference& name : names) full_names.push_back(TRY(recorded_name(name, manifest.digest)));
  // A date that cannot be read is no reason to refuse an image: it only sorts the list.
  const std::int64_t created = parse_time(image.config.created).value_or(0);

  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  TRY(m_store.hold("image", manifest.digest.to_string()));
  auto insert = TRY(database.prepare(
      "INSERT INTO images (manifest, media_type, manifest_size, config, size, created, added) "
      "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (manifest) DO NOTHING"));
  TRY(insert.bind(1, manifest.digest.to_string())
          .bind(2, manifest.media_type)
          .bind(3, static_cast<std::int64_t>(manifest.size))
          .bind(4, image.id().digest.to_string())
          .bind(5, static_cast<std::int64_t>(size))
          .bind(6, created)
          .bind(7, now())
          .run());
  for (const std::string& name : full_names) TRY(set_name(database, name, manifest.digest));
  ImageRecord record = TRY(read_record(database, manifest.digest));
  TRY(transaction.commit());
  return record;
}

Result<ImageRecord> ImageStore::find(const std::string& name_or_id) {
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  const Digest manifest = TRY(look_up_image(database, name_or_id));
  TRY(m_store.hold("image", manifest.to_string()));
  ImageRecord record = TRY(read_record(database, manifest));
  TRY(transaction.commit());
  return record;
}

Result<Image> ImageStore::load(const Digest& manifest) {
  Descriptor descriptor;
  descriptor.digest = manifest;
  {
    Database& database = m_store.database();
    auto transaction = TRY(database.begin());
    auto select = TRY(database.prepare("SELECT media_type, manifest_size FROM images WHERE manifest = ?"));
    select.bind(1, manifest.to_string());
    if (TRY(select.step()) != Statement::Step::row)
      return fail(ErrorKind::not_found, "no image with the manifest {} in the store", manifest.to_string());
    descriptor.media_type = select.text(0);
    descriptor.size = static_cast<std::uint64_t>(select.integer(1));
    TRY(m_store.hold("image", manifest.to_string()));
    TRY(transaction.commit());
  }
  return load_image(reader(m_blobs), descriptor);
}

Result<std::vector<ImageRecord>> ImageStore::list() {
  Database& database = m_store.database();
  const auto lock = database.lock();
  std::vector<ImageRecord> records;
  auto select = TRY(
      database.prepare("SELECT manifest FROM images ORDER BY created DESC, added DESC, config, manifest"));
  while (TRY(select.step()) == Statement::Step::row) {
    const Digest manifest = TRY(Digest::parse(select.text(0)));
    // Another process may remove it between the two statements.
    Result<ImageRecord> record = read_record(database, manifest);
    if (record)
      records.push_back(std::move(*record));
    else if (record.error().kind() != ErrorKind::not_found)
      return std::unexpected(std::move(record).error());
  }
  return records;
}

Result<> ImageStore::tag(const Digest& manifest, const Reference& name) {
  const std::string full_name = TRY(recorded_name(name, manifest));
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  TRY(read_record(database, manifest));
  TRY(set_name(database, full_name, manifest));
  return transaction.commit();
}

Result<> ImageStore::untag(const Reference& name) {
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  for (const Reference& candidate : local_candidates(name.with_default_tag())) {
    auto erase = TRY(database.prepare("DELETE FROM names WHERE name = ?"));
    TRY(erase.bind(1, candidate.to_string()).run());
    if (database.changes() > 0) return transaction.commit();
  }
  return fail(ErrorKind::not_found, "no image name '{}' in the store", printable(name.to_string()));
}

Result<> ImageStore::remove(const Digest& manifest) {
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  auto names = TRY(database.prepare("DELETE FROM names WHERE manifest = ?"));
  TRY(names.bind(1, manifest.to_string()).run());
  auto erase = TRY(database.prepare("DELETE FROM images WHERE manifest = ?"));
  TRY(erase.bind(1, manifest.to_string()).run());
  if (database.changes() == 0)
    return fail(ErrorKind::not_found, "no image with the manifest {} in the store", manifest.to_string());
  return transaction.commit();
}

}  // namespace ecrin::oci
