#include "run/monitor/container_table.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"(
CREATE TABLE containers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL,    -- nanoseconds
  image TEXT NOT NULL,
  image_id TEXT NOT NULL,
  manifest TEXT NOT NULL,
  layers TEXT NOT NULL,        -- directory ids with blanks between, bottom first
  labels TEXT NOT NULL,        -- JSON
  request TEXT NOT NULL,       -- JSON
  state TEXT NOT NULL          -- JSON
) WITHOUT ROWID;
)"};

constexpr std::string_view k_columns =
    "id, name, created, image, image_id, manifest, layers, labels, request, state";
constexpr std::size_t k_least_prefix = 1;

constexpr std::array<std::pair<LifeStatus, std::string_view>, 6> k_words = {{
    {LifeStatus::created, "created"},
    {LifeStatus::running, "running"},
    {LifeStatus::paused, "paused"},
    {LifeStatus::stopping, "stopping"},
    {LifeStatus::restarting, "restarting"},
    {LifeStatus::exited, "exited"},
}};

std::string encode_state(const ContainerState& state) {
  Json ports = Json::array();
  for (const PublishedPort& port : state.ports) ports.push_back(port.to_string());
  return dump_json({{"status", to_string(state.status)},
                    {"exitCode", state.exit_code},
                    {"started", state.started},
                    {"finished", state.finished},
                    {"pid", state.pid},
                    {"monitor", state.monitor},
                    {"outOfMemory", state.out_of_memory},
                    {"restarts", state.restarts},
                    {"error", state.error},
                    {"health", state.health},
                    {"failing", state.failing},
                    {"ports", std::move(ports)}});
}

Result<ContainerState> decode_state(const std::string& text) {
  constexpr std::string_view what = "the state of a container";
  const Json json = TRY(parse_json(text, what));
  ContainerState state;
  const std::string word = TRY(json_string(json, "status", what)).value_or("");
  const auto status = parse_status(word);
  if (!status) {
    return std::unexpected(
        Error(ErrorKind::unsupported,
              fmt::format("a container is '{}', which this version does not know", printable(word, 50)))
            .hint("another version of ecrin made it"));
  }
  state.status = *status;
  const auto number = [&](const char* key) -> Result<std::int64_t> {
    return TRY(json_integer(json, key, what)).value_or(0);
  };
  state.exit_code = static_cast<int>(TRY(number("exitCode")));
  state.started = TRY(number("started"));
  state.finished = TRY(number("finished"));
  state.pid = static_cast<pid_t>(TRY(number("pid")));
  state.monitor = static_cast<pid_t>(TRY(number("monitor")));
  state.out_of_memory = TRY(json_bool(json, "outOfMemory", what)).value_or(false);
  state.restarts = static_cast<unsigned>(TRY(number("restarts")));
  state.error = TRY(json_string(json, "error", what)).value_or("");
  state.health = TRY(json_string(json, "health", what)).value_or("");
  state.failing = static_cast<unsigned>(TRY(number("failing")));
  for (const std::string& port_text :
       TRY(json_strings(json, "ports", what)).value_or(std::vector<std::string>{}))
    for (const PublishedPort& port : TRY(parse_published_ports(port_text))) state.ports.push_back(port);
  return state;
}

Result<StoredContainer> read_row(Statement& row) {
  StoredContainer record;
  record.id = row.text(0);
  record.name = row.text(1);
  record.created = row.integer(2);
  record.image = row.text(3);
  record.image_id = row.text(4);
  record.manifest = row.text(5);
  if (const std::string layers = row.text(6); !layers.empty()) record.layers = split(layers, ' ');
  const Json labels = TRY(parse_json(row.text(7), "the labels of a container"));
  for (const auto& [key, value] : labels.items())
    if (value.is_string()) record.labels[key] = value.get<std::string>();
  record.request = row.text(8);
  record.state = TRY(decode_state(row.text(9)));
  return record;
}

bool is_id_prefix(std::string_view text) {
  return text.size() >= k_least_prefix && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Error taken(const std::string& name) {
  return Error(ErrorKind::conflict, fmt::format("there is a container '{}' already", printable(name)))
      .hint(fmt::format("take another name, or remove that one: ecrin rm {}", name));
}

}  // namespace

std::string_view to_string(LifeStatus status) {
  return std::ranges::find(k_words, status, [](const auto& word) { return word.first; })->second;
}

std::optional<LifeStatus> parse_status(std::string_view word) {
  const auto found = std::ranges::find(k_words, word, [](const auto& entry) { return entry.second; });
  return found == k_words.end() ? std::nullopt : std::optional(found->first);
}

