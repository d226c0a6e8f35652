#include "run/owners/owner_records.hpp"

#include <sys/xattr.h>

#include <array>
#include <cerrno>

#include "base/posix.hpp"

namespace ecrin::run {
namespace {

bool takes_attributes(const struct stat& status) {
  return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
}

}  // namespace

Result<std::optional<fs::RecordedOwner>> OwnerRecords::find(const Fd& file, const struct stat& status) const {
  if (takes_attributes(status)) {
    std::array<char, 128> value{};
    const ssize_t size =
        ::getxattr(posix::fd_path(file).c_str(), fs::k_owner_xattr, value.data(), value.size());
    if (size >= 0)
      return fs::parse_recorded_owner(std::string_view(value.data(), static_cast<std::size_t>(size)));
    if (errno != ENODATA && errno != ENOTSUP && errno != ERANGE) return fail_errno("cannot read an owner");
  }
  {
    const std::scoped_lock lock(m_mutex);
    if (takes_attributes(status) && m_memory.empty()) return std::optional<fs::RecordedOwner>();
  }
  const fs::BirthMark mark = TRY(fs::birth_mark(file));
  {
    const std::scoped_lock lock(m_mutex);
    const auto found = m_memory.find({status.st_dev, mark});
    if (found != m_memory.end()) return std::optional(found->second);
  }
  if (takes_attributes(status)) return std::optional<fs::RecordedOwner>();
  if (auto owner = m_journal.find(mark)) return owner;
  for (const fs::OwnerJournal& journal : m_lower)
    if (auto owner = journal.find(mark)) return owner;
  return std::optional<fs::RecordedOwner>();
}

Result<> OwnerRecords::record(const Fd& file, const struct stat& status, const fs::RecordedOwner& owner) {
  if (!takes_attributes(status)) {
    if (S_ISLNK(status.st_mode) || S_ISFIFO(status.st_mode))
      return m_journal.record(TRY(fs::birth_mark(file)), owner);
    return remember(file, status, owner);
  }
  const std::string path = posix::fd_path(file);
  if (owner.is_plain()) {
    if (::removexattr(path.c_str(), fs::k_owner_xattr) == 0 || errno == ENODATA) return {};
  } else {
    const std::string text = fs::format_recorded_owner(owner, status.st_mode);
    if (::setxattr(path.c_str(), fs::k_owner_xattr, text.data(), text.size(), 0) == 0) return {};
  }
  if (errno == ENOTSUP) return remember(file, status, owner);
  return fail_errno("cannot record an owner");
}

Result<> OwnerRecords::remember(const Fd& file, const struct stat& status, const fs::RecordedOwner& owner) {
  const Place place{status.st_dev, TRY(fs::birth_mark(file))};
  const std::scoped_lock lock(m_mutex);
  m_memory.insert_or_assign(place, owner);
  return {};
}

}  // namespace ecrin::run
