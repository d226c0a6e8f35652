// Database: one SQLite file. The only place that knows SQLite. Each module keeps tables of its own in it and
// names their version; transactions are IMMEDIATE, so that writers queue instead of failing in the middle.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin {

struct SqliteConnection;

/// One statement, compiled. Parameters are numbered from 1, columns from 0. The first step() fetches all
/// rows: a statement that is left at its first row holds no lock and no old view of the database, which would
/// make the next transaction of this process fail when another process has written since.
class Statement {
public:
  Statement(Statement&&) noexcept;
  ~Statement();
  Statement& bind(int index, std::string_view text);  // bytes are kept as they are (text)
  Statement& bind(int index, const char* text) { return bind(index, std::string_view(text)); }
  Statement& bind(int index, std::int64_t value);
  Statement& bind_null(int index);
  enum class Step { row, done };
  Result<Step> step();
  /// Runs a statement that returns no rows.
  Result<> run();
  std::string text(int column);
  std::int64_t integer(int column);
  bool is_null(int column);

private:
  friend class Database;
  struct State;
  explicit Statement(std::unique_ptr<State> state);
  static Result<Statement> prepare(std::shared_ptr<SqliteConnection> connection, std::string_view sql);
  std::unique_ptr<State> m_state;
};

class Database {
public:
  /// Opens or creates the file: WAL, synchronous=NORMAL, foreign keys, a busy time-out of one minute. A file
  /// system without the locks or shared memory that WAL needs gets a rollback journal instead.
  static Result<std::unique_ptr<Database>> open(const std::string& path);
  ~Database();

  Result<Statement> prepare(std::string_view sql);
  Result<> execute(std::string_view sql);  // several statements, no parameters

  /// Brings the tables of `module` from its recorded version to steps.size() by running the steps that are
  /// missing, in one transaction. A database from a newer ecrin is refused (ErrorKind::unsupported).
  Result<> migrate(std::string_view module, std::span<const std::string_view> steps);

  /// A write transaction; rolled back at scope exit unless committed. Also holds this object's lock, so that
  /// threads of one process take turns; transactions do not nest.
  class Transaction {
  public:
    Transaction(Transaction&&) noexcept = default;
    ~Transaction();
    Result<> commit();

  private:
    friend class Database;
    Transaction(Database& database, std::unique_lock<std::recursive_mutex> lock);
    Database* m_database;
    std::unique_lock<std::recursive_mutex> m_lock;
    bool m_open = true;
  };
  Result<Transaction> begin();
  /// For several statements that must see one state while other threads use the database too.
  std::unique_lock<std::recursive_mutex> lock();
  std::int64_t changes();  // rows changed by the last statement

  /// Copies a write-ahead log that has become long into the file, waits for the disk and empties it. Whoever
  /// opens the database while nobody else has it open reads the whole log first: milliseconds for a full one.
  /// For the end of work that waits for the disk anyway, or that nobody waits for. A log that others read
  /// stays, and one for which the disk has no room: nothing depends on it.
  void shorten_log();

private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace ecrin
