#include "build/working_containers.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/encoding.hpp"
#include "base/names.hpp"
#include "base/text.hpp"

namespace ecrin::build {

namespace {

// Raised whenever the form of `state` changes.
constexpr std::uint64_t k_version = 1;
constexpr std::size_t k_name_limit = 200;

constexpr std::array<std::string_view, 2> k_schema = {R"(
CREATE TABLE working_containers (
  name TEXT PRIMARY KEY,
  created INTEGER NOT NULL,
  base TEXT NOT NULL,        -- digest of the base's manifest; '': none
  layers TEXT NOT NULL,      -- directory ids of its steps' layers, with blanks between
  state TEXT NOT NULL        -- all the rest
) WITHOUT ROWID;
)",
                                                      R"(
CREATE TABLE working_mounts (   -- build/working_mounts.hpp
  container TEXT PRIMARY KEY,
  id TEXT NOT NULL,             -- directory name under mounts/
  layer TEXT NOT NULL,          -- directory id of the layer that grows
  kind TEXT NOT NULL,           -- overlay, copy
  lease TEXT NOT NULL,
  name_space TEXT NOT NULL
) WITHOUT ROWID;
)"};

std::string encode(const WorkingContainer& container) {
  Encoder encoder;
  encoder.put(k_version);
  encoder.put(container.image).put(container.platform.to_string());
  encoder.put(container.config.to_bytes()).put(container.tree_key).put_flag(container.own_cmd);
  encoder.put(container.shell);
  encoder.put(std::uint64_t{container.steps.size()});
  for (const WorkingStep& step : container.steps)
    encoder.put(step.text).put(step.layer).put_flag(step.independent).put(step.after.to_bytes());
  return encoder.bytes();
}

Result<> decode(std::string_view bytes, WorkingContainer& container) {
  const auto what = fmt::format("working container '{}'", container.name);
  Decoder decoder(bytes);
  if (decoder.get_unsigned() != k_version) {
    auto error = Error(ErrorKind::unsupported, what + " was made by another version of ecrin");
    return std::unexpected(std::move(error).hint("remove it: ecrin rm " + container.name));
  }
  container.image = decoder.get_string();
  const std::string platform = decoder.get_string();
  const std::string config = decoder.get_string();
  container.tree_key = decoder.get_string();
  container.own_cmd = decoder.get_flag();
  container.shell = decoder.get_strings();
  const std::uint64_t count = decoder.get_count(24);
  for (std::uint64_t i = 0; i < count && decoder.ok(); ++i) {
    WorkingStep step;
    step.text = decoder.get_string();
    step.layer = decoder.get_string();
    step.independent = decoder.get_flag();
    step.after = TRY(oci::ImageConfig::parse(decoder.get_string(), what));
    container.steps.push_back(std::move(step));
  }
  if (!decoder.ok() || !decoder.at_end()) return fail(ErrorKind::invalid, "the row of {} is damaged", what);
  container.platform = TRY(oci::Platform::parse(platform));
  container.config = TRY(oci::ImageConfig::parse(config, what));
  return {};
}

std::string layer_list(const WorkingContainer& container) {
  std::vector<std::string> layers;
  for (const WorkingStep& step : container.steps)
    if (!step.layer.empty()) layers.push_back(step.layer);
  return join(layers, " ");
}

Result<WorkingContainer> read_row(Statement& row) {
  WorkingContainer container;
  container.name = row.text(0);
  container.created = row.integer(1);
  container.base = row.text(2);
  TRY(decode(row.text(3), container));
  return container;
}

}  // namespace

bool is_container_name(std::string_view name) {
  return is_plain_name(name, k_name_limit);
}

Result<> WorkingContainers::migrate(Database& database) {
  return database.migrate("working_containers", k_schema);
}

Result<NamedLock> WorkingContainers::lock(const std::string& name, const CancelToken* cancel,
                                          const std::function<void()>& waits) {
  if (!is_container_name(name))
    return fail(ErrorKind::not_found, "there is no working container '{}'", printable(name));
  return NamedLock::acquire(TRY(m_store->subdirectory("working")), name + ".lock", cancel, waits);
}

