#include "fs/owner_journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::fs {
namespace {

constexpr std::uint64_t k_most_bytes = 1u << 30;

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

OwnerJournal::OwnerJournal(OwnerJournal&& other) noexcept {
  *this = std::move(other);
}

OwnerJournal& OwnerJournal::operator=(OwnerJournal&& other) noexcept {
  m_owners = std::move(other.m_owners);
  m_file = std::move(other.m_file);
  m_known = other.m_known;
  return *this;
}

Result<OwnerJournal> OwnerJournal::open(const Fd& directory, const std::string& name) {
  OwnerJournal journal;
  journal.m_file = TRY(posix::open_at(directory, name, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0600));
  TRY_WHILE(journal.read_on(), "reading '{}'", printable(name));
  return journal;
}

// A last line without its end is still being written, or its writer was killed: the next one begins anew.
Result<> OwnerJournal::read_on() {
  if (!m_file) return {};
  const auto size = static_cast<std::uint64_t>(TRY(posix::stat_fd(m_file)).st_size);
  if (size <= m_known) return {};
  if (size - m_known > k_most_bytes) return fail(ErrorKind::limit, "the records of owners are too long");
  std::string bytes(size - m_known, '\0');
  const ssize_t count = ::pread(m_file.get(), bytes.data(), bytes.size(), static_cast<off_t>(m_known));
  if (count < 0) return fail_errno("cannot read the records of owners");
  std::string_view text(bytes.data(), static_cast<std::size_t>(count));
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    m_known += end + 1;
    if (line.empty()) continue;
    BirthMark mark;
    const bool is_mark = take_number(line, mark.inode) && take_number(line, mark.seconds) &&
                         take_number(line, mark.nanoseconds);
    const auto owner = is_mark ? parse_recorded_owner(line) : std::nullopt;
    if (!owner) {
      log::debug("a record of an owner is damaged");
      continue;
    }
    m_owners.insert_or_assign(mark, *owner);
  }
  return {};
}

Result<std::optional<RecordedOwner>> OwnerJournal::find(const BirthMark& mark) {
  const std::scoped_lock lock(m_mutex);
  TRY(read_on());
  const auto found = m_owners.find(mark);
  if (found == m_owners.end()) return std::optional<RecordedOwner>();
  return std::optional(found->second);
}

// One write, which O_APPEND keeps together. A line break before it: a killed writer may have left half a
// line.
Result<> OwnerJournal::record(const BirthMark& mark, const RecordedOwner& owner) {
  const std::scoped_lock lock(m_mutex);
  if (m_file) TRY(posix::write_full(m_file, "\n" + line_of(mark, owner)));
  m_owners.insert_or_assign(mark, owner);
  return {};
}

}  // namespace ecrin::fs
