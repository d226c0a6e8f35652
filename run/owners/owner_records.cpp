#include "run/owners/owner_records.hpp"

#include <cerrno>

namespace ecrin::run {

Result<std::optional<fs::RecordedOwner>> OwnerRecords::find(const Fd& file, const struct stat& status) const {
  if (auto owner = TRY(fs::recorded_owner(file, status))) return owner;
  {
    const std::scoped_lock lock(m_mutex);
    if (m_memory.empty()) return std::optional<fs::RecordedOwner>();
  }
  const fs::BirthMark mark = TRY(fs::birth_mark(file));
  const Place place{status.st_dev, mark};
  const std::scoped_lock lock(m_mutex);
  const auto found = m_memory.find(place);
  if (found == m_memory.end()) return std::optional<fs::RecordedOwner>();
  return std::optional(found->second);
}

Result<> OwnerRecords::record(const Fd& file, const struct stat& status, const fs::RecordedOwner& owner) {
  auto recorded = fs::record_owner(file, status, owner);
  if (recorded || recorded.error().code() != ENOTSUP) return recorded;
  const fs::BirthMark mark = TRY(fs::birth_mark(file));
  const Place place{status.st_dev, mark};
  const std::scoped_lock lock(m_mutex);
  m_memory.insert_or_assign(place, owner);
  return {};
}

}  // namespace ecrin::run
