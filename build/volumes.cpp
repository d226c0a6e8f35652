#include "build/volumes.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/names.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/file_owners.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {

namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"(
CREATE TABLE volume_uses (
  container TEXT NOT NULL,  -- ID
  place TEXT NOT NULL,      -- where it is mounted
  volume TEXT NOT NULL,
  PRIMARY KEY (container, place)
) WITHOUT ROWID;
)"};
constexpr std::string_view k_lease_kind = "volume";
constexpr const char* k_data = "data";
constexpr const char* k_facts = "volume.json";
constexpr const char* k_filling = "filling";  // what the image has there is being copied
constexpr const char* k_filled = "filled";    // the whole copy, on its way into "data"
constexpr std::size_t k_name_limit = 200;

std::string facts_of(const Volume& volume) {
  return dump_json({{"created", volume.created}, {"labels", volume.labels}, {"anonymous", volume.anonymous}});
}

Result<Volume> read_volume(const Fd& volumes, const std::string& name) {
  Volume volume{.name = name};
  const Fd directory = TRY(posix::open_at(volumes, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const auto file = posix::open_at(directory, k_facts, O_RDONLY | O_NOFOLLOW);
  if (!file) {
    // An earlier version wrote nothing down.
    volume.created = TRY(posix::stat_fd(directory)).st_mtim.tv_sec;
    return volume;
  }
  const std::string what = fmt::format("the description of volume '{}'", name);
  const Json json = TRY(parse_json(TRY(posix::read_fd(*file)), what));
  volume.created = TRY(json_integer(json, "created", what)).value_or(0);
  volume.anonymous = TRY(json_bool(json, "anonymous", what)).value_or(false);
  if (const Json* labels = TRY(json_object(json, "labels", what))) {
    for (const auto& item : labels->items())
      if (item.value().is_string()) volume.labels[item.key()] = item.value().get<std::string>();
  }
  return volume;
}

std::unexpected<Error> no_volume(const std::string& name) {
  return std::unexpected(Error(ErrorKind::not_found, fmt::format("there is no volume '{}'", printable(name)))
                             .hint("'ecrin volume ls' lists those there are"));
}

// Moves all that a copy has into the directory that containers may have mounted already. What one of them
// wrote there meanwhile wins.
Result<> take_in(const Fd& volume, const char* copy, const Fd& data) {
  const Fd from = TRY(posix::open_at(volume, copy, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const struct stat status = TRY(fs::status_of(from));
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(from))) {
    const auto moved = posix::rename_at(from, entry.name, data, entry.name, RENAME_NOREPLACE);
    if (!moved && moved.error().code() != EEXIST) return moved;
  }
  TRY(fs::set_owner_at(volume, k_data, status.st_uid, status.st_gid));
  TRY(posix::chmod_at(volume, k_data, status.st_mode & 07777));
  return fs::remove_tree(volume, copy);
}

}  // namespace

bool is_volume_name(std::string_view name) {
  return is_plain_name(name, k_name_limit);
}

std::string new_volume_name() {
  return sha256_hex(Store::unique_name());
}

Result<Volumes> Volumes::open(Store& store) {
  TRY(store.database().migrate("volumes", k_schema));
  return Volumes(store);
}

std::string Volumes::path(const std::string& name) const {
  return m_store->path() + "/volumes/" + name + "/" + k_data;
}

Result<std::vector<Volume>> Volumes::list() {
  const Fd volumes = TRY(m_store->subdirectory("volumes"));
  std::vector<Volume> list;
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(volumes))) {
    if (entry.type != DT_DIR || !is_volume_name(entry.name)) continue;
    auto volume = read_volume(volumes, entry.name);
    // Removed meanwhile.
    if (!volume && volume.error().kind() == ErrorKind::not_found) continue;
    list.push_back(TRY(std::move(volume)));
  }
  return list;
}

Result<std::optional<Volume>> Volumes::find(const std::string& name) {
  if (!is_volume_name(name)) return std::nullopt;
  auto volume = read_volume(TRY(m_store->subdirectory("volumes")), name);
  if (!volume && volume.error().kind() == ErrorKind::not_found) return std::nullopt;
  return TRY(std::move(volume));
}

