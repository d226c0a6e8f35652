#include "build/file_digests.hpp"

#include <array>

namespace ecrin::build {
namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"sql(
CREATE TABLE build_digests (
  layer TEXT NOT NULL,   -- directory id in the layer store
  path TEXT NOT NULL,    -- in the layer
  digest TEXT NOT NULL,  -- fs::content_digest
  PRIMARY KEY (layer, path)
) WITHOUT ROWID;
)sql"};

// <store>/layers/<id>/diff
std::string layer_id(const std::string& path) {
  const std::size_t end = path.rfind('/');
  const std::size_t start = path.rfind('/', end - 1) + 1;
  return path.substr(start, end - start);
}

}  // namespace

Result<> FileDigests::migrate(Database& database) {
  return database.migrate("build_digests", k_schema);
}

Result<> FileDigests::forget(Database& database, const std::string& layer) {
  auto remove = TRY(database.prepare("DELETE FROM build_digests WHERE layer = ?1"));
  return remove.bind(1, layer).run();
}

Result<> FileDigests::load(const std::string& layer, Paths& paths) {
  auto lock = m_database.lock();
  auto select = TRY(m_database.prepare("SELECT path, digest FROM build_digests WHERE layer = ?1"));
  select.bind(1, layer);
  while (TRY(select.step()) == Statement::Step::row) paths.emplace(select.text(0), select.text(1));
  return {};
}

Result<std::string> FileDigests::of(const fs::ImageView& view, fs::NodeId file) {
  const std::string layer = layer_id(view.layer_path(file));
  std::string path = view.path(file);
  {
    const std::scoped_lock lock(m_mutex);
    const auto [paths, is_new] = m_layers.try_emplace(layer);
    if (is_new) TRY(load(layer, paths->second));
    if (const auto known = paths->second.find(path); known != paths->second.end()) return known->second;
  }
  std::string digest = TRY(fs::content_digest(view, file));
  const std::scoped_lock lock(m_mutex);
  if (m_layers[layer].emplace(path, digest).second) m_new.push_back({layer, std::move(path), digest});
  return digest;
}

Result<> FileDigests::keep() {
  const std::scoped_lock lock(m_mutex);
  if (m_new.empty()) return {};
  auto transaction = TRY(m_database.begin());
  for (const New& row : m_new) {
    auto insert = TRY(
        m_database.prepare("INSERT OR REPLACE INTO build_digests (layer, path, digest) VALUES (?1, ?2, ?3)"));
    TRY(insert.bind(1, row.layer).bind(2, row.path).bind(3, row.digest).run());
  }
  TRY(transaction.commit());
  m_new.clear();
  return {};
}

}  // namespace ecrin::build
