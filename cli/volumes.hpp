// Named volumes: <store>/volumes/NAME/data, made on first use with what the image has at that place, kept
// until the user removes them. And the names of running containers, held by a lock.
#pragma once

#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "base/store.hpp"

namespace ecrin::cli {

class Volumes {
public:
  explicit Volumes(Store& store) : m_store(store) {}
  Volumes(const Volumes&) = delete;
  Volumes& operator=(const Volumes&) = delete;
  ~Volumes();  // removes the volumes without a name

  /// The absolute path of the volume's data. A volume that does not exist yet is filled from `destination` in
  /// `rootfs`; one without a name is always new.
  Result<std::string> open(const std::string& name, const Fd& rootfs, const std::string& destination);

private:
  Result<std::string> make_draft(const Fd& rootfs, const std::string& destination);
  Store& m_store;
  std::vector<std::string> m_drafts;  // names in the store's temporary directory
};

/// The name of a running container: nobody else gets it while the lock lives.
Result<NamedLock> lock_container_name(Store& store, const std::string& name);

}  // namespace ecrin::cli