Result<Volume> Volumes::need(const std::string& name) {
  auto volume = TRY(find(name));
  if (!volume) return no_volume(name);
  return std::move(*volume);
}

Result<> Volumes::create(const Volume& volume) {
  if (!is_volume_name(volume.name)) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is no name for a volume", printable(volume.name)))
            .hint("a name has letters, digits, '_', '.' and '-', and begins with a letter or digit"));
  }
  const Fd volumes = TRY(m_store->subdirectory("volumes"));
  const Fd temporary = TRY(m_store->temporary());
  const std::string draft = "volume-" + Store::unique_name();
  TRY(posix::mkdir_at(temporary, draft, 0700));
  const Fd directory = TRY(posix::open_at(temporary, draft, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(posix::mkdir_at(directory, k_data, 0755));
  TRY(posix::chmod_at(directory, k_data, 0755));
  const Fd facts = TRY(posix::open_at(directory, k_facts, O_WRONLY | O_CREAT | O_EXCL, 0600));
  TRY(posix::write_full(facts, facts_of(volume)));
  auto transaction = TRY(m_store->database().begin());
  const auto moved = posix::rename_at(temporary, draft, volumes, volume.name, RENAME_NOREPLACE);
  if (!moved) {
    TRY(fs::remove_tree(temporary, draft));
    if (moved.error().code() != EEXIST) return moved;
    return fail(ErrorKind::conflict, "there is a volume '{}' already", volume.name);
  }
  TRY(m_store->hold(k_lease_kind, volume.name));
  return transaction.commit();
}

Result<bool> Volumes::hold(const std::string& name) {
  const Fd volumes = TRY(m_store->subdirectory("volumes"));
  auto transaction = TRY(m_store->database().begin());
  if (TRY(posix::exists_at(volumes, name)) == posix::Exists::no) return false;
  TRY(m_store->hold(k_lease_kind, name));
  TRY(transaction.commit());
  return true;
}

Result<std::set<std::string>> Volumes::used() {
  const auto lock = m_store->database().lock();
  TRY(m_store->dead_leases());
  std::set<std::string> names;
  for (std::string& name : TRY(m_store->held_by_others(k_lease_kind))) names.insert(std::move(name));
  auto select = TRY(m_store->database().prepare("SELECT DISTINCT volume FROM volume_uses"));
  while (TRY(select.step()) == Statement::Step::row) names.insert(select.text(0));
  return names;
}

// Inside a transaction that saw that nobody uses it.
Result<> Volumes::retire(const std::string& name) {
  const Fd volumes = TRY(m_store->subdirectory("volumes"));
  return posix::rename_at(volumes, name, TRY(m_store->temporary()), "volume-" + name);
}

Result<> Volumes::remove(const std::string& name) {
  TRY(need(name));
  {
    auto transaction = TRY(m_store->database().begin());
    if (TRY(used()).contains(name)) {
      const std::vector<std::string> containers = TRY(containers_of(name));
      Error error(ErrorKind::conflict, fmt::format("volume '{}' is in use", name));
      if (containers.empty()) return std::unexpected(std::move(error).hint("a container mounts it: stop it"));
      return std::unexpected(std::move(error).hint(
          fmt::format("remove its container first: ecrin rm {}", short_id(containers.front()))));
    }
    TRY(retire(name));
    TRY(transaction.commit());
  }
  return fs::remove_tree(TRY(m_store->temporary()), "volume-" + name);
}

Result<Volumes::Pruned> Volumes::prune(const std::function<bool(const Volume&)>& choose) {
  Pruned pruned;
  const std::vector<Volume> all = TRY(list());
  {
    auto transaction = TRY(m_store->database().begin());
    const std::set<std::string> in_use = TRY(used());
    for (const Volume& volume : all) {
      if (in_use.contains(volume.name) || !choose(volume)) continue;
      const auto retired = retire(volume.name);
      if (!retired && retired.error().kind() == ErrorKind::not_found) continue;  // by another process
      TRY(retired);
      pruned.names.push_back(volume.name);
    }
    TRY(transaction.commit());
  }
  const Fd temporary = TRY(m_store->temporary());
  for (const std::string& name : pruned.names) {
    const Fd directory =
        TRY(posix::open_at(temporary, "volume-" + name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    pruned.bytes += TRY(fs::measure_tree(directory)).bytes;
    TRY(fs::remove_tree(temporary, "volume-" + name));
  }
  return pruned;
}

Result<> copy_up(const Fd& parent, const std::string& directory, const Fd& rootfs, const std::string& place) {
  const auto covered = posix::open_in_root(rootfs, place, O_RDONLY | O_DIRECTORY);
  if (!covered) return {};  // nothing there, or no directory
  const Fd to = TRY(posix::open_at(parent, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(fs::copy_tree(*covered, to, fs::Hardlinks::keep));
  const struct stat status = TRY(fs::status_of(*covered));
  TRY(fs::set_owner_at(parent, directory, status.st_uid, status.st_gid));
  return posix::chmod_at(parent, directory, status.st_mode & 07777);
}

Result<> Volumes::fill(const std::string& name, const Fd& rootfs, const std::string& place,
                       const CancelToken* cancel) {
  const Fd volumes = TRY(m_store->subdirectory("volumes"));
  const Fd volume = TRY(posix::open_at(volumes, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const Fd data = TRY(posix::open_at(volume, k_data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const auto is_there = [&](const char* part) -> Result<bool> {
    return TRY(posix::exists_at(volume, part)) == posix::Exists::yes;
  };
  const auto is_empty = [&]() -> Result<bool> { return TRY(posix::list_directory(data)).empty(); };
  if (!TRY(is_empty()) && !TRY(is_there(k_filling)) && !TRY(is_there(k_filled))) return {};
  const FileLock lock = TRY(FileLock::acquire_named(volume, "fill.lock", 0600, cancel));
  // What a killed process left: half a copy is no use, a whole one is moved to its end.
  if (TRY(is_there(k_filling))) TRY(fs::remove_tree(volume, k_filling));
  if (!TRY(is_there(k_filled))) {
    if (!TRY(is_empty()) || !posix::open_in_root(rootfs, place, O_PATH | O_DIRECTORY)) return {};
    TRY(posix::mkdir_at(volume, k_filling, 0700));
    TRY(copy_up(volume, k_filling, rootfs, place));
    TRY(posix::rename_at(volume, k_filling, volume, k_filled));
  }
  return take_in(volume, k_filled, data);
}

Result<> Volumes::attach(const std::string& container, const std::string& place, const std::string& volume) {
  const auto lock = m_store->database().lock();
  auto insert = TRY(m_store->database().prepare(
      "INSERT OR REPLACE INTO volume_uses (container, place, volume) VALUES (?1, ?2, ?3)"));
  return insert.bind(1, container).bind(2, place).bind(3, volume).run();
}

Result<std::map<std::string, std::string>> Volumes::attached(const std::string& container) {
  const auto lock = m_store->database().lock();
  auto select =
      TRY(m_store->database().prepare("SELECT place, volume FROM volume_uses WHERE container = ?1"));
  select.bind(1, container);
  std::map<std::string, std::string> volumes;
  while (TRY(select.step()) == Statement::Step::row) volumes.emplace(select.text(0), select.text(1));
  return volumes;
}

Result<std::vector<std::string>> Volumes::detach(const std::string& container) {
  const std::map<std::string, std::string> had = TRY(attached(container));
  const auto lock = m_store->database().lock();
  auto remove = TRY(m_store->database().prepare("DELETE FROM volume_uses WHERE container = ?1"));
  TRY(remove.bind(1, container).run());
  std::vector<std::string> names;
  for (const auto& [place, name] : had) {
    const auto volume = TRY(find(name));
    if (volume && volume->anonymous && std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

Result<std::vector<std::string>> Volumes::containers_of(const std::string& volume) {
  const auto lock = m_store->database().lock();
  auto select = TRY(m_store->database().prepare(
      "SELECT DISTINCT container FROM volume_uses WHERE volume = ?1 ORDER BY container"));
  select.bind(1, volume);
  std::vector<std::string> containers;
  while (TRY(select.step()) == Statement::Step::row) containers.push_back(select.text(0));
  return containers;
}

}  // namespace ecrin::build
