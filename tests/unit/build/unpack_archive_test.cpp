#include "build/unpack_archive.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/posix.hpp"
#include "build/archive_file.hpp"
#include "fs/tar.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using testing::read_file;
using testing::write_file;

namespace {

struct Entry {
  std::string path;
  fs::EntryType type = fs::EntryType::file;
  std::string content;  // or the target of a link
  mode_t mode = 0644;
};

std::string tar_of(const std::vector<Entry>& entries) {
  StringSink sink;
  fs::TarWriter writer(sink);
  for (const Entry& from : entries) {
    const bool is_file = from.type == fs::EntryType::file;
    fs::TarEntry entry{.path = from.path, .type = from.type, .mode = from.mode};
    entry.uid = ::getuid();
    entry.gid = ::getgid();
    entry.mtime = 7;
    entry.size = is_file ? from.content.size() : 0;
    if (!is_file) entry.link_target = from.content;
    REQUIRE(writer.add(entry));
    if (is_file) REQUIRE(writer.write_data(as_bytes(from.content)));
  }
  REQUIRE(writer.finish());
  return std::move(sink.bytes());
}

struct Fixture {
  testing::TemporaryDirectory scratch;
  std::string path = scratch.path() + "/tree";
  Fixture() { REQUIRE(posix::make_directories(path, 0755)); }
  Result<> unpack(const std::vector<Entry>& entries, const std::string& destination = "") {
    const Fd root = testing::open_directory(path);
    UpperTree tree(root, nullptr, {});
    TRY(unpack_archive(std::make_unique<MemorySource>(tar_of(entries)), root, tree, destination, {},
                       nullptr));
    return tree.finish();
  }
  bool exists(const std::string& name) {
    struct stat status;
    return ::lstat((path + name).c_str(), &status) == 0;
  }
};

using Type = fs::EntryType;

}  // namespace

