// Recorded owners, their journal and the maps of ids: what is read is the same when it was written and read
// again.
#include <fcntl.h>

#include "fs/id_map.hpp"
#include "fs/owner_journal.hpp"
#include "fs/recorded_owner.hpp"
#include "tests/fuzz/fuzzer.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using ecrin::fuzz::require;

namespace {

void check_owner(std::string_view text) {
  const auto owner = parse_recorded_owner(text);
  if (!owner) return;
  require(owner->type == 0 || S_ISCHR(owner->type) || S_ISBLK(owner->type));
  const auto again = parse_recorded_owner(format_recorded_owner(*owner, 0644));
  require(again && *again == *owner);
  struct stat status {};
  status.st_mode = S_IFREG | 0644;
  apply_recorded_owner(status, *owner);
  require(status.st_uid == owner->uid && (status.st_mode & 07777) == 0644);
}

void check_journal(std::string_view text) {
  static const test::TempDirectory place;
  const std::string name = "journal";
  const Fd file = posix::open_at(place.fd(), name, O_WRONLY | O_CREAT | O_TRUNC, 0600).value();
  require(posix::write_full(file, text).has_value());
  {
    auto journal = OwnerJournal::open(place.fd(), name);
    require(journal.has_value());  // a damaged line is no reason to lose the others
    // Whatever was there, what is recorded now is found, by others too.
    const BirthMark mark{.inode = 7, .seconds = 1, .nanoseconds = 2};
    const RecordedOwner owner{.uid = 3, .gid = 4};
    require(journal->record(mark, owner).has_value());
    auto other = OwnerJournal::open(place.fd(), name);
    require(other.has_value());
    const auto found = other->find(mark);
    require(found && *found && **found == owner);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_owner(text);
  check_journal(text);
  if (const auto map = parse_id_map(text)) {
    const auto again = parse_id_map(format_id_map(*map));
    require(again && *again == *map);
    require(contiguous_ids(*map) <= 1ull << 32);
  }
  if (const auto ranges = parse_subid(text, "someone", 1000)) {
    for (const IdRange& range : map_with_ranges(1000, *ranges)) {
      require(range.size > 0 && std::uint64_t{range.host_id} + range.size <= 1ull << 32 &&
              std::uint64_t{range.container_id} + range.size <= 1ull << 32);
    }
  }
  return 0;
}
