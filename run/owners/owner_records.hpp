// Where the owners of files are kept for a container whose user namespace has one id: in an attribute of the
// file, in the journal of its tree, or, on file systems that go with the container, in memory.
#pragma once

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/fd.hpp"
#include "fs/owner_journal.hpp"
#include "fs/recorded_owner.hpp"

namespace ecrin::run {

/// May be used by several threads. Files are O_PATH descriptors.
class OwnerRecords {
public:
  /// `lower`: the journals of the layers, topmost first; `journal` is that of the tree itself.
  OwnerRecords(fs::OwnerJournal journal, std::vector<fs::OwnerJournal> lower)
      : m_journal(std::move(journal)), m_lower(std::move(lower)) {}
  OwnerRecords(OwnerRecords&& other) noexcept
      : m_journal(std::move(other.m_journal)),
        m_lower(std::move(other.m_lower)),
        m_memory(std::move(other.m_memory)) {}

  Result<std::optional<fs::RecordedOwner>> find(const Fd& file, const struct stat& status) const;
  Result<> record(const Fd& file, const struct stat& status, const fs::RecordedOwner& owner);

private:
  struct Place {
    dev_t device;
    fs::BirthMark mark;
    auto operator<=>(const Place&) const = default;
  };
  Result<> remember(const Fd& file, const struct stat& status, const fs::RecordedOwner& owner);

  fs::OwnerJournal m_journal;
  std::vector<fs::OwnerJournal> m_lower;
  mutable std::mutex m_mutex;
  std::map<Place, fs::RecordedOwner> m_memory;  // of files without such attributes
};

}  // namespace ecrin::run
