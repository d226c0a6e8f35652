#include "build/known_files.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "build/pattern.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_hex_size = 64;
constexpr std::int64_t k_tick = 2;

/// Another one when the file may have changed. As it stands in the database, which stays on its machine.
struct Stamp {
  std::int64_t size = 0;
  std::int64_t modified = 0;
  std::int64_t changed = 0;
  std::uint32_t modified_nanoseconds = 0;
  std::uint32_t changed_nanoseconds = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;

  bool operator==(const Stamp&) const = default;
  bool is_after(std::int64_t moment) const { return std::max(modified, changed) > moment; }
};
static_assert(std::has_unique_object_representations_v<Stamp>);

Stamp make_stamp(const SourceStatus& status) {
  return {.size = status.st_size,
          .modified = status.st_mtim.tv_sec,
          .changed = status.st_ctim.tv_sec,
          .modified_nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec),
          .changed_nanoseconds = static_cast<std::uint32_t>(status.st_ctim.tv_nsec),
          .inode = status.st_ino,
          .device = status.st_dev};
}

/// A file in a directory's rows: this, its name, and what there is to say besides the digest.
struct RowHead {
  Stamp stamp;
  std::array<unsigned char, k_hex_size / 2> digest = {};
  std::uint32_t name_size = 0;
  std::uint32_t more_size = 0;
};
static_assert(std::has_unique_object_representations_v<RowHead>);

struct Row {
  RowHead head;
  std::string_view name;
  std::string_view more;
  std::size_t end = 0;
};

/// The row at this place; none at the end, or where the database is damaged.
std::optional<Row> row_at(std::string_view rows, std::size_t position) {
  Row row;
  if (rows.size() - position < sizeof(RowHead)) return std::nullopt;
  std::memcpy(&row.head, rows.data() + position, sizeof(RowHead));
  const std::string_view rest = rows.substr(position + sizeof(RowHead));
  if (row.head.name_size > rest.size() || row.head.more_size > rest.size() - row.head.name_size)
    return std::nullopt;
  row.name = rest.substr(0, row.head.name_size);
  row.more = rest.substr(row.head.name_size, row.head.more_size);
  row.end = position + sizeof(RowHead) + row.head.name_size + row.head.more_size;
  return row;
}

void append_row(std::string& rows, RowHead head, std::string_view name, std::string_view more) {
  head.name_size = static_cast<std::uint32_t>(name.size());
  head.more_size = static_cast<std::uint32_t>(more.size());
  rows.append(reinterpret_cast<const char*>(&head), sizeof head);
  rows.append(name).append(more);
}

void append_hex(std::string& text, std::span<const unsigned char> bytes) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  for (const unsigned char byte : bytes) {
    text += k_digits[byte >> 4];
    text += k_digits[byte & 15];
  }
}