Result<std::optional<WorkingContainer>> WorkingContainers::get(const std::string& name) {
  auto lock = m_store->database().lock();
  auto select = TRY(m_store->database().prepare(
      "SELECT name, created, base, state FROM working_containers WHERE name = ?1"));
  select.bind(1, name);
  if (TRY(select.step()) == Statement::Step::done) return std::nullopt;
  return TRY(read_row(select));
}

Result<WorkingContainer> WorkingContainers::need(const std::string& name) {
  auto container = TRY(get(name));
  if (container) return std::move(*container);
  auto error =
      Error(ErrorKind::not_found, fmt::format("there is no working container '{}'", printable(name)));
  return std::unexpected(
      std::move(error).hint("'ecrin from IMAGE' makes one, 'ecrin from --list' lists those there are"));
}

Result<std::vector<WorkingContainer>> WorkingContainers::list() {
  auto lock = m_store->database().lock();
  auto select = TRY(
      m_store->database().prepare("SELECT name, created, base, state FROM working_containers ORDER BY name"));
  std::vector<WorkingContainer> containers;
  while (TRY(select.step()) == Statement::Step::row) containers.push_back(TRY(read_row(select)));
  return containers;
}

Result<std::vector<std::string>> WorkingContainers::names() {
  auto lock = m_store->database().lock();
  auto select = TRY(m_store->database().prepare("SELECT name FROM working_containers ORDER BY name"));
  std::vector<std::string> names;
  while (TRY(select.step()) == Statement::Step::row) names.push_back(select.text(0));
  return names;
}

Result<std::vector<std::pair<std::string, std::string>>> WorkingContainers::bases() {
  auto lock = m_store->database().lock();
  auto select = TRY(m_store->database().prepare("SELECT name, base FROM working_containers ORDER BY name"));
  std::vector<std::pair<std::string, std::string>> bases;
  while (TRY(select.step()) == Statement::Step::row) bases.emplace_back(select.text(0), select.text(1));
  return bases;
}

Result<> WorkingContainers::add(const WorkingContainer& container) {
  auto transaction = TRY(m_store->database().begin());
  auto select = TRY(m_store->database().prepare("SELECT 1 FROM working_containers WHERE name = ?1"));
  select.bind(1, container.name);
  if (TRY(select.step()) == Statement::Step::row) {
    auto error = Error(ErrorKind::conflict,
                       fmt::format("there is a working container '{}' already", printable(container.name)));
    return std::unexpected(std::move(error).hint("remove it: ecrin rm " + container.name));
  }
  TRY(update(container));
  return transaction.commit();
}

Result<> WorkingContainers::update(const WorkingContainer& container) {
  auto lock = m_store->database().lock();
  auto insert = TRY(m_store->database().prepare(
      "INSERT OR REPLACE INTO working_containers (name, created, base, layers, state) "
      "VALUES (?1, ?2, ?3, ?4, ?5)"));
  return insert.bind(1, container.name)
      .bind(2, container.created)
      .bind(3, container.base)
      .bind(4, layer_list(container))
      .bind(5, encode(container))
      .run();
}

Result<> WorkingContainers::remove(const std::string& name) {
  auto lock = m_store->database().lock();
  auto remove = TRY(m_store->database().prepare("DELETE FROM working_containers WHERE name = ?1"));
  TRY(remove.bind(1, name).run());
  if (m_store->database().changes() != 1)
    return fail(ErrorKind::not_found, "there is no working container '{}'", printable(name));
  return {};
}

Result<WorkingContainers::Needs> WorkingContainers::needs() {
  auto lock = m_store->database().lock();
  auto select = TRY(m_store->database().prepare("SELECT base, layers FROM working_containers"));
  Needs needs;
  while (TRY(select.step()) == Statement::Step::row) {
    if (std::string base = select.text(0); !base.empty()) needs.bases.push_back(std::move(base));
    if (const std::string layers = select.text(1); !layers.empty()) {
      for (std::string& id : split(layers, ' ')) needs.layers.push_back(std::move(id));
    }
  }
  auto mounts = TRY(m_store->database().prepare("SELECT layer FROM working_mounts"));
  while (TRY(mounts.step()) == Statement::Step::row) needs.layers.push_back(mounts.text(0));
  return needs;
}

}  // namespace ecrin::build
