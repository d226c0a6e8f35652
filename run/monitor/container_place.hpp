// ContainerPlace: the directory of one container in the store, <store>/containers/<id>/:
//
//   lock       held by the container's monitor as long as it lives, or by whoever removes the container
//   control    the socket of the monitor (control.hpp)
//   log        what its program wrote, and log.1 (container_log.hpp)
//   upper/     what was written to its tree, kept until the container is removed
//   scratch/   of the mount of its tree
//
// A directory gets its name with the lock held, and is moved away before it is deleted: one that nobody has
// locked and no row names is garbage.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "base/store.hpp"

namespace ecrin::run {

/// 64 random hexadecimal digits.
std::string make_container_id();

class ContainerPlace {
public:
  struct Made;
  /// A new directory, locked.
  static Result<Made> make(Store& store, const std::string& id);
  static Result<ContainerPlace> open(Store& store, const std::string& id);

  const std::string& path() const { return m_path; }  // absolute
  const Fd& directory() const { return m_directory; }
  /// Does somebody hold the lock: is there a monitor?
  Result<bool> is_locked() const;
  /// Empty when somebody else still holds it after this time; ErrorKind::not_found: it is being deleted.
  Result<std::optional<FileLock>> lock(std::chrono::milliseconds patience) const;
  /// While this is held no monitor comes; empty when there is one. Those who look do not hinder each other.
  Result<std::optional<FileLock>> keep_idle() const;

private:
  ContainerPlace(std::string path, Fd directory)
      : m_path(std::move(path)), m_directory(std::move(directory)) {}
  std::string m_path;
  Fd m_directory;
};

struct ContainerPlace::Made {
  ContainerPlace place;
  FileLock lock;
};

/// Moves a container's directory away and deletes it; with its lock held. Inside the user namespace, where
/// files of all owners can be deleted.
Result<> remove_container_place(Store& store, const std::string& id);
/// Directories that nobody holds: what is garbage when the table, looked at afterwards, has no row for them.
Result<std::vector<std::string>> unlocked_places(Store& store);

}  // namespace ecrin::run
