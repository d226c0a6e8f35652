#include "fs/layer_store.hpp"

#include <array>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/file_owners.hpp"
#include "fs/store_needs.hpp"
#include "fs/tree.hpp"

namespace ecrin::fs {

namespace {

constexpr std::string_view k_lease_kind = "layer";
constexpr const char* k_diff = "diff";

// LAYERS: the name of the table.
constexpr std::string_view k_table = R"(
  CREATE TABLE LAYERS (
    id TEXT PRIMARY KEY,
    diff_id TEXT UNIQUE,            -- NULL: not yet hashed
    size INTEGER NOT NULL DEFAULT 0,
    boot_id TEXT NOT NULL,          -- of the boot that made it
    synced INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX LAYERS_unsynced ON LAYERS (synced) WHERE synced = 0;
)";

const char* name_of(bool recorded) {
  return recorded ? "recorded_layers" : "layers";
}

std::string for_table(std::string_view statement, std::string_view table) {
  constexpr std::string_view k_placeholder = "LAYERS";
  std::string text(statement);
  for (std::size_t at = text.find(k_placeholder); at != std::string::npos;
       at = text.find(k_placeholder, at + table.size()))
    text.replace(at, k_placeholder.size(), table);
  return text;
}

Result<std::string> read_boot_id() {
  return std::string(trim(TRY(posix::read_file("/proc/sys/kernel/random/boot_id"))));
}

constexpr std::string_view k_columns = "SELECT id, diff_id, size FROM LAYERS ";
constexpr std::string_view k_by_id = "WHERE id = ?";
constexpr std::string_view k_by_diff_id = "WHERE diff_id = ?";

Layer layer_of(Statement& row) {
  return Layer{.id = row.text(0),
               .diff_id = row.is_null(1) ? std::string{} : row.text(1),
               .size = static_cast<std::uint64_t>(row.integer(2))};
}

Error unknown_layer(const std::string& id) {
  return Error(ErrorKind::not_found, fmt::format("no layer '{}' in the store", printable(id)));
}

}  // namespace

LayerDraft::LayerDraft(Fd parent, std::string name, std::string path, Fd diff)
    : m_parent(std::move(parent)),
      m_name(std::move(name)),
      m_path(std::move(path)),
      m_diff(std::move(diff)) {}

LayerDraft::~LayerDraft() {
  if (!m_parent || m_keep) return;  // moved from, or wanted
  m_diff.reset();
  if (auto removed = remove_tree(m_parent, m_name); !removed) {
    log::warning("cannot remove '{}': {}", printable(m_path), removed.error().message());
  }
}

LayerStore::LayerStore(Store& store, const char* name, Fd directory)
    : m_store(store), m_name(name), m_directory(std::move(directory)) {}

Result<Statement> LayerStore::prepare(std::string_view statement) const {
  return m_store.database().prepare(for_table(statement, m_name));
}

Result<std::unique_ptr<LayerStore>> LayerStore::open(Store& store) {
  const char* name = name_of(owners_are_recorded());
  const bool is_new = TRY(posix::exists_at(store.directory(), name)) == posix::Exists::no;
  TRY(check_attributes(store.directory()));
  if (refuses_whiteouts(store.directory())) use_whiteout_stand_ins();
  if (is_new) TRY(check_owners(TRY(store.temporary())));
  const std::string table = for_table(k_table, name);
  const std::array<std::string_view, 1> migrations = {table};
  TRY(store.database().migrate(name, migrations));
  if (owners_are_recorded()) {
    const Fd top = TRY(posix::open(store.path(), O_PATH | O_DIRECTORY));
    use_owner_journal(TRY(OwnerJournal::open(top, "owners")));
  }
  std::unique_ptr<LayerStore> layers(new LayerStore(store, name, TRY(store.subdirectory(name))));
  const std::string boot_id = TRY(read_boot_id());
  bool lost = false;
  {
    const auto lock = store.database().lock();
    auto query = TRY(layers->prepare("SELECT 1 FROM LAYERS WHERE synced = 0 AND boot_id <> ? LIMIT 1"));
    query.bind(1, boot_id);
    lost = TRY(query.step()) == Statement::Step::row;
  }
  if (lost) TRY(layers->drop_lost(boot_id));
  return layers;
}

Result<std::unique_ptr<LayerStore>> LayerStore::open_other_kind(Store& store) {
  const char* name = name_of(!owners_are_recorded());
  if (TRY(posix::exists_at(store.directory(), name)) == posix::Exists::no) return nullptr;
  return std::unique_ptr<LayerStore>(new LayerStore(store, name, TRY(store.subdirectory(name))));
}

// Rows from before a reboot that no sync covered: their files may be torn.
Result<> LayerStore::drop_lost(const std::string& boot_id) {
  Database& database = m_store.database();
  {
    auto transaction = TRY(database.begin());
    std::vector<std::string> ids;
    {
      auto query = TRY(prepare("SELECT id FROM LAYERS WHERE synced = 0 AND boot_id <> ?"));
      query.bind(1, boot_id);
      while (TRY(query.step()) == Statement::Step::row) ids.push_back(query.text(0));
    }
    for (const std::string& id : ids) {
      log::debug("layer {} was not yet on disk when this machine stopped", id);
      TRY(retire(id));
    }
    TRY(transaction.commit());
  }
  const Fd temporary = TRY(m_store.temporary());
  for (const std::string& name : TRY(sweep())) TRY(remove_tree(temporary, name));
  return {};
}

Result<LayerDraft> LayerStore::draft() {
  Fd temporary = TRY(m_store.temporary());
  std::string name = Store::unique_name();
  std::string path = m_store.temporary_path() + "/" + name;
  TRY(posix::mkdir_at(temporary, name, 0700));
  LayerDraft draft(std::move(temporary), std::move(name), std::move(path), Fd());
  const Fd directory = TRY(posix::open_at(draft.m_parent, draft.m_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(posix::mkdir_at(directory, k_diff, 0755));
  draft.m_diff = TRY(posix::open_at(directory, k_diff, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(posix::fchmod(draft.m_diff, 0755));
  return draft;
}

Result<Layer> LayerStore::publish(LayerDraft draft) {
  const Layer layer{.id = Store::unique_name()};
  const std::string boot_id = TRY(read_boot_id());
  const Fd from = TRY(posix::open_at(draft.m_parent, draft.m_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  Database& database = m_store.database();
  // The rename happens inside the transaction, so that sweep() in another process sees both or neither.
  auto transaction = TRY(database.begin());
  TRY(posix::mkdir_at(m_directory, layer.id, 0700));
  const Fd to = TRY(posix::open_at(m_directory, layer.id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (auto moved = posix::rename_at(from, k_diff, to, k_diff); !moved) {
    (void)posix::unlink_at(m_directory, layer.id, AT_REMOVEDIR);
    return std::unexpected(std::move(moved).error());
  }
  auto insert = TRY(prepare("INSERT INTO LAYERS (id, boot_id) VALUES (?, ?)"));
  TRY(insert.bind(1, layer.id).bind(2, boot_id).run());
  TRY(m_store.hold(k_lease_kind, layer.id));
  TRY(transaction.commit());
  return layer;
}

Result<Layer> LayerStore::seal(const std::string& id, const std::string& diff_id, std::uint64_t size) {
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  {
    auto query = TRY(prepare(std::string(k_columns) + "WHERE diff_id = ?"));
    query.bind(1, diff_id);
    if (TRY(query.step()) == Statement::Step::row) {
      Layer known = layer_of(query);
      TRY(m_store.hold(k_lease_kind, known.id));
      TRY(transaction.commit());
      return known;
    }
  }
  auto update = TRY(prepare("UPDATE LAYERS SET diff_id = ?, size = ? WHERE id = ?"));
  TRY(update.bind(1, diff_id).bind(2, static_cast<std::int64_t>(size)).bind(3, id).run());
  if (database.changes() != 1) return std::unexpected(unknown_layer(id));
  TRY(transaction.commit());
  return Layer{.id = id, .diff_id = diff_id, .size = size};
}

// In an open transaction.
Result<std::optional<Layer>> LayerStore::find_one(std::string_view condition, const std::string& key) {
  std::optional<Layer> layer;
  {
    auto query = TRY(prepare(std::string(k_columns) + std::string(condition)));
    query.bind(1, key);
    if (TRY(query.step()) == Statement::Step::row) layer = layer_of(query);
  }
  if (layer) TRY(m_store.hold(k_lease_kind, layer->id));
  return layer;
}

Result<std::vector<std::optional<Layer>>> LayerStore::find_where(std::string_view condition,
                                                                 std::span<const std::string> keys) {
  std::vector<std::optional<Layer>> layers;
  auto transaction = TRY(m_store.database().begin());
  for (const std::string& key : keys) layers.push_back(TRY(find_one(condition, key)));
  TRY(transaction.commit());
  return layers;
}

Result<std::optional<Layer>> LayerStore::find(const std::string& diff_id) {
  return TRY(find_where(k_by_diff_id, {&diff_id, 1})).front();
}

Result<std::vector<std::optional<Layer>>> LayerStore::find_each(const std::vector<std::string>& diff_ids) {
  return find_where(k_by_diff_id, diff_ids);
}

Result<std::optional<Layer>> LayerStore::find_id(const std::string& id) {
  return TRY(find_where(k_by_id, {&id, 1})).front();
}

Result<std::vector<std::optional<Layer>>> LayerStore::find_each_id(const std::vector<std::string>& ids) {
  return find_where(k_by_id, ids);
}

Result<std::optional<Layer>> LayerStore::find_id(const std::string& id, const Database::Transaction&) {
  return find_one(k_by_id, id);
}

std::string LayerStore::path(const Layer& layer) const {
  return fmt::format("{}/{}/{}/{}", m_store.path(), m_name, layer.id, k_diff);
}

Result<Fd> LayerStore::open_layer(const Layer& layer) const {
  return posix::open_beneath_no_symlinks(m_directory, layer.id + "/" + k_diff, O_PATH | O_DIRECTORY);
}

Result<std::vector<Layer>> LayerStore::list() {
  const auto lock = m_store.database().lock();
  auto query = TRY(prepare(std::string(k_columns) + "ORDER BY id"));
  std::vector<Layer> layers;
  while (TRY(query.step()) == Statement::Step::row) layers.push_back(layer_of(query));
  return layers;
}

Result<> LayerStore::sync() {
  Database& database = m_store.database();
  std::vector<std::string> ids;
  {
    const auto lock = database.lock();
    auto query = TRY(prepare("SELECT id FROM LAYERS WHERE synced = 0"));
    while (TRY(query.step()) == Statement::Step::row) ids.push_back(query.text(0));
  }
  if (ids.empty()) return {};
  TRY(posix::syncfs(m_directory));
  auto transaction = TRY(database.begin());
  for (const std::string& id : ids) {
    auto update = TRY(prepare("UPDATE LAYERS SET synced = 1 WHERE id = ?"));
    TRY(update.bind(1, id).run());
  }
  return transaction.commit();
}

Result<> LayerStore::retire(const std::string& id) {
  auto remove = TRY(prepare("DELETE FROM LAYERS WHERE id = ?"));
  TRY(remove.bind(1, id).run());
  if (m_store.database().changes() != 1) return std::unexpected(unknown_layer(id));
  return {};
}

Result<std::vector<std::string>> LayerStore::sweep() {
  Database& database = m_store.database();
  auto transaction = TRY(database.begin());
  const Fd temporary = TRY(m_store.temporary());
  std::vector<std::string> names;
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(m_directory))) {
    auto query = TRY(prepare("SELECT 1 FROM LAYERS WHERE id = ?"));
    query.bind(1, entry.name);
    if (TRY(query.step()) == Statement::Step::row) continue;
    names.push_back(Store::unique_name());
    TRY(posix::rename_at(m_directory, entry.name, temporary, names.back()));
  }
  TRY(transaction.commit());
  return names;
}

}  // namespace ecrin::fs
