// Recorded owners (recorded_owner.hpp) of what can have no user.* attribute: symbolic links, pipes and
// sockets. They are known by inode and time of birth, so that renaming them changes nothing and a number that
// is used again is not mistaken for the old file. The journal is a text file beside the tree, one line for a
// record, the last one of a file counts.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "fs/recorded_owner.hpp"

namespace ecrin::fs {

struct BirthMark {
  std::uint64_t inode = 0;
  std::int64_t seconds = 0;  // of its birth; 0 where the file system does not tell
  std::uint32_t nanoseconds = 0;
  auto operator<=>(const BirthMark&) const = default;
};
/// Of an open file (O_PATH is enough).
Result<BirthMark> birth_mark(const Fd& file);

/// May be used by several threads.
class OwnerJournal {
public:
  /// The file is made when it is not there. Other processes may write to it too: what they recorded is found.
  static Result<OwnerJournal> open(const Fd& directory, const std::string& name);

  OwnerJournal() = default;  // in memory
  OwnerJournal(OwnerJournal&& other) noexcept;
  OwnerJournal& operator=(OwnerJournal&& other) noexcept;

  Result<std::optional<RecordedOwner>> find(const BirthMark& mark);
  Result<> record(const BirthMark& mark, const RecordedOwner& owner);

private:
  Result<> read_on();

  std::mutex m_mutex;
  std::map<BirthMark, RecordedOwner> m_owners;
  Fd m_file;
  std::uint64_t m_known = 0;  // bytes of it that were read
};

}  // namespace ecrin::fs
