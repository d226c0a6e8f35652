#include "build/step_traces.hpp"

#include <array>

#include "base/hash.hpp"
#include "base/random.hpp"
#include "build/packed_trace.hpp"

namespace ecrin::build {
namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"sql(
CREATE TABLE build_traces (
  command TEXT NOT NULL,      -- command_key
  key TEXT NOT NULL,          -- of build_steps
  created INTEGER NOT NULL,
  trace TEXT NOT NULL,        -- encode_trace, zstd
  PRIMARY KEY (command, key)
) WITHOUT ROWID;
CREATE INDEX build_traces_key ON build_traces (key);
-- A trace is of one result: another one under the same key has none until it gets its own.
CREATE TRIGGER build_traces_of_new AFTER INSERT ON build_steps
  BEGIN DELETE FROM build_traces WHERE key = NEW.key; END;
CREATE TRIGGER build_traces_of_old AFTER DELETE ON build_steps
  BEGIN DELETE FROM build_traces WHERE key = OLD.key; END;
-- What secrets are hashed with: no digest of one is of use outside of this store.
CREATE TABLE build_secret_key (key TEXT NOT NULL);
)sql"};

}  // namespace

std::string command_key(const KeyInputs& inputs, const KeyInputs& more) {
  KeyInputs own;
  for (const KeyInput input : inputs)
    if (input.name != "parent") own.push_back(input);
  own.append(more);
  own.push_back({"kind of key", "command"});
  return key_digest(own);
}

Result<std::string> StepTraces::secret_key() {
  auto lock = m_database.lock();
  auto select = TRY(m_database.prepare("SELECT key FROM build_secret_key"));
  return TRY(select.step()) == Statement::Step::row ? select.text(0) : "";
}

Result<std::string> StepTraces::secret_digest(std::string_view secret) {
  std::string key = TRY(secret_key());
  if (key.empty()) {
    auto transaction = TRY(m_database.begin());
    key = TRY(secret_key());  // another process may have been first
    if (key.empty()) {
      key = random_hexadecimal(64);
      auto insert = TRY(m_database.prepare("INSERT INTO build_secret_key (key) VALUES (?1)"));
      TRY(insert.bind(1, key).run());
    }
    TRY(transaction.commit());
  }
  const auto keyed = [&](std::string_view text) {
    Hasher hasher;
    hasher.update(key);
    hasher.update(text);
    return hasher.finish_hex();
  };
  return keyed(keyed(secret));
}

Result<> StepTraces::migrate(Database& database) {
  return database.migrate("build_traces", k_schema);
}

Result<> StepTraces::add(const std::string& command, const std::string& key, const fs::ImageTrace& trace,
                         std::int64_t now) {
  const std::string packed = TRY(pack_trace(trace));
  auto lock = m_database.lock();
  auto insert = TRY(m_database.prepare(
      "INSERT OR REPLACE INTO build_traces (command, key, created, trace) VALUES (?1, ?2, ?3, ?4)"));
  return insert.bind(1, command).bind(2, key).bind(3, now).bind(4, packed).run();
}

Result<std::optional<fs::ImageTrace>> StepTraces::of(const std::string& key) {
  std::string packed;
  {
    auto lock = m_database.lock();
    auto select = TRY(
        m_database.prepare("SELECT trace FROM build_traces WHERE key = ?1 ORDER BY created DESC LIMIT 1"));
    select.bind(1, key);
    if (TRY(select.step()) != Statement::Step::row) return std::nullopt;
    packed = select.text(0);
  }
  return unpack_trace(std::move(packed));
}

Result<std::optional<StepTraces::Packed>> StepTraces::packed(const std::string& key) {
  auto lock = m_database.lock();
  auto select = TRY(m_database.prepare(
      "SELECT t.command, t.trace, s.layer FROM build_traces t JOIN build_steps s ON s.key = t.key "
      "WHERE t.key = ?1 ORDER BY t.created DESC LIMIT 1"));
  select.bind(1, key);
  if (TRY(select.step()) != Statement::Step::row) return std::nullopt;
  return Packed{
      .command = select.text(0), .bytes = select.text(1), .layer = select.is_null(2) ? "" : select.text(2)};
}

Result<std::string> StepTraces::command(const std::string& key) {
  auto lock = m_database.lock();
  auto select = TRY(
      m_database.prepare("SELECT command FROM build_traces WHERE key = ?1 ORDER BY created DESC LIMIT 1"));
  select.bind(1, key);
  return TRY(select.step()) == Statement::Step::row ? select.text(0) : "";
}

Result<std::optional<StepTraces::Candidate>> StepTraces::find(const std::string& command, std::size_t limit,
                                                              const Fits& fits) {
  struct Row {
    Candidate candidate;
    std::string packed;
    std::string layer;
  };
  std::vector<Row> rows;
  {
    auto lock = m_database.lock();
    auto select = TRY(m_database.prepare(
        "SELECT t.key, t.trace, s.layer, s.bytes, s.entries, s.milliseconds FROM build_traces t "
        "JOIN build_steps s ON s.key = t.key WHERE t.command = ?1 ORDER BY s.last_used DESC, t.created DESC "
        "LIMIT ?2"));
    select.bind(1, command).bind(2, static_cast<std::int64_t>(limit));
    while (TRY(select.step()) == Statement::Step::row) {
      Row row;
      row.candidate.key = select.text(0);
      row.packed = select.text(1);
      row.layer = select.is_null(2) ? "" : select.text(2);
      row.candidate.bytes = static_cast<std::uint64_t>(select.integer(3));
      row.candidate.entries = static_cast<std::uint64_t>(select.integer(4));
      row.candidate.seconds = static_cast<double>(select.integer(5)) / 1000;
      rows.push_back(std::move(row));
    }
  }
  for (Row& row : rows) {
    if (!row.layer.empty()) {
      row.candidate.layer = TRY(m_layers.find_id(row.layer));
      if (!row.candidate.layer) continue;  // pruned in the meantime
    }
    auto trace = unpack_trace(std::move(row.packed));
    if (!trace || !TRY(fits(*trace))) continue;
    row.candidate.trace = std::move(*trace);
    return std::move(row.candidate);
  }
  return std::nullopt;
}

}  // namespace ecrin::build
