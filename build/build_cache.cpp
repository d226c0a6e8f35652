#include "build/build_cache.hpp"

#include <array>

#include "base/compression.hpp"
#include "base/stream.hpp"
#include "base/text.hpp"

namespace ecrin::build {

namespace {

// Inputs are compressed: a COPY of a big context has one for every file.
constexpr std::uint64_t k_inputs_limit = 1u << 30;

Result<std::string> pack(const KeyInputs& inputs) {
  StringSink packed;
  auto compressor = TRY(compress(Compression::zstd, std::nullopt, packed));
  TRY(write_inputs(inputs, *compressor));
  TRY(compressor->finish());
  return std::move(packed.bytes());
}

std::optional<KeyInputs> unpack_inputs(std::string packed) {
  auto source = decompress(Compression::zstd, std::make_unique<MemorySource>(std::move(packed)));
  if (!source) return std::nullopt;
  const auto bytes = read_all(**source, k_inputs_limit);
  if (!bytes) return std::nullopt;
  return decode_inputs(*bytes);
}

// `last_used` moves in steps of an hour, so that an unchanged build has nothing to write.
constexpr std::int64_t k_use_granularity = 3600;

}  // namespace

std::string tree_name(const std::string& layer_id, const std::string& below, bool independent) {
  if (layer_id.empty()) return below;
  return independent ? layer_id + " " + below : layer_id;
}

Result<> migrate_build_tables(Database& database) {
  static constexpr std::array<std::string_view, 2> k_steps = {R"sql(
    CREATE TABLE build_steps (
      key TEXT PRIMARY KEY,
      layer TEXT,                 -- directory id in the layer store; NULL: the step changed nothing
      below TEXT NOT NULL,        -- that of the layer it was made on; '': none of a build
      text TEXT NOT NULL,
      bytes INTEGER NOT NULL,
      entries INTEGER NOT NULL,
      milliseconds INTEGER NOT NULL,
      created INTEGER NOT NULL,
      last_used INTEGER NOT NULL,
      inputs TEXT NOT NULL        -- write_inputs, zstd
    ) WITHOUT ROWID;
    CREATE INDEX build_steps_layer ON build_steps (layer);
    CREATE INDEX build_steps_below ON build_steps (below);
    CREATE TABLE build_slots (
      recipe TEXT NOT NULL,
      stage TEXT NOT NULL,
      ordinal INTEGER NOT NULL,
      text TEXT NOT NULL,
      key TEXT NOT NULL,
      last_used INTEGER NOT NULL,
      PRIMARY KEY (recipe, stage, ordinal)
    ) WITHOUT ROWID;
    CREATE TABLE build_files (
      context TEXT NOT NULL,
      path TEXT NOT NULL,
      stamp TEXT NOT NULL,        -- size, times and inode: the file is unchanged while these are
      digest TEXT NOT NULL,
      PRIMARY KEY (context, path)
    ) WITHOUT ROWID;
  )sql",
                                                              R"sql(
    DROP TABLE build_files;
    CREATE TABLE build_directories (  -- build/known_files.hpp
      context TEXT NOT NULL,
      directory TEXT NOT NULL,
      files TEXT NOT NULL,
      PRIMARY KEY (context, directory)
    );
    CREATE TABLE build_answers (
      context TEXT NOT NULL,
      question TEXT NOT NULL,
      stamp TEXT NOT NULL,
      answer TEXT NOT NULL,
      PRIMARY KEY (context, question)
    ) WITHOUT ROWID;
  )sql"};
  return database.migrate("build", k_steps);
}

Result<std::unique_ptr<BuildCache>> BuildCache::open(Database& database, fs::LayerStore& layers) {
  TRY(migrate_build_tables(database));
  return std::unique_ptr<BuildCache>(new BuildCache(database, layers));
}

Result<std::vector<std::optional<CachedStep>>> BuildCache::find(const std::vector<Query>& queries) {
  std::vector<std::optional<CachedStep>> found(queries.size());
  std::vector<std::string> tree(queries.size());     // by tree_name
  std::vector<char> whole(queries.size(), 0);        // is everything below each step there?
  std::optional<Database::Transaction> transaction;  // from the first layer on
  for (std::size_t i = 0; i < queries.size(); ++i) {
    if (queries[i].known_tree) {
      tree[i] = *queries[i].known_tree;
      whole[i] = 1;
      found[i] = CachedStep{};
      continue;
    }
    const auto& parent = queries[i].parent;
    const bool independent = queries[i].independent;
    const bool is_based = !parent || (whole[*parent] && found[*parent]);
    if (!is_based && !independent) continue;
    const std::string below = parent ? tree[*parent] : "";
    CachedStep step;
    std::string layer;
    {
      auto lock = m_database.lock();
      auto select =
          TRY(m_database.prepare("SELECT layer, bytes, entries, milliseconds FROM build_steps "
                                 "WHERE key = ?1 AND below = ?2"));
      select.bind(1, queries[i].key).bind(2, independent ? "" : below);
      if (TRY(select.step()) == Statement::Step::done) continue;
      if (!select.is_null(0)) layer = select.text(0);
      step.bytes = static_cast<std::uint64_t>(select.integer(1));
      step.entries = static_cast<std::uint64_t>(select.integer(2));
      step.seconds = static_cast<double>(select.integer(3)) / 1000;
    }
    if (!layer.empty()) {
      // Found and held in one go, or gone: between the row and here it may have been collected.
      if (!transaction) transaction.emplace(TRY(m_database.begin()));
      step.layer = TRY(m_layers.find_id(layer, *transaction));
      if (!step.layer) continue;
      layer = step.layer->id;
    }
    tree[i] = tree_name(layer, below, independent);
    whole[i] = is_based ? 1 : 0;
    found[i] = std::move(step);
  }
  if (transaction) TRY(transaction->commit());
  return found;
}

