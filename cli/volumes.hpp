// Named volumes: <store>/volumes/NAME/data, made on first use with what the image has at that place, kept
// until the user removes them. And the names of running containers, held by a lock.
#pragma once

#include <string>

#include "base/file_lock.hpp"
#include "base/store.hpp"

namespace ecrin::cli {

/// The absolute path of the volume's data. A volume that does not exist yet, or has no name (it is then this
/// process's own and goes with it), is filled from `destination` in `rootfs`.
Result<std::string> open_volume(Store& store, const std::string& name, const Fd& rootfs,
                                const std::string& destination);

/// The name of a running container: nobody else gets it while this lives.
class NameLock {
public:
  static Result<NameLock> acquire(Store& store, const std::string& name);
  NameLock(NameLock&&) noexcept = default;
  NameLock& operator=(NameLock&&) = delete;
  ~NameLock();

private:
  NameLock(Fd directory, std::string file, FileLock lock);
  Fd m_directory;
  std::string m_file;
  FileLock m_lock;
};

}  // namespace ecrin::cli