unsigned digit_value(char digit) {
  return static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void append_computed(std::string& rows, const KnownFiles::Computed& file, std::string_view name) {
  RowHead head{.stamp = make_stamp(file.entry->status)};
  const std::string_view digest = file.digest;
  for (std::size_t i = 0; i < head.digest.size(); ++i) {
    head.digest[i] =
        static_cast<unsigned char>(digit_value(digest[2 * i]) << 4 | digit_value(digest[2 * i + 1]));
  }
  append_row(rows, head, name, digest.substr(k_hex_size));
}

std::string_view directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool is_below(std::string_view path, std::string_view directory) {
  return directory.empty() ||
         (path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/');
}

}  // namespace

KnownFiles::KnownFiles(Database& database, std::string context, bool is_temporary)
    : m_database(database), m_context(std::move(context)), m_is_temporary(is_temporary) {}

Result<std::string> KnownFiles::rows_of(std::string_view directory) {
  if (const auto changed = m_changed.find(directory); changed != m_changed.end()) return changed->second;
  if (m_is_temporary) return "";
  if (!m_select) {
    m_select.emplace(
        TRY(m_database.prepare("SELECT files FROM build_directories WHERE context = ?1 AND directory = ?2")));
    m_select->bind(1, m_context);
  }
  m_select->bind(2, directory);
  if (TRY(m_select->step()) == Statement::Step::done) return "";
  return m_select->text(0);
}

Result<KnownFiles::Directory*> KnownFiles::enter(std::string_view path) {
  while (!m_entered.empty() && m_entered.back().path != path && !is_below(path, m_entered.back().path))
    m_entered.pop_back();
  if (m_entered.empty() || m_entered.back().path != path) {
    std::string rows = TRY(rows_of(path));
    m_entered.push_back({.path = std::string(path), .rows = std::move(rows)});
  }
  return &m_entered.back();
}

Result<bool> KnownFiles::append_digest(const SourceEntry& entry, std::string& text) {
  Directory& directory = *TRY(enter(directory_of(entry.path)));
  const std::string_view name = name_of(entry.path);
  // A walk comes to names in their order; who goes back begins anew.
  if (directory.position > 0 && row_at(directory.rows, directory.last)->name >= name) directory.position = 0;
  while (const auto row = row_at(directory.rows, directory.position)) {
    if (row->name > name) return false;
    directory.last = std::exchange(directory.position, row->end);
    if (row->name != name) continue;
    if (row->head.stamp != make_stamp(entry.status)) return false;
    append_hex(text, row->head.digest);
    text += row->more;
    return true;
  }
  return false;
}

Result<> KnownFiles::add(const std::vector<Computed>& files) {
  std::map<std::string_view, std::vector<const Computed*>> by_directory;
  for (const Computed& file : files) by_directory[directory_of(file.entry->path)].push_back(&file);
  m_entered.clear();
  for (auto& [directory, computed] : by_directory) {
    const auto name = [](const Computed* file) { return name_of(file->entry->path); };
    std::ranges::sort(computed, {}, name);
    const auto twice = std::ranges::unique(computed, {}, name);
    computed.erase(twice.begin(), twice.end());
    const std::string old = TRY(rows_of(directory));
    std::string rows;
    rows.reserve(old.size() + computed.size() * (sizeof(RowHead) + 32));
    std::size_t position = 0;
    auto next = computed.begin();
    while (const auto row = row_at(old, position)) {
      for (; next != computed.end() && name(*next) < row->name; ++next)
        append_computed(rows, **next, name(*next));
      const bool is_replaced = next != computed.end() && name(*next) == row->name;
      if (!is_replaced) rows.append(old, position, row->end - position);
      position = row->end;
    }
    for (; next != computed.end(); ++next) append_computed(rows, **next, name(*next));
    rows.shrink_to_fit();
    m_changed.insert_or_assign(std::string(directory), std::move(rows));
  }
  return {};
}

namespace {

std::string stamp_bytes(const SourceStatus& status) {
  const Stamp stamp = make_stamp(status);
  return {reinterpret_cast<const char*>(&stamp), sizeof stamp};
}

std::string without_fresh(const std::string& rows, std::int64_t now) {
  std::string kept;
  std::size_t position = 0;
  while (const auto row = row_at(rows, position)) {
    if (!row->head.stamp.is_after(now - k_tick)) kept.append(rows, position, row->end - position);
    position = row->end;
  }
  return kept;
}

}  // namespace

Result<std::optional<std::string>> KnownFiles::answer(const std::string& question, const SourceStatus& file) {
  const std::string stamp = stamp_bytes(file);
  if (const auto known = m_answers.find(question); known != m_answers.end()) {
    if (known->second.stamp == stamp) return known->second.text;
    return std::nullopt;
  }
  if (m_is_temporary) return std::nullopt;
  auto select = TRY(m_database.prepare(
      "SELECT answer FROM build_answers WHERE context = ?1 AND question = ?2 AND stamp = ?3"));
  select.bind(1, m_context).bind(2, question).bind(3, stamp);
  if (TRY(select.step()) == Statement::Step::done) return std::nullopt;
  return select.text(0);
}

void KnownFiles::add_answer(const std::string& question, const SourceStatus& file, std::string answer) {
  const Stamp stamp = make_stamp(file);
  m_answers[question] = {stamp_bytes(file), std::move(answer), std::max(stamp.modified, stamp.changed)};
}

Result<> KnownFiles::save(std::int64_t now) {
  m_entered.clear();
  const auto changed = std::exchange(m_changed, {});
  const auto answers = std::exchange(m_answers, {});
  if (m_is_temporary || (changed.empty() && answers.empty())) return {};
  auto transaction = TRY(m_database.begin());
  auto insert = TRY(m_database.prepare(
      "INSERT OR REPLACE INTO build_directories (context, directory, files) VALUES (?1, ?2, ?3)"));
  insert.bind(1, m_context);
  for (const auto& [directory, rows] : changed) {
    const std::string kept = without_fresh(rows, now);
    if (kept.empty()) continue;
    TRY(insert.bind(2, directory).bind(3, kept).run());
  }
  auto note = TRY(m_database.prepare(
      "INSERT OR REPLACE INTO build_answers (context, question, stamp, answer) VALUES (?1, ?2, ?3, ?4)"));
  note.bind(1, m_context);
  for (const auto& [question, answer] : answers) {
    if (answer.changed > now - k_tick) continue;
    TRY(note.bind(2, question).bind(3, answer.stamp).bind(4, answer.text).run());
  }
  return transaction.commit();
}

}  // namespace ecrin::build
