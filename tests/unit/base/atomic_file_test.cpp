#include "base/atomic_file.hpp"

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;

TEST_CASE("atomic file: nothing is there before the commit, everything after") {
  const test::TempDirectory directory;
  const auto sync = GENERATE(AtomicFile::Sync::no, AtomicFile::Sync::yes);
  {
    // As fs/ and oci/ hold their directories.
    const Fd path_only = posix::open(directory.path(), O_PATH | O_DIRECTORY).value();
    AtomicFile file = AtomicFile::create(path_only, "name", 0640).value();
    REQUIRE(posix::write_full(file.file(), "text"));
    CHECK(posix::exists_at(directory.fd(), "name").value() == posix::Exists::no);
    REQUIRE(file.commit(sync));
  }
  CHECK(posix::read_file(directory.path("name")).value() == "text");
  CHECK((posix::lstat_at(directory.fd(), "name").value().st_mode & 0777) == 0640);
  CHECK(posix::list_directory(directory.fd()).value().size() == 1);
}

TEST_CASE("atomic file: without a commit the old file stays and no temporary one is left") {
  const test::TempDirectory directory;
  REQUIRE(write_file_atomically(directory.path("name"), "old"));
  {
    AtomicFile file = AtomicFile::create(directory.fd(), "name", 0644).value();
    REQUIRE(posix::write_full(file.file(), "new"));
    AtomicFile moved = std::move(file);
  }
  CHECK(posix::read_file(directory.path("name")).value() == "old");
  CHECK(posix::list_directory(directory.fd()).value().size() == 1);
}

TEST_CASE("atomic file: a symlink is replaced, not followed") {
  const test::TempDirectory directory;
  REQUIRE(write_file_atomically(directory.path("victim"), "old"));
  REQUIRE(posix::symlink_at("victim", directory.fd(), "link"));
  REQUIRE(write_file_atomically(directory.path("link"), "new", 0600, AtomicFile::Sync::yes));
  CHECK(posix::read_file(directory.path("victim")).value() == "old");
  CHECK(S_ISREG(posix::lstat_at(directory.fd(), "link").value().st_mode));
}

TEST_CASE("atomic file: names that are none are refused") {
  const test::TempDirectory directory;
  for (const char* name : {"", ".", "..", "a/b", "/"}) {
    const auto file = AtomicFile::create(directory.fd(), name, 0644);
    REQUIRE(!file);
    CHECK(file.error().kind() == ErrorKind::invalid);
  }
  const auto missing = write_file_atomically(directory.path("missing/name"), "");
  REQUIRE(!missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
}

TEST_CASE("atomic file: the longest name fits") {
  const test::TempDirectory directory;
  CHECK(write_file_atomically(directory.path(std::string(255, 'x')), "text"));
}