Result<bool> BuildCache::has_family(const std::string& family) {
  auto lock = m_database.lock();
  auto select = TRY(m_database.prepare("SELECT 1 FROM build_steps WHERE key > ?1 AND key < ?2 LIMIT 1"));
  select.bind(1, family + " ").bind(2, family + "!");  // the character after the space
  return TRY(select.step()) == Statement::Step::row;
}

Result<std::optional<KeyInputs>> BuildCache::inputs_of(const std::string& key) {
  auto lock = m_database.lock();
  auto select = TRY(m_database.prepare("SELECT inputs FROM build_steps WHERE key = ?1"));
  select.bind(1, key);
  if (TRY(select.step()) == Statement::Step::done) return std::nullopt;
  return unpack_inputs(select.text(0));
}

Result<> BuildCache::add(const FinishedStep& step, std::int64_t now) {
  const std::string inputs = TRY(pack(*step.inputs));
  auto lock = m_database.lock();
  const auto current = [&](const std::string& name) {
    std::vector<std::string> ids = split(name, ' ');
    for (std::string& id : ids) {
      const auto replaced = m_replaced.find(id);
      if (replaced != m_replaced.end()) id = replaced->second;
    }
    return join(ids, " ");
  };
  auto insert =
      TRY(m_database.prepare("INSERT OR REPLACE INTO build_steps (key, layer, text, bytes, entries, "
                             "milliseconds, created, last_used, "
                             "inputs, below) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9)"));
  insert.bind(1, step.key);
  if (step.layer_id.empty()) {
    insert.bind_null(2);
  } else {
    insert.bind(2, current(step.layer_id));
  }
  insert.bind(3, step.text)
      .bind(4, static_cast<std::int64_t>(step.bytes))
      .bind(5, static_cast<std::int64_t>(step.entries))
      .bind(6, static_cast<std::int64_t>(step.seconds * 1000))
      .bind(7, now)
      .bind(8, inputs)
      .bind(9, current(step.below_id));
  return insert.run();
}

Result<> BuildCache::replace_layer(const std::string& id, const std::string& by) {
  auto transaction = TRY(m_database.begin());
  m_replaced[id] = by;
  for (const char* sql : {"UPDATE build_steps SET layer = ?2 WHERE layer = ?1",
                          "UPDATE build_steps SET below = ?2 WHERE below = ?1",
                          "UPDATE build_steps SET below = replace(below, ?1, ?2) WHERE below LIKE '% %'"}) {
    auto update = TRY(m_database.prepare(sql));
    update.bind(1, id).bind(2, by);
    TRY(update.run());
  }
  return transaction.commit();
}

Result<> BuildCache::record_use(const std::vector<Use>& uses, std::int64_t now) {
  const std::int64_t stale = now - k_use_granularity;
  std::vector<const Use*> changed;
  {
    auto lock = m_database.lock();
    for (const Use& use : uses) {
      auto select = TRY(m_database.prepare(
          "SELECT text, key, last_used FROM build_slots WHERE recipe = ?1 AND stage = ?2 AND ordinal = ?3"));
      select.bind(1, use.slot.recipe)
          .bind(2, use.slot.stage)
          .bind(3, static_cast<std::int64_t>(use.slot.ordinal));
      const bool same = TRY(select.step()) == Statement::Step::row && select.text(0) == use.slot.text &&
                        select.text(1) == use.key && select.integer(2) > stale;
      if (!same) changed.push_back(&use);
    }
  }
  if (changed.empty()) return {};
  auto transaction = TRY(m_database.begin());
  for (const Use* use : changed) {
    auto slot = TRY(m_database.prepare(
        "INSERT OR REPLACE INTO build_slots (recipe, stage, ordinal, text, key, last_used) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
    slot.bind(1, use->slot.recipe)
        .bind(2, use->slot.stage)
        .bind(3, static_cast<std::int64_t>(use->slot.ordinal))
        .bind(4, use->slot.text)
        .bind(5, use->key)
        .bind(6, now);
    TRY(slot.run());
    auto touch = TRY(m_database.prepare("UPDATE build_steps SET last_used = ?2 WHERE key = ?1"));
    touch.bind(1, use->key).bind(2, now);
    TRY(touch.run());
  }
  return transaction.commit();
}

Result<std::optional<BuildCache::Earlier>> BuildCache::earlier(const Slot& slot) {
  auto lock = m_database.lock();
  // The same place of the same recipe first; else the same words at another place, or in another file:
  // recipes are renamed and copied.
  auto select =
      TRY(m_database.prepare("SELECT s.inputs, p.text FROM build_slots p JOIN build_steps s ON s.key = p.key "
                             "WHERE p.text = ?4 OR (p.recipe = ?1 AND p.stage = ?2 AND p.ordinal = ?3) "
                             "ORDER BY p.recipe = ?1 DESC, p.stage = ?2 DESC, p.text = ?4 DESC, "
                             "p.ordinal = ?3 DESC, p.last_used DESC LIMIT 1"));
  select.bind(1, slot.recipe)
      .bind(2, slot.stage)
      .bind(3, static_cast<std::int64_t>(slot.ordinal))
      .bind(4, slot.text);
  if (TRY(select.step()) == Statement::Step::done) return std::nullopt;
  auto inputs = unpack_inputs(select.text(0));
  if (!inputs) return std::nullopt;
  return Earlier{std::move(*inputs), select.text(1) == slot.text};
}

}  // namespace ecrin::build