Result<> ContainerTable::migrate(Database& database) {
  return database.migrate("containers", k_schema);
}

Result<> ContainerTable::add(const StoredContainer& record) {
  auto transaction = TRY(m_database->begin());
  auto same = TRY(m_database->prepare("SELECT 1 FROM containers WHERE name = ?1"));
  same.bind(1, record.name);
  if (TRY(same.step()) == Statement::Step::row) return std::unexpected(taken(record.name));
  auto insert = TRY(m_database->prepare(fmt::format(
      "INSERT INTO containers ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", k_columns)));
  TRY(insert.bind(1, record.id)
          .bind(2, record.name)
          .bind(3, record.created)
          .bind(4, record.image)
          .bind(5, record.image_id)
          .bind(6, record.manifest)
          .bind(7, join(record.layers, " "))
          .bind(8, dump_json(Json(record.labels)))
          .bind(9, record.request)
          .bind(10, encode_state(record.state))
          .run());
  return transaction.commit();
}

Result<std::vector<StoredContainer>> ContainerTable::select(std::string_view condition,
                                                            const std::string& value) {
  const auto lock = m_database->lock();
  auto select = TRY(m_database->prepare(
      fmt::format("SELECT {} FROM containers WHERE {} ORDER BY created, id", k_columns, condition)));
  select.bind(1, value);
  std::vector<StoredContainer> records;
  while (TRY(select.step()) == Statement::Step::row) records.push_back(TRY(read_row(select)));
  return records;
}

Result<std::optional<StoredContainer>> ContainerTable::get(const std::string& id) {
  auto found = TRY(select("id = ?1", id));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<StoredContainer> ContainerTable::find(const std::string& words) {
  auto named = TRY(select("name = ?1", words));
  if (!named.empty()) return std::move(named.front());
  if (is_id_prefix(words)) {
    auto found = TRY(select("substr(id, 1, length(?1)) = ?1", words));
    if (found.size() == 1) return std::move(found.front());
    if (found.size() > 1) {
      return std::unexpected(Error(ErrorKind::invalid, fmt::format("the IDs of {} containers begin with '{}'",
                                                                   found.size(), words))
                                 .hint("give more of the ID, or the name"));
    }
  }
  return std::unexpected(
      Error(ErrorKind::not_found, fmt::format("there is no container '{}'", printable(words, 300)))
          .hint("'ecrin ps -a' lists those there are"));
}

Result<std::vector<StoredContainer>> ContainerTable::list() {
  return select("?1 = ''", "");
}

Result<> ContainerTable::set_state(const std::string& id, const ContainerState& state) {
  auto update = TRY(m_database->prepare("UPDATE containers SET state = ?2 WHERE id = ?1"));
  return update.bind(1, id).bind(2, encode_state(state)).run();
}

Result<> ContainerTable::set_request(const std::string& id, const std::string& request) {
  auto update = TRY(m_database->prepare("UPDATE containers SET request = ?2 WHERE id = ?1"));
  return update.bind(1, id).bind(2, request).run();
}

Result<> ContainerTable::set_name(const std::string& id, const std::string& name) {
  auto transaction = TRY(m_database->begin());
  auto same = TRY(m_database->prepare("SELECT 1 FROM containers WHERE name = ?1 AND id <> ?2"));
  same.bind(1, name).bind(2, id);
  if (TRY(same.step()) == Statement::Step::row) return std::unexpected(taken(name));
  auto update = TRY(m_database->prepare("UPDATE containers SET name = ?2 WHERE id = ?1"));
  TRY(update.bind(1, id).bind(2, name).run());
  return transaction.commit();
}

Result<> ContainerTable::remove(const std::string& id) {
  auto remove = TRY(m_database->prepare("DELETE FROM containers WHERE id = ?1"));
  return remove.bind(1, id).run();
}

Result<ContainerTable::Needs> ContainerTable::needs() {
  const auto lock = m_database->lock();
  auto select = TRY(m_database->prepare("SELECT manifest, layers FROM containers"));
  Needs needs;
  while (TRY(select.step()) == Statement::Step::row) {
    if (std::string manifest = select.text(0); !manifest.empty())
      needs.manifests.push_back(std::move(manifest));
    if (const std::string layers = select.text(1); !layers.empty())
      for (std::string& id : split(layers, ' ')) needs.layers.push_back(std::move(id));
  }
  return needs;
}

}  // namespace ecrin::run