TEST_CASE("an archive is merged into what is there") {
  Fixture fixture;
  write_file(fixture.path + "/etc/kept", "kept");
  write_file(fixture.path + "/etc/old", "old");
  REQUIRE(::chmod((fixture.path + "/etc").c_str(), 0711) == 0);
  REQUIRE(fixture.unpack({{"etc/old", Type::file, "new"}, {"./new/deep/file", Type::file, "x"}}));
  CHECK(read_file(fixture.path + "/etc/kept") == "kept");
  CHECK(read_file(fixture.path + "/etc/old") == "new");
  CHECK(read_file(fixture.path + "/new/deep/file") == "x");
  struct stat status;
  REQUIRE(::stat((fixture.path + "/etc").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0711);  // it says nothing of this directory
  REQUIRE(fixture.unpack({{"etc", Type::directory, "", 0750}}));
  REQUIRE(::stat((fixture.path + "/etc").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0750);
  CHECK(status.st_mtim.tv_sec == 7);
}

TEST_CASE("an entry without a name is left out") {
  Fixture fixture;
  std::string archive =
      tar_of({{"x", fs::EntryType::file, "content"}, {"after", fs::EntryType::file, "here"}});
  // The first header: without its name, and with the checksum of that.
  unsigned sum = 0;
  archive[0] = '\0';
  std::fill_n(archive.begin() + 148, 8, ' ');
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(archive[i]);
  std::snprintf(archive.data() + 148, 8, "%06o", sum);
  const Fd root = testing::open_directory(fixture.path);
  UpperTree tree(root, nullptr, {});
  REQUIRE(
      unpack_archive(std::make_unique<MemorySource>(std::move(archive)), root, tree, "dest", {}, nullptr));
  CHECK_FALSE(fixture.exists("/dest/x"));
  CHECK(read_file(fixture.path + "/dest/after") == "here");
}

TEST_CASE("symlinks of the tree lead the parents, and never out of it") {
  Fixture fixture;
  REQUIRE(posix::make_directories(fixture.path + "/usr/lib", 0755));
  const Fd root = testing::open_directory(fixture.path);
  REQUIRE(posix::symlink_at("usr/lib", root, "lib"));
  REQUIRE(posix::symlink_at(fixture.scratch.path(), root, "out"));
  REQUIRE(fixture.unpack({{"lib/a", Type::file, "a"}, {"out/escaped", Type::file, "b"}}));
  CHECK(read_file(fixture.path + "/usr/lib/a") == "a");
  CHECK(::access((fixture.scratch.path() + "/escaped").c_str(), F_OK) != 0);
  // One that the archive brings is the same.
  REQUIRE(fixture.unpack({{"up", Type::symlink, "/../.."}, {"up/escaped", Type::file, "b"}}));
  CHECK(::access((fixture.scratch.path() + "/escaped").c_str(), F_OK) != 0);
  CHECK(read_file(fixture.path + "/escaped") == "b");
  for (const Entry& outside :
       {Entry{"../escaped", Type::file, "b"}, Entry{"hard", Type::hardlink, "../../etc/passwd"}}) {
    const auto refused = fixture.unpack({outside});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::invalid);
    CHECK(refused.error().message().contains("leads out of the archive"));
  }
  CHECK_FALSE(fixture.exists("/hard"));
  // A link through a symlink of the tree is to the tree's own file, not to one of that name outside.
  write_file(fixture.scratch.path() + "/outside", "outside");
  CHECK_FALSE(fixture.unpack({{"link", Type::hardlink, "out/outside"}}));
  CHECK_FALSE(fixture.exists("/link"));
}

TEST_CASE("what is in the way gives way") {
  Fixture fixture;
  write_file(fixture.path + "/d/file", "x");
  write_file(fixture.path + "/f", "x");
  const Fd root = testing::open_directory(fixture.path);
  REQUIRE(posix::symlink_at("nowhere", root, "s"));
  REQUIRE(fixture.unpack({{"d", Type::file, "now a file"},
                          {"f", Type::directory, "", 0755},
                          {"f/inner", Type::file, "y"},
                          {"s", Type::file, "now a file"},
                          {"h", Type::hardlink, "s"}}));
  CHECK(read_file(fixture.path + "/d") == "now a file");
  CHECK(read_file(fixture.path + "/f/inner") == "y");
  CHECK(read_file(fixture.path + "/h") == "now a file");
  CHECK_FALSE(fixture.exists("/nowhere"));
}

TEST_CASE("what an archive brings has its type, mode and time, and devices are left out") {
  Fixture fixture;
  REQUIRE(fixture.unpack({{"pipe", Type::fifo, "", 0620},
                          {"tool", Type::file, "x", 04755},
                          {"again", Type::hardlink, "tool"},
                          {"link", Type::symlink, "/nowhere"},
                          {"disk", Type::block_device, ""},
                          {"tty", Type::character_device, ""}}));
  struct stat tool, status;
  REQUIRE(::lstat((fixture.path + "/pipe").c_str(), &status) == 0);
  CHECK(S_ISFIFO(status.st_mode));
  CHECK((status.st_mode & 07777) == 0620);
  REQUIRE(::lstat((fixture.path + "/tool").c_str(), &tool) == 0);
  CHECK((tool.st_mode & 07777) == 04755);
  CHECK(tool.st_mtim.tv_sec == 7);
  REQUIRE(::lstat((fixture.path + "/again").c_str(), &status) == 0);
  CHECK(status.st_ino == tool.st_ino);
  REQUIRE(::lstat((fixture.path + "/link").c_str(), &status) == 0);
  CHECK(S_ISLNK(status.st_mode));
  CHECK(status.st_mtim.tv_sec == 7);
  CHECK_FALSE(fixture.exists("/disk"));
  CHECK_FALSE(fixture.exists("/tty"));
}

TEST_CASE("an archive cannot remove, and goes below its destination") {
  Fixture fixture;
  write_file(fixture.path + "/a", "x");
  const auto refused = fixture.unpack({{".wh.a", Type::file, ""}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message().contains("its name marks removed files"));
  CHECK(fixture.exists("/a"));
  REQUIRE(fixture.unpack({{"/b", Type::file, "y"}, {"h", Type::hardlink, "b"}}, "to"));
  CHECK(read_file(fixture.path + "/to/h") == "y");
}

TEST_CASE("archives are told by their bytes") {
  testing::TemporaryDirectory scratch;
  const auto content = [&](const std::string& bytes) {
    write_file(scratch.path() + "/file", bytes);
    const auto file = posix::open(scratch.path() + "/file", O_RDONLY);
    REQUIRE(file);
    return content_of(*file).value();
  };
  const std::string tar = tar_of({{"a", Type::file, "x"}});
  CHECK(content(tar) == FileContent::archive);
  std::string old = tar;  // before there was a magic: only the checksum is left
  for (std::size_t i = 257; i < 265; ++i) old[i] = '\0';
  CHECK(content(old) == FileContent::other);
  CHECK(content("") == FileContent::other);
  CHECK(content(std::string(1024, '\0')) == FileContent::other);
  CHECK(content("\x1f\x8b\x08 and then nothing") == FileContent::other);
  CHECK(content(std::string(600, 'x')) == FileContent::other);
}
