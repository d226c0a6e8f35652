// What the two files of the database share. Internal to base/.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "base/error.hpp"

struct sqlite3;

namespace ecrin {

// Shared by a database and its statements, so that their order of destruction does not matter. The mutex
// guards every call: SQLite itself is told to do without (SQLITE_OPEN_NOMUTEX).
struct SqliteConnection {
  sqlite3* handle = nullptr;
  std::string path;
  std::recursive_mutex mutex;
  int log_pages = 0;  // of the write-ahead log after the last commit here; 0: none yet

  SqliteConnection() = default;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;
  ~SqliteConnection();
};

/// The error of the call that just failed with `code` on this connection.
Error describe(const SqliteConnection& connection, int code, std::string_view action);

}  // namespace ecrin
