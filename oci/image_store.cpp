#include "oci/image_store.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/store_sync.hpp"
#include "base/text.hpp"
#include "oci/image_load.hpp"
#include "oci/image_lookup.hpp"

namespace ecrin::oci {

namespace {

constexpr std::array<std::string_view, 3> k_schema = {
    R"(
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
)",
    R"(
ALTER TABLE images ADD COLUMN kind TEXT NOT NULL DEFAULT 'image';  -- image, index, artifact
ALTER TABLE images ADD COLUMN artifact_type TEXT NOT NULL DEFAULT '';
ALTER TABLE images ADD COLUMN subject TEXT;                        -- digest of what it refers to
ALTER TABLE images ADD COLUMN part INTEGER NOT NULL DEFAULT 0;     -- came with something else
CREATE INDEX images_subject ON images (subject) WHERE subject IS NOT NULL;
CREATE TABLE index_entries (
  parent TEXT NOT NULL REFERENCES images (manifest) ON DELETE CASCADE,
  child TEXT NOT NULL,             -- digest; there may be no such image in the store
  PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX index_entries_child ON index_entries (child);
)",
    R"(
ALTER TABLE names ADD COLUMN word TEXT NOT NULL DEFAULT '';  -- the last one of the repository: last_word()
UPDATE names SET word = replace(name, rtrim(name, replace(name, '/', '')), '');
UPDATE names SET word = substr(word, 1, instr(word || '@', '@') - 1);
UPDATE names SET word = substr(word, 1, instr(word || ':', ':') - 1);
CREATE INDEX names_word ON names (word);
)"};

constexpr const char* k_created = "org.opencontainers.image.created";

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// What is known of every document; the rest follows from its content.
ImageRecord facts_of(const Descriptor& document, Role role) {
  ImageRecord facts;
  facts.manifest = document.digest;
  facts.id = {document.digest};
  facts.media_type = document.media_type;
  facts.manifest_size = document.size;
  facts.part = role == Role::part;
  return facts;
}

std::int64_t created_in(const std::map<std::string, std::string>& annotations) {
  const auto found = annotations.find(k_created);
  return found == annotations.end() ? 0 : parse_time(found->second).value_or(0);
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
      TRY(database.prepare("INSERT INTO names (name, manifest, word) VALUES (?, ?, ?) "
                           "ON CONFLICT (name) DO UPDATE SET manifest = excluded.manifest"));
  return statement.bind(1, name).bind(2, manifest.to_string()).bind(3, last_word(name)).run();
}

Result<std::vector<std::string>> recorded_names(const std::vector<Reference>& names, const Digest& manifest) {
  std::vector<std::string> full_names;
  for (const Reference& name : names) full_names.push_back(TRY(recorded_name(name, manifest)));
  return full_names;
}

Result<StoredIndex> read_index(BlobStore& blobs, const Descriptor& descriptor) {
  const std::string what = fmt::format("image index {}", descriptor.digest.to_string());
  StoredIndex stored;
  stored.descriptor = descriptor;
  stored.bytes = TRY_WHILE(blobs.read(descriptor, k_manifest_limit), "reading {}", what);
  TRY(manifest_media_type(stored.bytes, descriptor.media_type, what));
  stored.index = TRY(ImageIndex::parse(stored.bytes, what));
  return stored;
}

Result<Artifact> read_artifact(BlobStore& blobs, const Descriptor& descriptor) {
  const std::string what = fmt::format("artifact {}", descriptor.digest.to_string());
  Artifact stored;
  stored.descriptor = descriptor;
  stored.bytes = TRY_WHILE(blobs.read(descriptor, k_manifest_limit), "reading {}", what);
  TRY(manifest_media_type(stored.bytes, descriptor.media_type, what));
  stored.manifest = TRY(ImageManifest::parse(stored.bytes, what));
  return stored;
}

Result<ImageRecord> index_facts(BlobStore& blobs, const Descriptor& descriptor, Role role) {
  const StoredIndex stored = TRY(read_index(blobs, descriptor));
  ImageRecord facts = facts_of(descriptor, role);
  facts.kind = ImageKind::index;
  facts.created = created_in(stored.index.annotations);
  if (stored.index.subject) facts.subject = stored.index.subject->digest;
  for (const Descriptor& entry : stored.index.manifests) facts.entries.push_back(entry.digest);
  return facts;
}

// Inside a transaction. What is there already stays; what came as a part and is now asked for is its own.
Result<> insert_record(Store& store, const ImageRecord& facts) {
  Database& database = store.database();
  TRY(store.hold("image", facts.manifest.to_string()));
  auto insert = TRY(database.prepare(
      "INSERT INTO images (manifest, media_type, manifest_size, config, size, created, added, kind, "
      "artifact_type, subject, part) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (manifest) DO UPDATE SET part = min(part, excluded.part)"));
  insert.bind(1, facts.manifest.to_string())
      .bind(2, facts.media_type)
      .bind(3, static_cast<std::int64_t>(facts.manifest_size))
      .bind(4, facts.id.digest.to_string())
      .bind(5, static_cast<std::int64_t>(facts.size))
      .bind(6, facts.created)
      .bind(7, now())
      .bind(8, to_string(facts.kind))
      .bind(9, facts.artifact_type)
      .bind(11, static_cast<std::int64_t>(facts.part));
  if (facts.subject)
    insert.bind(10, facts.subject->to_string());
  else
    insert.bind_null(10);
  TRY(insert.run());
  for (const Digest& entry : facts.entries) {
    auto add = TRY(database.prepare("INSERT OR IGNORE INTO index_entries (parent, child) VALUES (?, ?)"));
    TRY(add.bind(1, facts.manifest.to_string()).bind(2, entry.to_string()).run());
  }
  return {};
}

Result<> erase_record(Database& database, const Digest& manifest) {
  for (const char* sql : {"DELETE FROM names WHERE manifest = ?", "DELETE FROM images WHERE manifest = ?"}) {
    auto erase = TRY(database.prepare(sql));
    TRY(erase.bind(1, manifest.to_string()).run());
  }
  return {};
}

Result<> check_is_free(Database& database, const std::string& name) {
  auto select = TRY(database.prepare("SELECT 1 FROM names WHERE name = ?"));
  select.bind(1, name);
  if (TRY(select.step()) == Statement::Step::done) return {};
  return fail(ErrorKind::conflict, "there is an image '{}' already", name);
}

}  // namespace

