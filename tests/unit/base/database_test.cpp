#include "base/database.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <thread>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using Step = Statement::Step;

namespace {

constexpr std::array<std::string_view, 1> k_first = {
    "CREATE TABLE things(name TEXT PRIMARY KEY, size INTEGER)"};
constexpr std::array<std::string_view, 3> k_third = {
    "CREATE TABLE things(name TEXT PRIMARY KEY, size INTEGER)", "ALTER TABLE things ADD COLUMN note TEXT",
    "UPDATE things SET note='migrated'; CREATE INDEX by_size ON things(size)"};

std::int64_t number(Database& database, std::string_view sql) {
  Statement statement = database.prepare(sql).value();
  REQUIRE(statement.step().value() == Step::row);
  return statement.integer(0);
}

struct Fixture {
  test::TempDirectory directory;
  std::string path = directory.path("db.sqlite");
  std::unique_ptr<Database> database = Database::open(path).value();
  Fixture() { REQUIRE(database->migrate("things", k_first)); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "database: values come back as they were") {
  const std::string bytes("a\0b\xff", 4);
  Statement insert = database->prepare("INSERT INTO things VALUES(?1, ?2)").value();
  REQUIRE(insert.bind(1, bytes).bind(2, INT64_MIN).run());
  CHECK(database->changes() == 1);
  REQUIRE(insert.bind(1, "").bind_null(2).run());
  REQUIRE(insert.bind(1, "x").bind(2, std::int64_t{5}).run());
  Statement select = database->prepare("SELECT name, size FROM things ORDER BY name").value();
  REQUIRE(select.step().value() == Step::row);
  CHECK(select.text(0).empty());
  CHECK(!select.is_null(0));
  CHECK(select.is_null(1));
  REQUIRE(select.step().value() == Step::row);
  CHECK(select.text(0) == bytes);
  CHECK(select.integer(1) == INT64_MIN);
  REQUIRE(select.step().value() == Step::row);
  CHECK(select.step().value() == Step::done);
  // It can be run again, also with other parameters.
  CHECK(select.step().value() == Step::row);
  Statement one = database->prepare("SELECT size FROM things WHERE name=?1").value();
  REQUIRE(one.bind(1, "x").step().value() == Step::row);
  CHECK(one.integer(0) == 5);
  CHECK(one.bind(1, "y").step().value() == Step::done);
}

TEST_CASE_METHOD(Fixture, "database: errors are values with a kind") {
  Statement insert = database->prepare("INSERT INTO things VALUES(?1, 1)").value();
  REQUIRE(insert.bind(1, "a").run());
  const auto twice = insert.bind(1, "a").run();
  REQUIRE(!twice);
  CHECK(twice.error().kind() == ErrorKind::conflict);
  REQUIRE(insert.bind(1, "b").run());  // usable after the failure
  CHECK(!database->prepare("SELECT nonsense FROM nowhere"));
  CHECK(!database->execute("NONSENSE"));
  const auto wrong = insert.bind(7, "x").run();
  REQUIRE(!wrong);
  CHECK(wrong.error().message().contains("parameter"));
}

TEST_CASE("database: what cannot be opened") {
  const test::TempDirectory directory;
  const auto missing = Database::open(directory.path("missing/db"));
  REQUIRE(!missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  REQUIRE(posix::write_full(posix::open(directory.path("text"), O_WRONLY | O_CREAT, 0644).value(),
                            std::string(5000, 'x')));
  const auto garbage = Database::open(directory.path("text"));
  REQUIRE(!garbage);
  CHECK(garbage.error().kind() == ErrorKind::invalid);
  CHECK(garbage.error().message().contains("is damaged"));
  CHECK(!garbage.error().hint_text().empty());
}

TEST_CASE("database: damage in the middle is found when it is read") {
  const test::TempDirectory directory;
  const std::string path = directory.path("db");
  {
    auto database = Database::open(path).value();
    REQUIRE(database->migrate("things", k_first));
    Statement insert = database->prepare("INSERT INTO things VALUES(?1, 1)").value();
    for (int i = 0; i < 2000; ++i) REQUIRE(insert.bind(1, std::string(100, 'a') + std::to_string(i)).run());
  }
  {
    const Fd file = posix::open(path, O_WRONLY).value();
    const std::string noise(64 * 1024, '\x55');
    REQUIRE(::pwrite(file.get(), noise.data(), noise.size(), 16 * 1024) > 0);
  }
  auto database = Database::open(path).value();
  const auto result = [&]() -> Result<> {
    Statement statement = TRY(database->prepare("SELECT sum(length(name)) FROM things"));
    TRY(statement.step());
    return {};
  }();
  REQUIRE(!result);
  CHECK(result.error().kind() == ErrorKind::invalid);
}

TEST_CASE_METHOD(Fixture, "database: it is in write-ahead mode") {
  Statement mode = database->prepare("PRAGMA journal_mode").value();
  REQUIRE(mode.step().value() == Step::row);
  CHECK(mode.text(0) == "wal");
  CHECK(number(*database, "PRAGMA synchronous") == 1);
  CHECK(number(*database, "PRAGMA foreign_keys") == 1);
  CHECK(number(*database, "PRAGMA busy_timeout") == 60'000);
}

TEST_CASE_METHOD(Fixture, "database: a log that has become long is copied into the file") {
  REQUIRE(database->execute("INSERT INTO things VALUES('short', 1)"));
  const auto before = std::filesystem::file_size(path);
  database->shorten_log();
  CHECK(std::filesystem::file_size(path) == before);  // not worth it yet
  for (int index = 0; index < 150; ++index)
    REQUIRE(database->execute("INSERT INTO things VALUES('" + std::to_string(index) + std::string(3000, 'x') +
                              "', 1)"));
  database->shorten_log();
  CHECK(std::filesystem::file_size(path) > 150u * 3000);
  CHECK(std::filesystem::file_size(path + "-wal") == 0);
  CHECK(number(*Database::open(path).value(), "SELECT count(*) FROM things") == 151);
}

TEST_CASE_METHOD(Fixture, "database: files beside it are whose process it is, also for root") {
  const std::string other = directory.path("other.sqlite");
  constexpr uid_t somebody = 65534;
  REQUIRE(posix::open(other, O_WRONLY | O_CREAT, 0644));
  if (::geteuid() == 0) REQUIRE(::chown(other.c_str(), somebody, somebody) == 0);
  const auto opened = Database::open(other).value();
  REQUIRE(opened->execute("CREATE TABLE things(name TEXT)"));
  for (const char* end : {"-wal", "-shm"}) {
    struct stat status;
    REQUIRE(::stat((other + end).c_str(), &status) == 0);
    CHECK(status.st_uid == ::geteuid());
  }
}

TEST_CASE_METHOD(Fixture, "database: migrations run once and in order") {
  REQUIRE(database->execute("INSERT INTO things VALUES('a', 1)"));
  REQUIRE(database->migrate("things", k_third));
  REQUIRE(database->migrate("things", k_third));
  Statement note = database->prepare("SELECT note FROM things").value();
  REQUIRE(note.step().value() == Step::row);
  CHECK(note.text(0) == "migrated");
  const auto newer = database->migrate("things", k_first);
  REQUIRE(!newer);
  CHECK(newer.error().kind() == ErrorKind::unsupported);
  // Other modules have versions of their own.
  constexpr std::array<std::string_view, 1> k_other = {"CREATE TABLE others(x)"};
  CHECK(database->migrate("others", k_other));
}

TEST_CASE_METHOD(Fixture, "database: a migration that fails changes nothing") {
  constexpr std::array<std::string_view, 3> k_broken = {k_third[0], k_third[1],
                                                        "CREATE TABLE half(x); NONSENSE"};
  CHECK(!database->migrate("things", k_broken));
  CHECK(number(*database, "SELECT count(*) FROM sqlite_master WHERE name='half'") == 0);
  CHECK(number(*database, "SELECT version FROM module_versions WHERE module='things'") == 1);
  CHECK(database->migrate("things", k_third));
}

TEST_CASE_METHOD(Fixture, "database: a transaction is undone unless committed") {
  {
    auto transaction = database->begin().value();
    REQUIRE(database->execute("INSERT INTO things VALUES('a', 1)"));
  }
  CHECK(number(*database, "SELECT count(*) FROM things") == 0);
  {
    auto transaction = database->begin().value();
    REQUIRE(database->execute("INSERT INTO things VALUES('a', 1)"));
    const auto nested = database->begin();
    REQUIRE(!nested);
    CHECK(nested.error().kind() == ErrorKind::conflict);
    auto moved = std::move(transaction);
    REQUIRE(moved.commit());
    CHECK(!moved.commit());
  }
  CHECK(number(*database, "SELECT count(*) FROM things") == 1);
  CHECK(database->begin());
}

TEST_CASE_METHOD(Fixture, "database: a statement at its first row holds nothing up") {
  REQUIRE(database->execute("INSERT INTO things VALUES('a', 1), ('b', 2)"));
  Statement select = database->prepare("SELECT name, size FROM things ORDER BY name").value();
  REQUIRE(select.step().value() == Step::row);
  // Another process writes; then this one wants to, with its statement still open.
  auto other = Database::open(path).value();
  REQUIRE(other->execute("INSERT INTO things VALUES('c', 3)"));
  auto transaction = database->begin().value();
  REQUIRE(database->execute("DELETE FROM things"));
  REQUIRE(transaction.commit());
  CHECK(select.text(0) == "a");
  REQUIRE(select.step().value() == Step::row);
  CHECK(select.text(1) == "2");
  CHECK(select.text(7).empty());
  CHECK(select.is_null(-1));
  CHECK(select.step().value() == Step::done);
  CHECK(select.text(0).empty());
  CHECK(select.step().value() == Step::done);  // run again: now it is empty
}

TEST_CASE_METHOD(Fixture, "database: statements may outlive their database") {
  Statement select = database->prepare("SELECT count(*) FROM things").value();
  database.reset();
  CHECK(select.step().value() == Step::row);
}

TEST_CASE_METHOD(Fixture, "database: threads and connections take turns") {
  REQUIRE(database->execute("INSERT INTO things VALUES('counter', 0)"));
  auto other = Database::open(path).value();
  std::atomic<int> failures = 0;
  const auto count_up = [&failures](Database& target) {
    for (int i = 0; i < 50; ++i) {
      const auto once = [&]() -> Result<> {
        auto transaction = TRY(target.begin());
        Statement select = TRY(target.prepare("SELECT size FROM things WHERE name='counter'"));
        TRY(select.step());
        const std::int64_t value = select.integer(0);
        Statement update = TRY(target.prepare("UPDATE things SET size=?1 WHERE name='counter'"));
        TRY(update.bind(1, value + 1).run());
        return transaction.commit();
      };
      if (!once()) ++failures;
    }
  };
  std::vector<std::thread> threads;
  for (Database* target : {database.get(), other.get(), database.get(), other.get()}) {
    threads.emplace_back([&count_up, target] { count_up(*target); });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(number(*database, "SELECT size FROM things WHERE name='counter'") == 200);
}

TEST_CASE("database: many processes may make it at once") {
  const test::TempDirectory directory;
  const std::string path = directory.path("db");
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      auto database = Database::open(path);
      const bool good = database && (*database)->migrate("things", k_third) &&
                        (*database)->execute("INSERT INTO things(name) VALUES(hex(randomblob(8)))");
      ::_exit(good ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = -1;
    ::waitpid(pid, &status, 0);
    CHECK(status == 0);
  }
  CHECK(number(*Database::open(path).value(), "SELECT count(*) FROM things") == 6);
}

TEST_CASE("database: a process that is killed in a transaction leaves the state before it") {
  const test::TempDirectory directory;
  const std::string path = directory.path("db");
  Pipe ready = Pipe::create().value();
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto database = Database::open(path).value();
    (void)database->migrate("things", k_first);
    (void)database->execute("INSERT INTO things VALUES('kept', 1)");
    auto transaction = database->begin();
    (void)database->execute("INSERT INTO things VALUES('lost', 1)");
    (void)posix::write_full(ready.write, "x");
    ::pause();
    ::_exit(0);
  }
  std::array<std::byte, 1> byte;
  REQUIRE(posix::read_full(ready.read, byte));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  auto database = Database::open(path).value();
  CHECK(number(*database, "SELECT count(*) FROM things") == 1);
  CHECK(database->begin());
}
