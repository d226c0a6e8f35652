#include "fs/owner_journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using fs::BirthMark;
using fs::OwnerJournal;
using fs::RecordedOwner;

TEST_CASE("a journal is read as it was written, the last line of a file counts") {
  test::TempDirectory temp;
  const std::string path = temp.path() + "/owners";
  {
    auto journal =
        OwnerJournal::read("", posix::open(path, O_WRONLY | O_CREAT | O_APPEND, 0600).value()).value();
    CHECK(journal.record({.inode = 5, .seconds = 10, .nanoseconds = 1}, {.uid = 33, .gid = 33}));
    CHECK(journal.record({.inode = 5, .seconds = 11, .nanoseconds = 1}, {.uid = 7, .gid = 7}));
    CHECK(journal.record({.inode = 5, .seconds = 10, .nanoseconds = 1}, {.uid = 34, .gid = 33}));
  }
  const auto journal = OwnerJournal::read(posix::read_file(path).value(), Fd()).value();
  CHECK(journal.find({.inode = 5, .seconds = 10, .nanoseconds = 1}) == RecordedOwner{.uid = 34, .gid = 33});
  CHECK(journal.find({.inode = 5, .seconds = 11, .nanoseconds = 1}) == RecordedOwner{.uid = 7, .gid = 7});
  CHECK_FALSE(journal.find({.inode = 6}));
}

TEST_CASE("a journal whose writer was killed has no last line, a damaged one is refused") {
  const auto journal = OwnerJournal::read("5 10 1 33:33:777\n6 10 1 33:3", Fd());
  REQUIRE(journal);
  CHECK(journal->find({.inode = 5, .seconds = 10, .nanoseconds = 1}));
  CHECK_FALSE(journal->find({.inode = 6, .seconds = 10, .nanoseconds = 1}));
  for (const char* text : {"x\n", "5 10\n", "5 10 1 33\n", "5 10 1\n", "5 10 -1 1:1:777\n"})
    CHECK_FALSE(OwnerJournal::read(text, Fd()));
}

TEST_CASE("a symbolic link is known by its inode and birth, whatever its name") {
  test::TempDirectory temp;
  const Fd directory = posix::open(temp.path(), O_PATH | O_DIRECTORY).value();
  REQUIRE(posix::symlink_at("target", directory, "first"));
  const auto mark = fs::birth_mark(posix::open_at(directory, "first", O_PATH | O_NOFOLLOW).value());
  REQUIRE(mark);
  REQUIRE(posix::rename_at(directory, "first", directory, "second"));
  CHECK(fs::birth_mark(posix::open_at(directory, "second", O_PATH | O_NOFOLLOW).value()) == *mark);
}
