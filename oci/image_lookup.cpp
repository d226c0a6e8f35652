#include "oci/image_lookup.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_least_id_digits = 3;

Result<std::optional<Digest>> first_digest(Statement statement) {
  if (TRY(statement.step()) != Statement::Step::row) return std::nullopt;
  return TRY(Digest::parse(statement.text(0)));
}

Result<std::optional<Digest>> by_name(Database& database, const std::string& name) {
  auto select = TRY(database.prepare("SELECT manifest FROM names WHERE name = ?"));
  select.bind(1, name);
  return first_digest(std::move(select));
}

Result<std::optional<Digest>> by_manifest(Database& database, const Digest& digest) {
  auto select = TRY(database.prepare("SELECT manifest FROM images WHERE manifest = ?"));
  select.bind(1, digest.to_string());
  return first_digest(std::move(select));
}

// One image ID may have several manifests (compressed and not): they are one image, the newest stands for it.
Result<std::optional<Digest>> by_id_prefix(Database& database, std::string_view hex,
                                           const std::string& given) {
  // GLOB with a fixed prefix uses the index; the prefix is hexadecimal, so that it holds no pattern.
  auto select =
      TRY(database.prepare("SELECT config, manifest FROM images WHERE config GLOB ? OR config GLOB ? ORDER "
                           "BY added DESC, manifest"));
  select.bind(1, fmt::format("sha256:{}*", hex)).bind(2, fmt::format("sha512:{}*", hex));
  std::optional<Digest> found;
  std::string config;
  while (TRY(select.step()) == Statement::Step::row) {
    if (!found) {
      config = select.text(0);
      found = TRY(Digest::parse(select.text(1)));
    } else if (select.text(0) != config) {
      return fail(ErrorKind::conflict, "'{}' is ambiguous: several image IDs start with it",
                  printable(given));
    }
  }
  return found;
}

bool is_id_part(std::string_view text) {
  return text.size() >= k_least_id_digits && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<std::optional<Digest>> by_id(Database& database, const std::string& given) {
  std::string_view hex = given;
  const bool has_algorithm = hex.starts_with("sha256:") || hex.starts_with("sha512:");
  if (has_algorithm) {
    if (const Result<Digest> digest = Digest::parse(given))
      if (const auto manifest = TRY(by_manifest(database, *digest))) return manifest;
    hex.remove_prefix(7);
  }
  if (!is_id_part(hex)) return std::nullopt;
  return by_id_prefix(database, hex, given);
}

// The forms in which people write a recorded name.
std::vector<std::string> spellings(const std::string& name) {
  std::vector<std::string> forms = {name};
  for (const std::string_view prefix : {"localhost/", "docker.io/library/", "docker.io/"})
    if (name.starts_with(prefix)) forms.push_back(name.substr(prefix.size()));
  const std::size_t count = forms.size();
  for (std::size_t i = 0; i < count; ++i)
    if (forms[i].ends_with(":latest")) forms.push_back(forms[i].substr(0, forms[i].size() - 7));
  return forms;
}

Result<std::string> nearest_name(Database& database, const std::string& given) {
  auto select = TRY(database.prepare("SELECT name FROM names ORDER BY name LIMIT 1000"));
  std::vector<std::string> forms;
  while (TRY(select.step()) == Statement::Step::row)
    for (std::string& form : spellings(select.text(0))) forms.push_back(std::move(form));
  const std::vector<std::string_view> candidates(forms.begin(), forms.end());
  return nearest(given, candidates);
}

}  // namespace

const char* to_string(ImageKind kind) {
  return kind == ImageKind::index ? "index" : kind == ImageKind::artifact ? "artifact" : "image";
}

Result<RecordReader> RecordReader::open(Database& database) {
  // The images of an index are its size: it has no layers of its own.
  auto record = TRY(database.prepare(
      "SELECT config, created, added, size, kind, media_type, manifest_size, artifact_type, subject, part, "
      "EXISTS (SELECT 1 FROM index_entries WHERE child = images.manifest), "
      "(SELECT CAST(total(child.size) AS INTEGER) FROM index_entries JOIN images AS child ON child.manifest "
      "= index_entries.child "
      "WHERE parent = images.manifest) FROM images WHERE manifest = ?"));
  auto names = TRY(database.prepare("SELECT name FROM names WHERE manifest = ? ORDER BY name"));
  auto entries = TRY(database.prepare("SELECT child FROM index_entries WHERE parent = ? ORDER BY child"));
  return RecordReader(std::move(record), std::move(names), std::move(entries));
}

