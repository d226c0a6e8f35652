// What the OCI runtime keeps of a container between its commands: a directory of its own below --root, with
// the state, a copy of config.json, and the gate at which a created container waits.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/file_lock.hpp"
#include "run/runtime_record.hpp"

namespace ecrin::run {

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
