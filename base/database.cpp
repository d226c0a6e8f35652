#include "base/database.hpp"

#include <linux/magic.h>
#include <sqlite3.h>
#include <sys/vfs.h>

#include <chrono>
#include <map>
#include <thread>

#include "base/database_internal.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin {
namespace {

constexpr int k_busy_milliseconds = 60'000;
constexpr int k_most_log_pages = 1000;

Error describe_full(const SqliteConnection& connection) {
  return Error::from_errno(ENOSPC, fmt::format("cannot write the database '{}'", printable(connection.path)))
      .hint("free some space on this file system, or remove what is not needed with 'ecrin prune'");
}

}  // namespace

SqliteConnection::~SqliteConnection() {
  sqlite3_close(handle);
}

Error describe(const SqliteConnection& connection, int code, std::string_view action) {
  const std::string path = printable(connection.path);
  const int system_code = connection.handle != nullptr ? sqlite3_system_errno(connection.handle) : 0;
  const std::string text =
      printable(connection.handle != nullptr ? sqlite3_errmsg(connection.handle) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_FULL:
      return describe_full(connection);
    case SQLITE_IOERR:
      if (system_code == ENOSPC || system_code == EDQUOT) return describe_full(connection);
      if (code == SQLITE_IOERR_LOCK || code == SQLITE_IOERR_UNLOCK ||
          code == SQLITE_IOERR_CHECKRESERVEDLOCK) {
        return Error(ErrorKind::unsupported, fmt::format("cannot lock the database '{}': {}", path, text))
            .hint("this file system has no file locks: choose another directory with --root");
      }
      if (system_code != 0) {
        return Error::from_errno(system_code, fmt::format("cannot {} the database '{}'", action, path));
      }
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error(ErrorKind::invalid, fmt::format("the database '{}' is damaged: {}", path, text))
          .hint("restore it from a copy, or move its directory away and start with an empty one");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Error(ErrorKind::denied, fmt::format("cannot write the database '{}': {}", path, text))
          .hint("choose a directory that you may write to with --root");
    case SQLITE_CANTOPEN:
      if (system_code == ENOSPC || system_code == EDQUOT) return describe_full(connection);
      if (system_code != 0) {
        return Error::from_errno(system_code, fmt::format("cannot open the database '{}'", path));
      }
      return Error(ErrorKind::denied, fmt::format("cannot open the database '{}': {}", path, text));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(ErrorKind::conflict, fmt::format("cannot {} the database '{}': {}", action, path, text))
          .hint("another process has been using it for more than a minute");
    case SQLITE_CONSTRAINT:
      return Error(ErrorKind::conflict, fmt::format("cannot {} the database '{}': {}", action, path, text));
    default:
      break;
  }
  return Error(ErrorKind::system, fmt::format("cannot {} the database '{}': {}", action, path, text));
}

namespace {

// WAL keeps its index in shared memory, which processes on two machines do not share.
bool is_network_file_system(const std::string& path) {
  constexpr std::uint32_t k_types[] = {
      NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,         CIFS_SUPER_MAGIC,      SMB2_SUPER_MAGIC,
      CEPH_SUPER_MAGIC, AFS_SUPER_MAGIC,         AFS_FS_MAGIC,          CODA_SUPER_MAGIC,
      V9FS_MAGIC,       0x0bd00bd0 /* Lustre */, 0x47504653 /* GPFS */, 0x19830326 /* BeeGFS */};
  struct statfs status;
  if (::statfs(path.c_str(), &status) != 0) return false;
  const auto type = static_cast<std::uint32_t>(status.f_type);
  for (const std::uint32_t known : k_types) {
    if (type == known) return true;
  }
  return false;
}

// Sets the journal mode; what it is afterwards, in `mode`.
int set_journal(SqliteConnection& connection, const char* sql, std::string& mode) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(connection.handle, sql, -1, &statement, nullptr);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    mode = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    code = SQLITE_OK;
  }
  sqlite3_finalize(statement);
  return code;
}

