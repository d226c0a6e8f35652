#include "run/chroot/placed_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;
namespace stdfs = std::filesystem;

namespace {

using Kind = Placement::Kind;

void write(const stdfs::path& path, const std::string& content) {
  stdfs::create_directories(path.parent_path());
  std::ofstream(path) << content;
}
std::string read(const stdfs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("placed files cover what is there, and it comes back") {
  const test::TempDirectory directory;
  const stdfs::path root = stdfs::path(directory.path()) / "tree";
  write(root / "etc/hosts", "original");
  write(root / "dev/kept", "device");
  stdfs::create_symlink("/outside/resolv.conf", root / "etc/resolv.conf");
  {
    auto files =
        PlacedFiles::place(root, {{.kind = Kind::mount_point, .target = "proc"},
                                  {.kind = Kind::directory, .target = "dev"},
                                  {.kind = Kind::directory, .target = "dev/shm", .mode = 01777},
                                  {.kind = Kind::symlink, .target = "dev/fd", .source = "/proc/self/fd"},
                                  {.kind = Kind::file, .target = "etc/hosts", .source = "placed"},
                                  {.kind = Kind::file, .target = "etc/resolv.conf", .source = "name"},
                                  {.kind = Kind::file, .target = "run/secrets/one", .source = "s"}});
    REQUIRE(files);
    CHECK(read(root / "etc/hosts") == "placed");
    CHECK(read(root / "etc/resolv.conf") == "name");
    CHECK_FALSE(stdfs::exists(root / "dev/kept"));
    CHECK(stdfs::is_symlink(root / "dev/fd"));
    CHECK(read(root / "run/secrets/one") == "s");
    CHECK(files->created() == std::vector<std::string>{"proc", "run", "run/secrets", "run/secrets/one"});
    write(root / "etc/hosts", "changed");
    write(root / "dev/shm/left", "left");
    CHECK(files->restore());
  }
  CHECK(read(root / "etc/hosts") == "original");
  CHECK(stdfs::read_symlink(root / "etc/resolv.conf") == "/outside/resolv.conf");
  CHECK(read(root / "dev/kept") == "device");
  CHECK_FALSE(stdfs::exists(root / "dev/shm"));
  CHECK(stdfs::is_empty(root / "run/secrets/one"));  // as an empty file: a mount point
  CHECK(std::distance(stdfs::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("a kept copy takes the place of its source, another one goes") {
  const test::TempDirectory directory;
  const stdfs::path base = directory.path();
  write(base / "tree/bin/sh", "");
  write(base / "cache/data/old", "old");
  write(base / "context/file", "source");
  auto files = PlacedFiles::place(
      base / "tree", {{.kind = Kind::copy, .target = "cache", .source = base / "cache/data", .is_kept = true},
                      {.kind = Kind::copy, .target = "src", .source = base / "context"},
                      {.kind = Kind::copy, .target = "one", .source = base / "context/file"}});
  REQUIRE(files);
  CHECK(read(base / "tree/cache/old") == "old");
  CHECK(read(base / "tree/one") == "source");
  write(base / "tree/cache/new", "new");
  stdfs::remove(base / "tree/cache/old");
  write(base / "tree/src/file", "written");
  REQUIRE(files->restore());
  CHECK(read(base / "cache/data/new") == "new");
  CHECK_FALSE(stdfs::exists(base / "cache/data/old"));
  CHECK(read(base / "context/file") == "source");
  CHECK(stdfs::is_empty(base / "tree/src"));
}

TEST_CASE("nothing is placed outside of the tree, and a failure leaves it as it was") {
  const test::TempDirectory directory;
  const stdfs::path base = directory.path();
  write(base / "tree/etc/hosts", "original");
  stdfs::create_directories(base / "outside");
  stdfs::create_symlink("../../outside", base / "tree/link");
  stdfs::create_symlink("/nowhere", base / "tree/dangling");
  {
    const auto files =
        PlacedFiles::place(base / "tree", {{.kind = Kind::file, .target = "etc/hosts", .source = "placed"},
                                           {.kind = Kind::file, .target = "dangling/file", .source = "x"}});
    CHECK_FALSE(files);
  }
  CHECK(read(base / "tree/etc/hosts") == "original");
  const auto files =
      PlacedFiles::place(base / "tree", {{.kind = Kind::file, .target = "link/file", .source = "x"}});
  CHECK(stdfs::is_empty(base / "outside"));
}
