#include "build/tree_results.hpp"

#include <array>

namespace ecrin::build {
namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"sql(
CREATE TABLE build_trees (
  command TEXT NOT NULL,  -- command_key
  tree TEXT NOT NULL,     -- chain ID
  key TEXT NOT NULL,      -- of build_steps
  PRIMARY KEY (command, tree)
) WITHOUT ROWID;
CREATE INDEX build_trees_key ON build_trees (key);
-- Another result under the same key may have been made on another tree.
CREATE TRIGGER build_trees_of_new AFTER INSERT ON build_steps
  BEGIN DELETE FROM build_trees WHERE key = NEW.key; END;
CREATE TRIGGER build_trees_of_old AFTER DELETE ON build_steps
  BEGIN DELETE FROM build_trees WHERE key = OLD.key; END;
)sql"};

}  // namespace

Result<> TreeResults::migrate(Database& database) {
  return database.migrate("build_trees", k_schema);
}

Result<> TreeResults::add(const std::vector<Row>& rows) {
  if (rows.empty()) return {};
  auto transaction = TRY(m_database.begin());
  for (const Row& row : rows) {
    auto insert = TRY(
        m_database.prepare("INSERT OR REPLACE INTO build_trees (command, tree, key) VALUES (?1, ?2, ?3)"));
    TRY(insert.bind(1, row.command).bind(2, row.tree).bind(3, row.key).run());
  }
  return transaction.commit();
}

Result<bool> TreeResults::knows(const std::string& command) {
  auto lock = m_database.lock();
  auto select = TRY(m_database.prepare("SELECT 1 FROM build_trees WHERE command = ?1 LIMIT 1"));
  select.bind(1, command);
  return TRY(select.step()) == Statement::Step::row;
}

Result<std::optional<TreeResults::Found>> TreeResults::find(const std::string& command,
                                                            const std::string& tree) {
  Found found;
  std::string layer;
  {
    auto lock = m_database.lock();
    auto select =
        TRY(m_database.prepare("SELECT s.layer, s.bytes, s.entries, s.milliseconds FROM build_trees t "
                               "JOIN build_steps s ON s.key = t.key "
                               "WHERE t.command = ?1 AND t.tree = ?2"));
    select.bind(1, command).bind(2, tree);
    if (TRY(select.step()) != Statement::Step::row) return std::nullopt;
    if (!select.is_null(0)) layer = select.text(0);
    found.bytes = static_cast<std::uint64_t>(select.integer(1));
    found.entries = static_cast<std::uint64_t>(select.integer(2));
    found.seconds = static_cast<double>(select.integer(3)) / 1000;
  }
  if (layer.empty()) return found;
  found.layer = TRY(m_layers.find_id(layer));
  if (!found.layer) return std::nullopt;  // pruned in the meantime
  return found;
}

}  // namespace ecrin::build
