#include "run/runtime_state.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/atomic_file.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/runtime_config.hpp"
#include "run/gate.hpp"
#include "run/process_stat.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_state_name = "state.json";
constexpr const char* k_config_name = "config.json";
constexpr std::string_view k_what = "the container's state";
constexpr std::size_t k_longest_id = 255;  // it is the name of a directory

// Of a pid and of a user; the kernel's own are far smaller. A negative pid would mean a group of processes.
constexpr std::uint64_t k_largest_pid = INT32_MAX;
constexpr std::uint64_t k_largest_owner = UINT32_MAX - 1;

Result<std::uint64_t> bounded_number(const Json& json, const char* key, std::uint64_t largest) {
  const std::uint64_t value = TRY(json_unsigned(json, key, k_what)).value_or(0);
  if (value > largest) return fail(ErrorKind::invalid, "{}: '{}' is {}", k_what, key, value);
  return value;
}

Error no_container(const std::string& id) {
  return Error(ErrorKind::not_found, fmt::format("container '{}' does not exist", printable(id, 100)));
}

Result<std::string> boot_id() {
  return std::string(trim(TRY(posix::read_file("/proc/sys/kernel/random/boot_id", 100))));
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

std::string_view to_string(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::creating:
      return "creating";
    case ContainerStatus::created:
      return "created";
    case ContainerStatus::running:
      return "running";
    case ContainerStatus::paused:
      return "paused";
    case ContainerStatus::stopped:
      return "stopped";
  }
  return "stopped";
}

Result<ProcessName> name_process(pid_t pid) {
  const ProcessStat facts = TRY(read_process_stat(pid));
  std::string boot = TRY(boot_id());
  return ProcessName{.pid = pid, .start_time = facts.start_time, .boot = std::move(boot)};
}

bool is_alive(const ProcessName& process) {
  if (process.pid <= 0) return false;
  const auto facts = read_process_stat(process.pid);
  if (!facts || facts->has_ended()) return false;
  if (facts->start_time != process.start_time) return false;
  const auto boot = boot_id();
  return boot && *boot == process.boot;
}

Json record_to_json(const ContainerRecord& record) {
  return Json{{"ociVersion", oci::RuntimeConfig{}.version},
              {"id", record.id},
              {"pid", record.process.pid},
              {"startTime", record.process.start_time},
              {"boot", record.process.boot},
              {"bundle", record.bundle},
              {"rootfs", record.rootfs},
              {"created", record.created},
              {"owner", record.owner},
              {"annotations", record.annotations},
              {"cgroup", cgroup_state_to_json(record.cgroup)},
              {"ownPidNamespace", record.own_pid_namespace},
              {"sharesMounts", record.shares_mounts},
              {"lateHooks", record.late_hooks}};
}

Result<ContainerRecord> record_from_json(std::string_view text) {
  const std::string_view what = k_what;
  const Json json = TRY(parse_json(text, what));
  ContainerRecord record;
  record.id = TRY(json_string(json, "id", what)).value_or("");
  record.process.pid = static_cast<pid_t>(TRY(bounded_number(json, "pid", k_largest_pid)));
  record.process.start_time = TRY(json_unsigned(json, "startTime", what)).value_or(0);
  record.process.boot = TRY(json_string(json, "boot", what)).value_or("");
  record.bundle = TRY(json_string(json, "bundle", what)).value_or("");
  record.rootfs = TRY(json_string(json, "rootfs", what)).value_or("");
  record.created = TRY(json_string(json, "created", what)).value_or("");
  record.owner = static_cast<uid_t>(TRY(bounded_number(json, "owner", k_largest_owner)));
  if (const Json* annotations = TRY(json_object(json, "annotations", what)))
    for (const auto& [key, value] : annotations->items())
      if (value.is_string()) record.annotations[key] = value.get<std::string>();
  if (const Json* cgroup = TRY(json_object(json, "cgroup", what)))
    record.cgroup = TRY(cgroup_state_from_json(*cgroup));
  record.own_pid_namespace = TRY(json_bool(json, "ownPidNamespace", what)).value_or(true);
  record.shares_mounts = TRY(json_bool(json, "sharesMounts", what)).value_or(false);
  record.late_hooks = TRY(json_bool(json, "lateHooks", what)).value_or(false);
  return record;
}

std::string creation_time() {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::string text = format_time(now.tv_sec);
  text.pop_back();  // the Z
  return fmt::format("{}.{:09}Z", text, now.tv_nsec);
}

Json state_document(const ContainerRecord& record, ContainerStatus status) {
  Json document = {{"ociVersion", oci::RuntimeConfig{}.version},
                   {"id", record.id},
                   {"status", std::string(to_string(status))},
                   {"bundle", record.bundle},
                   {"rootfs", record.rootfs},
                   {"created", record.created},
                   {"pid", status == ContainerStatus::stopped ? 0 : record.process.pid}};
  if (!record.annotations.empty()) document["annotations"] = record.annotations;
  return document;
}

Result<> check_container_id(std::string_view id) {
  const auto allowed = [](unsigned char character) {
    return std::isalnum(character) != 0 ||
           std::string_view("_+-.").find(static_cast<char>(character)) != std::string_view::npos;
  };
  if (id.empty() || id.size() > k_longest_id)
    return fail(ErrorKind::invalid, "a container ID has 1 to {} characters", k_longest_id);
  // A dot in front would hide it.
  if (id.starts_with('.') || !std::ranges::all_of(id, allowed))
    return std::unexpected(
        Error(ErrorKind::invalid,
              fmt::format("invalid character in the container ID '{}'", printable(id, 100)))
            .hint("letters, digits and any of _ + - . are allowed, and it begins with no dot"));
  return {};
}

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