Result<ImageRecord> RecordReader::read(const Digest& manifest) {
  ImageRecord record;
  const std::string digest = manifest.to_string();
  m_record.bind(1, digest);
  if (TRY(m_record.step()) != Statement::Step::row)
    return fail(ErrorKind::not_found, "no image with the manifest {} in the store", digest);
  record.manifest = manifest;
  record.id = {TRY(Digest::parse(m_record.text(0)))};
  record.created = m_record.integer(1);
  record.added = m_record.integer(2);
  const std::string kind = m_record.text(4);
  if (kind == to_string(ImageKind::index)) record.kind = ImageKind::index;
  if (kind == to_string(ImageKind::artifact)) record.kind = ImageKind::artifact;
  record.size = static_cast<std::uint64_t>(m_record.integer(record.kind == ImageKind::index ? 11 : 3));
  record.media_type = m_record.text(5);
  record.manifest_size = static_cast<std::uint64_t>(m_record.integer(6));
  record.artifact_type = m_record.text(7);
  if (!m_record.is_null(8)) record.subject = TRY(Digest::parse(m_record.text(8)));
  record.part = m_record.integer(9) != 0;
  record.listed = m_record.integer(10) != 0;
  m_names.bind(1, digest);
  while (TRY(m_names.step()) == Statement::Step::row) record.names.push_back(m_names.text(0));
  if (record.kind != ImageKind::index) return record;
  m_entries.bind(1, digest);
  while (TRY(m_entries.step()) == Statement::Step::row)
    record.entries.push_back(TRY(Digest::parse(m_entries.text(0))));
  return record;
}

Result<ImageRecord> read_record(Database& database, const Digest& manifest) {
  return TRY(RecordReader::open(database)).read(manifest);
}

std::string_view last_word(std::string_view name) {
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  return name.substr(0, name.find_first_of(":@"));
}

Result<std::vector<Digest>> referrers_of(Database& database, const Digest& subject) {
  auto select = TRY(database.prepare("SELECT manifest FROM images WHERE subject = ? ORDER BY manifest"));
  select.bind(1, subject.to_string());
  std::vector<Digest> digests;
  while (TRY(select.step()) == Statement::Step::row) digests.push_back(TRY(Digest::parse(select.text(0))));
  return digests;
}

Result<Digest> look_up_image(Database& database, const std::string& name_or_id) {
  const Result<Reference> reference = Reference::parse(name_or_id);
  if (name_or_id.starts_with("sha256:") || name_or_id.starts_with("sha512:")) {
    // Also a name by the grammar ("sha256" with a tag), but no name may stand in for a digest.
    if (auto manifest = TRY(by_id(database, name_or_id))) return *manifest;
  }
  if (reference && reference->digest) {
    // The digest alone says what it is; the name before it is a note to the reader.
    if (auto manifest = TRY(by_manifest(database, *reference->digest))) return *manifest;
  } else if (reference) {
    for (const Reference& candidate : local_candidates(reference->with_default_tag()))
      if (auto manifest = TRY(by_name(database, candidate.to_string()))) return *manifest;
  }
  if (auto manifest = TRY(by_id(database, name_or_id))) return *manifest;
  const bool is_id =
      is_id_part(name_or_id) || name_or_id.starts_with("sha256:") || name_or_id.starts_with("sha512:");
  if (!reference && !is_id) return std::unexpected(reference.error());
  Error error(ErrorKind::not_found, fmt::format("no image '{}' in the store", printable(name_or_id, 300)));
  const std::string near = TRY(nearest_name(database, name_or_id));
  if (near.empty()) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).hint(fmt::format("did you mean '{}'?", printable(near))));
}

}  // namespace ecrin::oci
