#include "fs/owner_journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::fs {
namespace {

template <class Number>
bool take_number(std::string_view& line, Number& value) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end == line.data() + line.size() || *end != ' ') return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
  return true;
}

std::string line_of(const BirthMark& mark, const RecordedOwner& owner) {
  return fmt::format("{} {} {} {}\n", mark.inode, mark.seconds, mark.nanoseconds,
                     format_recorded_owner(owner, 0777));
}

}  // namespace

Result<BirthMark> birth_mark(const Fd& file) {
  struct statx status {};
  if (::statx(file.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0)
    return fail_errno("cannot read the state of a file");
  BirthMark mark{.inode = status.stx_ino};
  if (status.stx_mask & STATX_BTIME) {
    mark.seconds = status.stx_btime.tv_sec;
    mark.nanoseconds = status.stx_btime.tv_nsec;
  }
  return mark;
}

OwnerJournal::OwnerJournal(OwnerJournal&& other) noexcept
    : m_owners(std::move(other.m_owners)), m_file(std::move(other.m_file)) {}

// A last line without its end is one that was being written when the writer was killed.
Result<OwnerJournal> OwnerJournal::read(std::string_view text, Fd file) {
  OwnerJournal journal;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    BirthMark mark;
    if (!take_number(line, mark.inode) || !take_number(line, mark.seconds) ||
        !take_number(line, mark.nanoseconds))
      return fail(ErrorKind::invalid, "the record of an owner is damaged");
    const auto owner = parse_recorded_owner(line);
    if (!owner) return fail(ErrorKind::invalid, "the record of an owner is damaged");
    journal.m_owners.insert_or_assign(mark, *owner);
  }
  journal.m_file = std::move(file);
  return journal;
}

std::optional<RecordedOwner> OwnerJournal::find(const BirthMark& mark) const {
  const std::scoped_lock lock(m_mutex);
  const auto found = m_owners.find(mark);
  if (found == m_owners.end()) return std::nullopt;
  return found->second;
}

Result<> OwnerJournal::record(const BirthMark& mark, const RecordedOwner& owner) {
  const std::scoped_lock lock(m_mutex);
  if (m_file) TRY(posix::write_full(m_file, line_of(mark, owner)));
  m_owners.insert_or_assign(mark, owner);
  return {};
}

bool OwnerJournal::empty() const {
  const std::scoped_lock lock(m_mutex);
  return m_owners.empty();
}

}  // namespace ecrin::fs