ImageStore::ImageStore(Store& store, BlobStore& blobs) : m_store(store), m_blobs(blobs) {}

Result<std::unique_ptr<ImageStore>> ImageStore::open(Store& store, BlobStore& blobs) {
  TRY(store.database().migrate("images", k_schema));
  return std::unique_ptr<ImageStore>(new ImageStore(store, blobs));
}

Result<ImageRecord> ImageStore::record(const ImageRecord& facts, const std::vector<std::string>& names,
                                       Taken taken) {
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  if (taken == Taken::refused) {
    for (const std::string& name : names) TRY(check_is_free(database, name));
  }
  const auto before = read_record(database, facts.manifest);
  TRY(insert_record(m_store, facts));
  for (const std::string& name : names) TRY(set_name(database, name, facts.manifest));
  ImageRecord record = TRY(read_record(database, facts.manifest));
  TRY(transaction.commit());
  // Who is told that there is an image finds it after a power cut, too. Where nothing changed there is
  // nothing to wait for, and parts come before what they are parts of.
  const bool is_new = !before || before->names != record.names || before->part != record.part;
  if (is_new && !record.part) TRY(sync_database(m_store));
  return record;
}

Result<ImageRecord> ImageStore::add(const Descriptor& manifest, const std::vector<Reference>& names,
                                    Role role) {
  // All reading and checking comes before the transaction: writers of other processes wait while it is open.
  const Image image = TRY(load_image(reader(m_blobs), manifest));
  ImageRecord facts = facts_of(manifest, role);
  facts.id = image.id();
  facts.size = TRY(layers_size(image.manifest));
  // A date that cannot be read is no reason to refuse an image: it only sorts the list.
  facts.created = parse_time(image.config.created).value_or(0);
  if (image.manifest.subject) facts.subject = image.manifest.subject->digest;
  return record(facts, TRY(recorded_names(names, manifest.digest)));
}

