#include <sqlite3.h>

#include <atomic>
#include <utility>

#include "base/database.hpp"
#include "base/database_internal.hpp"
#include "base/database_scan.hpp"

namespace ecrin {
namespace {

std::atomic<std::int64_t> g_rows_scanned = 0;

struct Cell {
  int type = SQLITE_NULL;
  std::int64_t integer = 0;
  std::string text;  // empty for integers
};

Cell read_cell(sqlite3_stmt* statement, int column) {
  Cell cell{.type = sqlite3_column_type(statement, column), .integer = 0, .text = {}};
  if (cell.type != SQLITE_INTEGER) {
    // As a blob, so that a NUL does not end it.
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, column));
    if (data != nullptr)
      cell.text.assign(data, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
  }
  cell.integer = sqlite3_column_int64(statement, column);
  return cell;
}

}  // namespace

struct Statement::State {
  std::shared_ptr<SqliteConnection> connection;
  sqlite3_stmt* statement = nullptr;
  int bind_code = SQLITE_OK;  // told by the next step
  std::vector<std::vector<Cell>> rows;
  std::size_t next = 0;  // the row that step() gives next
  bool fetched = false;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    const std::lock_guard lock(connection->mutex);
    sqlite3_finalize(statement);
  }

  void forget_rows() {
    rows.clear();
    next = 0;
    fetched = false;
  }
  void note(int code) {
    forget_rows();
    if (bind_code == SQLITE_OK) bind_code = code;
  }
  Result<> fetch() {
    if (bind_code != SQLITE_OK) {
      const int code = std::exchange(bind_code, SQLITE_OK);
      return fail(ErrorKind::system, "cannot set a parameter of '{}': {}", sqlite3_sql(statement),
                  sqlite3_errstr(code));
    }
    int code = sqlite3_step(statement);
    const int columns = sqlite3_column_count(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
      std::vector<Cell>& row = rows.emplace_back();
      row.reserve(static_cast<std::size_t>(columns));
      for (int column = 0; column < columns; ++column) {
        row.push_back(read_cell(statement, column));
      }
    }
    g_rows_scanned += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
    Result<> result;
    if (code != SQLITE_DONE) {
      const char* action = sqlite3_stmt_readonly(statement) != 0 ? "read" : "write";
      result = std::unexpected(describe(*connection, code, action));
    }
    sqlite3_reset(statement);
    fetched = result.has_value();
    return result;
  }
  const Cell& cell(int column) const {
    static const Cell none;
    if (next == 0 || next > rows.size()) return none;
    const auto& row = rows[next - 1];
    return column >= 0 && static_cast<std::size_t>(column) < row.size()
               ? row[static_cast<std::size_t>(column)]
               : none;
  }
};

std::int64_t rows_scanned() {
  return g_rows_scanned;
}

Statement::Statement(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Statement::Statement(Statement&&) noexcept = default;
Statement::~Statement() = default;

Result<Statement> Statement::prepare(std::shared_ptr<SqliteConnection> connection, std::string_view sql) {
  auto state = std::make_unique<Statement::State>();
  state->connection = std::move(connection);
  const std::lock_guard lock(state->connection->mutex);
  const int code = sqlite3_prepare_v2(state->connection->handle, sql.data(), static_cast<int>(sql.size()),
                                      &state->statement, nullptr);
  if (code != SQLITE_OK) return std::unexpected(describe(*state->connection, code, "use"));
  return Statement(std::move(state));
}

Statement& Statement::bind(int index, std::string_view text) {
  const std::lock_guard lock(m_state->connection->mutex);
  // An empty view may have no data, which would bind NULL.
  const char* data = text.data() != nullptr ? text.data() : "";
  m_state->note(
      sqlite3_bind_text64(m_state->statement, index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(int index, std::int64_t value) {
  const std::lock_guard lock(m_state->connection->mutex);
  m_state->note(sqlite3_bind_int64(m_state->statement, index, value));
  return *this;
}

Statement& Statement::bind_null(int index) {
  const std::lock_guard lock(m_state->connection->mutex);
  m_state->note(sqlite3_bind_null(m_state->statement, index));
  return *this;
}

Result<Statement::Step> Statement::step() {
  if (!m_state->fetched) {
    const std::lock_guard lock(m_state->connection->mutex);
    m_state->forget_rows();
    TRY(m_state->fetch());
  }
  if (m_state->next == m_state->rows.size()) {
    m_state->forget_rows();
    return Step::done;
  }
  ++m_state->next;
  return Step::row;
}

Result<> Statement::run() {
  while (TRY(step()) == Step::row) continue;
  return {};
}

std::string Statement::text(int column) {
  const Cell& cell = m_state->cell(column);
  return cell.type == SQLITE_INTEGER ? std::to_string(cell.integer) : cell.text;
}

std::int64_t Statement::integer(int column) {
  return m_state->cell(column).integer;
}

bool Statement::is_null(int column) {
  return m_state->cell(column).type == SQLITE_NULL;
}

}  // namespace ecrin
