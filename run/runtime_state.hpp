// What the OCI runtime keeps of a container between its commands: a directory of its own below --root, with
// the state, a copy of config.json, and the gate at which a created container waits.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/file_lock.hpp"
#include "base/json.hpp"
#include "run/cgroup/cgroup_container.hpp"

namespace ecrin::run {

/// The runtime-spec's statuses, and "paused" of runc and crun.
enum class ContainerStatus { creating, created, running, paused, stopped };
std::string_view to_string(ContainerStatus status);

/// A process that no later one with the same number can be taken for.
struct ProcessName {
  pid_t pid = 0;                 // 0: none yet
  std::uint64_t start_time = 0;  // clock ticks since the boot
  std::string boot;              // the kernel's id of it
  bool operator==(const ProcessName&) const = default;
};
Result<ProcessName> name_process(pid_t pid);
/// Has it not ended? One that only waits to be waited for has.
bool is_alive(const ProcessName& process);

struct ContainerRecord {
  std::string id;
  ProcessName process;  // the container's first
  std::string bundle;   // absolute
  std::string rootfs;   // absolute
  std::string created;  // RFC 3339
  uid_t owner = 0;
  std::map<std::string, std::string> annotations;
  CgroupState cgroup;
  bool own_pid_namespace = true;  // all of its processes end with the first
  bool shares_mounts = false;     // its mounts are the runtime's too (shared_mounts.hpp)
  bool late_hooks = false;        // config.json has some for after the start or the end
  bool operator==(const ContainerRecord&) const = default;
};
Json record_to_json(const ContainerRecord& record);
Result<ContainerRecord> record_from_json(std::string_view text);

/// Now, with nanoseconds: "2026-01-31T12:00:00.123456789Z".
std::string creation_time();

/// The state as hooks and engines read it (runtime.md, "State"), with what runc and crun add.
Json state_document(const ContainerRecord& record, ContainerStatus status);

/// Letters, digits and "_+-.", at most 255, no dot in front.
Result<> check_container_id(std::string_view id);

class ContainerDirectory {
public:
  /// A new one, locked; ErrorKind::conflict when the id is taken. What a killed create left is taken away.
  static Result<ContainerDirectory> create(const std::string& root, const std::string& id);
  /// ErrorKind::not_found when there is none.
  static Result<ContainerDirectory> open(const std::string& root, const std::string& id);
  /// The ids of all, sorted; none when `root` is not there.
  static Result<std::vector<std::string>> list(const std::string& root);

  /// Waits until no other command changes it; not_found when it was removed meanwhile.
  Result<> lock();
  void unlock() { m_lock.reset(); }

  const Fd& directory() const { return m_directory; }
  const std::string& path() const { return m_path; }
  Result<ContainerRecord> read() const;
  Result<> write(const ContainerRecord& record) const;
  Result<> write_config(std::string_view text) const;
  Result<std::string> read_config() const;

  bool has_gate() const;
  /// What is true now.
  Result<ContainerStatus> status(const ContainerRecord& record) const;
  /// Takes it away, with everything in it.
  Result<> remove();

private:
  ContainerDirectory(Fd root, Fd directory, std::string id, std::string path)
      : m_root(std::move(root)),
        m_directory(std::move(directory)),
        m_id(std::move(id)),
        m_path(std::move(path)) {}
  Result<bool> is_current() const;

  Fd m_root;
  Fd m_directory;
  std::string m_id;
  std::string m_path;
  std::optional<FileLock> m_lock;
};

}  // namespace ecrin::run
