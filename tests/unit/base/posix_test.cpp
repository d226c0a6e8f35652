#include "base/posix.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using test::TempDirectory;

namespace {

void touch(const TempDirectory& directory, const std::string& name, mode_t mode = 0644) {
  REQUIRE(posix::open_at(directory.fd(), name, O_WRONLY | O_CREAT | O_EXCL, mode));
}

mode_t mode_of(const TempDirectory& directory, const std::string& name) {
  return posix::lstat_at(directory.fd(), name).value().st_mode & 07777;
}

}  // namespace

TEST_CASE("posix: opening closes on exec and names the path in errors") {
  const TempDirectory directory;
  touch(directory, "file");
  const Fd file = posix::open(directory.path("file"), O_RDONLY).value();
  CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
  const auto missing = posix::open_at(directory.fd(), "mis\nsing", O_RDONLY);
  REQUIRE(!missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  CHECK(missing.error().message() == "cannot open 'mis\\x0asing': No such file or directory");
}

TEST_CASE("posix: stat and exists do not follow symlinks") {
  const TempDirectory directory;
  REQUIRE(posix::symlink_at("nowhere", directory.fd(), "link"));
  CHECK(S_ISLNK(posix::lstat_at(directory.fd(), "link").value().st_mode));
  CHECK(posix::exists_at(directory.fd(), "link").value() == posix::Exists::yes);
  CHECK(posix::exists_at(directory.fd(), "nowhere").value() == posix::Exists::no);
  CHECK(S_ISDIR(posix::stat_fd(directory.fd()).value().st_mode));
  CHECK(!posix::stat_fd(Fd()));
}

TEST_CASE("posix: making directories") {
  const TempDirectory directory;
  REQUIRE(posix::make_directories(directory.path("a/b//c/"), 0700));
  REQUIRE(posix::make_directories(directory.path("a/b/c"), 0700));
  CHECK(mode_of(directory, "a/b/c") == 0700);
  REQUIRE(posix::make_directories("/", 0700));
  touch(directory, "file");
  const auto blocked = posix::make_directories(directory.path("file/x"), 0700);
  REQUIRE(!blocked);
  CHECK(blocked.error().message().contains("file"));
  const auto twice = posix::mkdir_at(directory.fd(), "a", 0700);
  REQUIRE(!twice);
  CHECK(twice.error().kind() == ErrorKind::conflict);
}

TEST_CASE("posix: linking, renaming, removing") {
  const TempDirectory directory;
  touch(directory, "a");
  REQUIRE(posix::link_at(directory.fd(), "a", directory.fd(), "b"));
  CHECK(posix::lstat_at(directory.fd(), "a").value().st_nlink == 2);
  REQUIRE(posix::rename_at(directory.fd(), "b", directory.fd(), "c"));
  const auto taken = posix::rename_at(directory.fd(), "a", directory.fd(), "c", RENAME_NOREPLACE);
  REQUIRE(!taken);
  CHECK(taken.error().kind() == ErrorKind::conflict);
  REQUIRE(posix::unlink_at(directory.fd(), "c"));
  CHECK(!posix::unlink_at(directory.fd(), "c"));
  REQUIRE(posix::mkdir_at(directory.fd(), "d", 0755));
  CHECK(!posix::unlink_at(directory.fd(), "d"));
  REQUIRE(posix::unlink_at(directory.fd(), "d", AT_REMOVEDIR));
  REQUIRE(posix::mknod_at(directory.fd(), "fifo", S_IFIFO | 0600, 0));
  CHECK(S_ISFIFO(posix::lstat_at(directory.fd(), "fifo").value().st_mode));
}

TEST_CASE("posix: the target of a symlink, however long") {
  const TempDirectory directory;
  const std::string target(3000, 'x');
  REQUIRE(posix::symlink_at(target, directory.fd(), "link"));
  CHECK(posix::readlink_at(directory.fd(), "link").value() == target);
  touch(directory, "file");
  CHECK(!posix::readlink_at(directory.fd(), "file"));
}

TEST_CASE("posix: modes of files, directories and special files, never through a symlink") {
  const TempDirectory directory;
  touch(directory, "file", 0600);
  REQUIRE(posix::mkdir_at(directory.fd(), "dir", 0700));
  REQUIRE(posix::mknod_at(directory.fd(), "fifo", S_IFIFO | 0600, 0));
  REQUIRE(posix::symlink_at("file", directory.fd(), "link"));
  for (const char* name : {"file", "dir", "fifo"}) {
    REQUIRE(posix::chmod_at(directory.fd(), name, 0751));
    CHECK(mode_of(directory, name) == 0751);
  }
  // Not readable, not writable: still ours.
  REQUIRE(posix::chmod_at(directory.fd(), "file", 0));
  REQUIRE(posix::chmod_at(directory.fd(), "file", 04755));
  CHECK(mode_of(directory, "file") == 04755);
  const auto link = posix::chmod_at(directory.fd(), "link", 0600);
  REQUIRE(!link);
  CHECK(link.error().code() == EOPNOTSUPP);
  CHECK(mode_of(directory, "file") == 04755);
  const Fd file = posix::open_at(directory.fd(), "file", O_RDONLY).value();
  REQUIRE(posix::fchmod(file, 0640));
  CHECK(mode_of(directory, "file") == 0640);
}

TEST_CASE("posix: owners and times, of symlinks too") {
  const TempDirectory directory;
  touch(directory, "file");
  REQUIRE(posix::symlink_at("file", directory.fd(), "link"));
  REQUIRE(posix::chown_at(directory.fd(), "link", ::getuid(), ::getgid()));
  const std::int64_t before = posix::lstat_at(directory.fd(), "file").value().st_mtim.tv_sec;
  REQUIRE(posix::set_times_at(directory.fd(), "link", {.tv_sec = 5, .tv_nsec = 7}));
  const struct stat link = posix::lstat_at(directory.fd(), "link").value();
  CHECK(link.st_mtim.tv_sec == 5);
  CHECK(link.st_mtim.tv_nsec == 7);
  CHECK(link.st_atim.tv_sec == 5);
  CHECK(posix::lstat_at(directory.fd(), "file").value().st_mtim.tv_sec == before);
}

TEST_CASE("posix: listing a directory") {
  const TempDirectory directory;
  for (const char* name : {"b", "a", "B", "\xff", "a.b"}) touch(directory, name);
  REQUIRE(posix::mkdir_at(directory.fd(), "dir", 0755));
  REQUIRE(posix::symlink_at("a", directory.fd(), "link"));
  const Fd path_only = posix::open(directory.path(), O_PATH | O_DIRECTORY).value();
  for (int round = 0; round < 2; ++round) {
    const auto entries = posix::list_directory(round == 0 ? path_only : directory.fd()).value();
    std::vector<std::string> names;
    for (const auto& entry : entries) names.push_back(entry.name);
    CHECK(names == std::vector<std::string>{"B", "a", "a.b", "b", "dir", "link", "\xff"});
    CHECK(entries[0].type == DT_REG);
    CHECK(entries[4].type == DT_DIR);
    CHECK(entries[5].type == DT_LNK);
    CHECK(entries[1].inode == posix::lstat_at(directory.fd(), "a").value().st_ino);
  }
  const Fd file = posix::open_at(directory.fd(), "a", O_RDONLY).value();
  CHECK(!posix::list_directory(file));
}

TEST_CASE("posix: a sealed memory file cannot be changed") {
  const std::string text = "text";
  const Fd file = posix::sealed_memory_file("name", std::as_bytes(std::span(text))).value();
  CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((::fcntl(file.get(), F_GETFL) & O_ACCMODE) == O_RDONLY);
  CHECK(!posix::write_full(file, "x"));
  // Opened anew for writing, the seals still hold.
  const auto again = posix::open(posix::fd_path(file), O_RDWR);
  if (again) CHECK(!posix::write_full(*again, "x"));
  CHECK(::ftruncate(file.get(), 0) != 0);
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  CHECK((seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)) ==
        (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
  CHECK(posix::read_fd(file).value() == "text");
}
