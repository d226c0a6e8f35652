#include "base/store_sync.hpp"

#include "base/posix.hpp"

namespace ecrin {

Result<> sync_database(Store& store) {
  store.database().shorten_log();
  const auto log = posix::open_at(store.directory(), "db.sqlite-wal", O_RDONLY | O_NOFOLLOW);
  // Without a log (network file systems) each commit has synced the database itself.
  if (!log && log.error().kind() == ErrorKind::not_found) return {};
  if (!log) return std::unexpected(log.error());
  return posix::fsync(*log);
}

}  // namespace ecrin