Result<ImageRecord> ImageStore::add_artifact(const Descriptor& manifest, const std::vector<Reference>& names,
                                             Role role) {
  const Artifact artifact = TRY(read_artifact(m_blobs, manifest));
  std::vector<Descriptor> content = artifact.manifest.layers;
  content.push_back(artifact.manifest.config);
  for (const Descriptor& blob : content)
    if (TRY(m_blobs.size_of(blob.digest)) != blob.size)
      return fail(ErrorKind::not_found, "artifact {}: its blob {} is not in the store",
                  manifest.digest.to_string(), blob.digest.to_string());
  ImageRecord facts = facts_of(manifest, role);
  facts.kind = ImageKind::artifact;
  facts.size = TRY(layers_size(artifact.manifest));
  facts.created = created_in(artifact.manifest.annotations);
  facts.artifact_type = artifact.manifest.artifact_kind();
  if (artifact.manifest.subject) facts.subject = artifact.manifest.subject->digest;
  return record(facts, TRY(recorded_names(names, manifest.digest)));
}

Result<ImageRecord> ImageStore::add_index(const Descriptor& descriptor, const std::vector<Reference>& names,
                                          Role role) {
  const ImageRecord facts = TRY(index_facts(m_blobs, descriptor, role));
  return record(facts, TRY(recorded_names(names, descriptor.digest)));
}

Result<ImageRecord> ImageStore::add_new_index(const Descriptor& descriptor, const Reference& name) {
  const ImageRecord facts = TRY(index_facts(m_blobs, descriptor, Role::own));
  return record(facts, TRY(recorded_names({name}, descriptor.digest)), Taken::refused);
}

Result<ImageRecord> ImageStore::add_any(const Descriptor& document, const std::vector<Reference>& names,
                                        Role role) {
  if (media_type::is_index(document.media_type)) return add_index(document, names, role);
  const std::string bytes = TRY(m_blobs.read(document, k_manifest_limit));
  const auto manifest =
      TRY(ImageManifest::parse(bytes, fmt::format("manifest {}", document.digest.to_string())));
  return manifest.is_image() ? add(document, names, role) : add_artifact(document, names, role);
}

Result<ImageRecord> ImageStore::replace_index(const Digest& old, const Descriptor& descriptor) {
  const ImageRecord facts = TRY(index_facts(m_blobs, descriptor, Role::own));
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  const ImageRecord before = TRY(read_record(database, old));
  TRY(insert_record(m_store, facts));
  for (const std::string& name : before.names) TRY(set_name(database, name, descriptor.digest));
  if (old != descriptor.digest) TRY(erase_record(database, old));
  ImageRecord record = TRY(read_record(database, descriptor.digest));
  TRY(transaction.commit());
  return record;
}

Result<Descriptor> ImageStore::descriptor_of(const Digest& manifest, ImageKind kind) {
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  const ImageRecord record = TRY(read_record(database, manifest));
  if (record.kind != kind)
    return fail(ErrorKind::invalid, "{} is an {}, not an {}", manifest.to_string(), to_string(record.kind),
                to_string(kind));
  TRY(m_store.hold("image", manifest.to_string()));
  TRY(transaction.commit());
  return record.descriptor();
}

Result<Image> ImageStore::load(const Digest& manifest) {
  return load_held(TRY(descriptor_of(manifest, ImageKind::image)));
}

Result<Image> ImageStore::load_held(const Descriptor& manifest) {
  return load_image(reader(m_blobs), manifest);
}

Result<StoredIndex> ImageStore::load_index(const Digest& index) {
  return read_index(m_blobs, TRY(descriptor_of(index, ImageKind::index)));
}

Result<Artifact> ImageStore::load_artifact(const Digest& manifest) {
  return read_artifact(m_blobs, TRY(descriptor_of(manifest, ImageKind::artifact)));
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
  std::vector<Digest> going = {manifest};
  for (std::size_t next = 0; next < going.size(); ++next) {
    const ImageRecord record = TRY(read_record(database, going[next]));
    TRY(erase_record(database, record.manifest));
    // What came with it goes with it, unless something else still has it.
    std::vector<Digest> others = record.entries;
    for (const Digest& referrer : TRY(referrers_of(database, record.manifest))) others.push_back(referrer);
    for (const Digest& digest : others) {
      const auto other = read_record(database, digest);
      if (!other && other.error().kind() == ErrorKind::not_found) continue;
      if (!other) return std::unexpected(other.error());
      if (!other->part || other->listed || !other->names.empty()) continue;
      if (std::ranges::find(going, digest) == going.end()) going.push_back(digest);
    }
  }
  return transaction.commit();
}

}  // namespace ecrin::oci
