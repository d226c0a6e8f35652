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
  auto first = OwnerJournal::open(temp.fd(), "owners").value();
  auto second = OwnerJournal::open(temp.fd(), "owners").value();
  CHECK(first.record({.inode = 5, .seconds = 10, .nanoseconds = 1}, {.uid = 33, .gid = 33}));
  CHECK(first.record({.inode = 5, .seconds = 11, .nanoseconds = 1}, {.uid = 7, .gid = 7}));
  CHECK(second.record({.inode = 5, .seconds = 10, .nanoseconds = 1}, {.uid = 34, .gid = 33}));
  auto third = OwnerJournal::open(temp.fd(), "owners").value();
  for (OwnerJournal* journal : {&first, &second, &third}) {
    CHECK(journal->find({.inode = 5, .seconds = 10, .nanoseconds = 1}).value() ==
          RecordedOwner{.uid = 34, .gid = 33});
    CHECK(journal->find({.inode = 5, .seconds = 11, .nanoseconds = 1}).value() ==
          RecordedOwner{.uid = 7, .gid = 7});
    CHECK_FALSE(journal->find({.inode = 6}).value());
  }
}

TEST_CASE("a journal whose writer was killed goes on in a new line") {
  test::TempDirectory temp;
  REQUIRE(posix::write_full(posix::open_at(temp.fd(), "owners", O_WRONLY | O_CREAT, 0600).value(),
                            "5 10 1 33:33:777\nnonsense\n6 10 1 33:3"));
  auto journal = OwnerJournal::open(temp.fd(), "owners").value();
  CHECK(journal.find({.inode = 5, .seconds = 10, .nanoseconds = 1}).value());
  CHECK_FALSE(journal.find({.inode = 6, .seconds = 10, .nanoseconds = 1}).value());
  CHECK(journal.record({.inode = 7}, {.uid = 1, .gid = 1}));
  auto again = OwnerJournal::open(temp.fd(), "owners").value();
  CHECK(again.find({.inode = 7}).value() == RecordedOwner{.uid = 1, .gid = 1});
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