// Changing the mode needs the file for itself for a moment, and SQLite does not wait for that: two processes
// that make a new store at once would see an error.
int set_journal_patiently(SqliteConnection& connection, const char* sql, std::string& mode) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(k_busy_milliseconds);
  for (;;) {
    const int code = set_journal(connection, sql, mode);
    if ((code & 0xff) != SQLITE_BUSY || std::chrono::steady_clock::now() >= end) return code;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Result<> choose_journal(SqliteConnection& connection) {
  std::string mode;
  int code = SQLITE_OK;
  if (!is_network_file_system(connection.path)) {
    code = set_journal_patiently(connection, "PRAGMA journal_mode=WAL", mode);
    if (code == SQLITE_OK && mode == "wal") return {};
    const int primary = code & 0xff;
    // Only these may come from missing shared memory or locks; the others would come again.
    if (code != SQLITE_OK && primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN &&
        primary != SQLITE_PROTOCOL) {
      return std::unexpected(describe(connection, code, "open"));
    }
    log::debug("the database '{}' has no write-ahead log: {}", printable(connection.path),
               code == SQLITE_OK ? "not supported here" : sqlite3_errmsg(connection.handle));
  }
  code = set_journal_patiently(connection, "PRAGMA journal_mode=DELETE", mode);
  if (code != SQLITE_OK) return std::unexpected(describe(connection, code, "open"));
  return {};
}

// Instead of SQLite's own hook, which does the first half of this.
int after_commit(void* connection, sqlite3* handle, const char* name, int pages) {
  static_cast<SqliteConnection*>(connection)->log_pages = pages;
  if (pages >= k_most_log_pages)
    sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  return SQLITE_OK;
}

// As root SQLite gives files that it makes beside the database the owner of that one. Who is root of a user
// namespace may be on its way there: what it read as the owner a moment ago, before its ids were mapped, is
// another id now.
void leave_owners_alone() {
  static std::once_flag once;
  std::call_once(once, [] {
    sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
    int (*const keep)(int, uid_t, gid_t) = [](int, uid_t, gid_t) { return 0; };
    system->xSetSystemCall(system, "fchown", reinterpret_cast<sqlite3_syscall_ptr>(keep));
  });
}

}  // namespace

struct Database::State {
  std::shared_ptr<SqliteConnection> connection = std::make_shared<SqliteConnection>();
  using Versions = std::map<std::string, std::int64_t, std::less<>>;
  std::optional<Versions> versions;  // of the modules' tables, as they were read first; guarded by the lock
};

