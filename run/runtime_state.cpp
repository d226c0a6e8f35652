#include "run/runtime_state.hpp"

#include <nlohmann/json.hpp>

#include "base/atomic_file.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_container.hpp"
#include "run/gate.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_state_name = "state.json";
constexpr const char* k_config_name = "config.json";

Error no_container(const std::string& id) {
  return Error(ErrorKind::not_found, fmt::format("container '{}' does not exist", printable(id, 100)));
}

// One in a directory that everybody can write to might be somebody else's.
Result<Fd> open_root(const std::string& root) {
  Fd directory = TRY(posix::open(root, O_PATH | O_DIRECTORY));
  if (auto own = posix::check_own_directory(directory, root); !own)
    return std::unexpected(std::move(own).error().hint("--root names another directory"));
  return directory;
}

// A lock belongs to what was opened: the directory's own descriptor stays without one.
Result<Fd> open_for_lock(const Fd& directory) {
  return posix::open(posix::fd_path(directory), O_RDONLY | O_DIRECTORY);
}

Result<> remove_contents(const Fd& directory) {
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(directory)))
    TRY(posix::unlink_at(directory, entry.name));
  return {};
}

}  // namespace

Result<ContainerDirectory> ContainerDirectory::create(const std::string& root, const std::string& id) {
  TRY(check_container_id(id));
  TRY(posix::make_directories(root, 0711));
  Fd root_directory = TRY(open_root(root));
  constexpr int k_attempts = 100;
  for (int attempt = 0; attempt < k_attempts; ++attempt) {
    const auto made = posix::mkdir_at(root_directory, id, 0700);
    if (!made && made.error().code() != EEXIST) return std::unexpected(made.error());
    auto opened = posix::open_at(root_directory, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened && opened.error().code() == ENOENT) continue;  // removed meanwhile
    ContainerDirectory directory(TRY(root_directory.duplicate()), TRY(std::move(opened)), id,
                                 root + "/" + id);
    // One that is new belongs to us: who asks for its status holds the lock for a moment only.
    Fd file = TRY(open_for_lock(directory.m_directory));
    std::optional<FileLock> lock;
    if (made)
      lock = TRY(FileLock::acquire(std::move(file), FileLock::Mode::exclusive));
    else
      lock = TRY(FileLock::acquire_now(std::move(file), FileLock::Mode::exclusive));
    if (lock && !TRY(directory.is_current())) continue;
    // A create that was killed before it knew the container's first process leaves a directory without state,
    // or with that of no process, and no lock.
    const auto record = directory.read();
    const bool taken = !lock || (record && record->process.pid > 0);
    if (taken)
      return fail(ErrorKind::conflict, "a container with the id '{}' exists already", printable(id, 100));
    directory.m_lock = std::move(lock);
    TRY(remove_contents(directory.m_directory));
    return directory;
  }
  return fail(ErrorKind::conflict, "a container with the id '{}' comes and goes", printable(id, 100));
}

Result<ContainerDirectory> ContainerDirectory::open(const std::string& root, const std::string& id) {
  TRY(check_container_id(id));
  auto root_directory = open_root(root);
  if (!root_directory && root_directory.error().code() == ENOENT) return std::unexpected(no_container(id));
  if (!root_directory) return std::unexpected(root_directory.error());
  auto directory = posix::open_at(*root_directory, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory && directory.error().code() == ENOENT) return std::unexpected(no_container(id));
  if (!directory) return std::unexpected(directory.error());
  return ContainerDirectory(*std::move(root_directory), *std::move(directory), id, root + "/" + id);
}

Result<std::vector<std::string>> ContainerDirectory::list(const std::string& root) {
  const auto directory = open_root(root);
  if (!directory && directory.error().code() == ENOENT) return std::vector<std::string>();
  if (!directory) return std::unexpected(directory.error());
  std::vector<std::string> ids;
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(*directory)))
    if (entry.type == DT_DIR && check_container_id(entry.name)) ids.push_back(entry.name);
  return ids;
}

// Does its name still stand for it?
Result<bool> ContainerDirectory::is_current() const {
  const auto named = posix::lstat_at(m_root, m_id);
  if (!named && named.error().code() == ENOENT) return false;
  if (!named) return std::unexpected(named.error());
  const struct stat own = TRY(posix::stat_fd(m_directory));
  return named->st_ino == own.st_ino && named->st_dev == own.st_dev;
}

Result<> ContainerDirectory::lock() {
  m_lock = TRY(FileLock::acquire(TRY(open_for_lock(m_directory)), FileLock::Mode::exclusive));
  if (!TRY(is_current())) return std::unexpected(no_container(m_id));
  return {};
}

Result<ContainerRecord> ContainerDirectory::read() const {
  auto file = posix::open_at(m_directory, k_state_name, O_RDONLY | O_NOFOLLOW);
  if (!file && file.error().code() == ENOENT) {
    // A create that has not come so far, or never will.
    return ContainerRecord{.id = m_id};
  }
  const Fd opened = TRY(std::move(file));
  return TRY_WHILE(record_from_json(TRY(posix::read_fd(opened))), "reading {}/{}", printable(m_path),
                   k_state_name);
}

Result<> ContainerDirectory::write(const ContainerRecord& record) const {
  const AtomicFile::Sync none = AtomicFile::Sync::no;
  auto file = TRY(AtomicFile::create(m_directory, k_state_name, 0600));
  TRY(posix::write_full(file.file(), dump_json(record_to_json(record))));
  return file.commit(none);
}

Result<> ContainerDirectory::write_config(std::string_view text) const {
  const Fd file =
      TRY(posix::open_at(m_directory, k_config_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  return posix::write_full(file, text);
}

Result<std::string> ContainerDirectory::read_config() const {
  return posix::read_fd(TRY(posix::open_at(m_directory, k_config_name, O_RDONLY | O_NOFOLLOW)));
}

bool ContainerDirectory::has_gate() const {
  const auto there = posix::exists_at(m_directory, k_gate_name);
  return there && *there == posix::Exists::yes;
}

Result<ContainerStatus> ContainerDirectory::status(const ContainerRecord& record) const {
  if (record.process.pid == 0) {
    if (m_lock) return ContainerStatus::creating;
    const auto free = TRY(FileLock::acquire_now(TRY(open_for_lock(m_directory)), FileLock::Mode::shared));
    return free ? ContainerStatus::stopped : ContainerStatus::creating;
  }
  if (!is_alive(record.process)) return ContainerStatus::stopped;
  if (has_gate()) return ContainerStatus::created;
  const auto frozen = ContainerCgroup(record.cgroup).frozen();
  return frozen && *frozen ? ContainerStatus::paused : ContainerStatus::running;
}

Result<> ContainerDirectory::remove() {
  TRY(remove_contents(m_directory));
  TRY(posix::unlink_at(m_root, m_id, AT_REMOVEDIR));
  m_lock.reset();
  return {};
}

}  // namespace ecrin::run
