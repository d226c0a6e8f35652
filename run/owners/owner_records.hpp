// Where the owners of files are kept for a container whose user namespace has one id: with the files
// (fs/file_owners.hpp) or, on file systems that cannot hold them and go with the container, in memory.
#pragma once

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <optional>

#include "base/fd.hpp"
#include "fs/file_owners.hpp"

namespace ecrin::run {

/// May be used by several threads. Files are O_PATH descriptors, `status` is what the kernel says of them.
class OwnerRecords {
public:
  Result<std::optional<fs::RecordedOwner>> find(const Fd& file, const struct stat& status) const;
  Result<> record(const Fd& file, const struct stat& status, const fs::RecordedOwner& owner);

private:
  struct Place {
    dev_t device;
    fs::BirthMark mark;
    auto operator<=>(const Place&) const = default;
  };

  mutable std::mutex m_mutex;
  std::map<Place, fs::RecordedOwner> m_memory;
};

}  // namespace ecrin::run