Database::Database(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
  leave_owners_alone();
  auto state = std::make_unique<State>();
  SqliteConnection& connection = *state->connection;
  connection.path = path;
  const int code = sqlite3_open_v2(path.c_str(), &connection.handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return std::unexpected(describe(connection, code, "open"));
  sqlite3_extended_result_codes(connection.handle, 1);
  sqlite3_busy_timeout(connection.handle, k_busy_milliseconds);
  // The last one to close would copy the log into the file and wait for the disk, tens of milliseconds at the
  // end of a short command. A full log is copied anyway, by the commit that fills it.
  sqlite3_db_config(connection.handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_hook(connection.handle, after_commit, &connection);
  std::unique_ptr<Database> database(new Database(std::move(state)));
  // Sorting goes to memory: a temporary directory may not be there, or not be ours.
  TRY(database->execute("PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY"));
  TRY(choose_journal(connection));
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  return Statement::prepare(m_state->connection, sql);
}

Result<> Database::execute(std::string_view sql) {
  const std::lock_guard lock(m_state->connection->mutex);
  const int code =
      sqlite3_exec(m_state->connection->handle, std::string(sql).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(describe(*m_state->connection, code, "change"));
  return {};
}

Result<> Database::migrate(std::string_view module, std::span<const std::string_view> steps) {
  const auto newest = static_cast<std::int64_t>(steps.size());
  const auto read = [&]() -> Result<State::Versions> {
    State::Versions versions;
    Statement tables =
        TRY(prepare("SELECT 1 FROM sqlite_master WHERE type='table' AND name='module_versions'"));
    if (TRY(tables.step()) == Statement::Step::done) return versions;
    Statement all = TRY(prepare("SELECT module, version FROM module_versions"));
    while (TRY(all.step()) == Statement::Step::row) versions.insert_or_assign(all.text(0), all.integer(1));
    return versions;
  };
  const auto recorded = [&]() -> std::int64_t {
    const auto found = m_state->versions->find(module);
    return found == m_state->versions->end() ? 0 : found->second;
  };
  const auto check = [&](std::int64_t version) -> Result<> {
    if (version <= newest) return {};
    return std::unexpected(
        Error(ErrorKind::unsupported, fmt::format("the database '{}' was written by a newer version of ecrin",
                                                  printable(m_state->connection->path)))
            .hint("use that version, or another directory with --root"));
  };
  // Nearly always there is nothing to do, for no module, and reading does not wait for writers.
  const auto guard = lock();
  if (!m_state->versions) m_state->versions = TRY(read());
  std::int64_t version = recorded();
  TRY(check(version));
  if (version == newest) return {};
  Transaction transaction = TRY(begin());
  // Another process may have been first.
  m_state->versions = TRY(read());
  version = recorded();
  TRY(check(version));
  TRY(execute(
      "CREATE TABLE IF NOT EXISTS module_versions(module TEXT PRIMARY KEY, version INTEGER NOT NULL)"));
  for (; version < newest; ++version) {
    TRY_WHILE(execute(steps[static_cast<std::size_t>(version)]), "bringing the tables of '{}' to version {}",
              module, version + 1);
  }
  Statement record = TRY(prepare("INSERT OR REPLACE INTO module_versions(module, version) VALUES(?1, ?2)"));
  TRY(record.bind(1, module).bind(2, newest).run());
  m_state->versions.reset();  // what is recorded counts once it is committed
  return transaction.commit();
}

Result<Database::Transaction> Database::begin() {
  std::unique_lock taken = lock();
  if (sqlite3_get_autocommit(m_state->connection->handle) == 0) {
    return fail(ErrorKind::conflict, "transactions of the database '{}' do not nest",
                printable(m_state->connection->path));
  }
  TRY(execute("BEGIN IMMEDIATE"));
  return Transaction(*this, std::move(taken));
}

std::unique_lock<std::recursive_mutex> Database::lock() {
  return std::unique_lock(m_state->connection->mutex);
}

void Database::shorten_log() {
  constexpr int k_long = 128;
  const std::lock_guard lock(m_state->connection->mutex);
  SqliteConnection& connection = *m_state->connection;
  if (connection.log_pages < k_long) return;
  // Who uses the log keeps it: nobody is waited for.
  sqlite3_busy_timeout(connection.handle, 0);
  const int code =
      sqlite3_wal_checkpoint_v2(connection.handle, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(connection.handle, k_busy_milliseconds);
  if (code == SQLITE_OK)
    connection.log_pages = 0;
  else
    log::debug("{}", describe(connection, code, "shorten the log of").message());
}

std::int64_t Database::changes() {
  const std::lock_guard lock(m_state->connection->mutex);
  return sqlite3_changes(m_state->connection->handle);
}

Database::Transaction::Transaction(Database& database, std::unique_lock<std::recursive_mutex> lock)
    : m_database(&database), m_lock(std::move(lock)) {}

Database::Transaction::~Transaction() {
  // A transaction that was moved from has no lock any more.
  if (!m_open || !m_lock.owns_lock()) return;
  // SQLite may have rolled back by itself already (full disk).
  (void)m_database->execute("ROLLBACK");
}

Result<> Database::Transaction::commit() {
  if (!m_open || !m_lock.owns_lock()) return fail(ErrorKind::conflict, "the transaction is over");
  auto result = m_database->execute("COMMIT");
  // A COMMIT that failed leaves the transaction open.
  if (!result) (void)m_database->execute("ROLLBACK");
  m_open = false;
  m_lock.unlock();
  return result;
}

}  // namespace ecrin
