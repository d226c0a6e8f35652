#include "build/upper_tree.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using testing::read_file;
using testing::write_file;

namespace {

constexpr struct timespec k_epoch = {.tv_sec = 1000, .tv_nsec = 0};

struct Fixture {
  testing::TemporaryDirectory scratch;
  std::string lower_path = scratch.path() + "/lower";
  std::string upper_path = scratch.path() + "/upper";
  std::string source_path = scratch.path() + "/source";
  Fd lower, upper, source;

  Fixture() {
    for (const std::string& path : {lower_path, upper_path, source_path})
      REQUIRE(posix::make_directories(path, 0755));
    lower = testing::open_directory(lower_path);
    upper = testing::open_directory(upper_path);
    source = testing::open_directory(source_path);
  }

  Result<> copy(std::vector<std::string> sources, const std::string& destination, CopyOptions options = {}) {
    const SourceTree tree{&source, nullptr, "the source", ""};
    const Selection selection = TRY(select_sources(tree, sources, {}));
    return put(tree, selection, destination, std::move(options));
  }
  Result<> copy_parents(std::vector<std::string> sources, const std::string& destination,
                        CopyOptions options = {}) {
    const SourceTree tree{&source, nullptr, "the source", ""};
    return put(tree, TRY(select_with_parents(tree, sources, {})), destination, std::move(options));
  }
  Result<> put(const SourceTree& tree, const Selection& selection, const std::string& destination,
               CopyOptions options) {
    fs::LowerTree below = TRY(fs::LowerTree::of_tree(lower));
    UpperTree writer(upper, &below, k_epoch);
    options.owner = std::pair{::getuid(), ::getgid()};
    writer.make_directories_with(options.mode.value_or(0755), options.owner);
    TRY(copy_selection(tree, selection.items, destination, options, writer, nullptr));
    return writer.finish();
  }
  bool exists(const std::string& path) { return ::access((upper_path + path).c_str(), F_OK) == 0; }
  struct stat status(const std::string& path) {
    struct stat found = {};
    REQUIRE(::lstat((upper_path + path).c_str(), &found) == 0);
    return found;
  }
};

}  // namespace

TEST_CASE("a file goes to a new name, into a directory, or onto a file") {
  Fixture fixture;
  write_file(fixture.source_path + "/a", "new", 0640);
  write_file(fixture.lower_path + "/etc/a", "old");
  REQUIRE(fixture.copy({"a"}, "/name"));
  REQUIRE(fixture.copy({"a"}, "/fresh/dir/"));
  REQUIRE(fixture.copy({"a"}, "/etc"));
  CHECK(read_file(fixture.upper_path + "/name") == "new");
  CHECK(read_file(fixture.upper_path + "/fresh/dir/a") == "new");
  CHECK(read_file(fixture.upper_path + "/etc/a") == "new");
  CHECK((fixture.status("/name").st_mode & 07777) == 0640);
  CHECK((fixture.status("/fresh/dir").st_mode & 07777) == 0755);
  CHECK(fixture.status("/fresh/dir").st_mtim.tv_sec == k_epoch.tv_sec);
}

TEST_CASE("a directory of the tree below stays as it is there, but for what is put into it") {
  Fixture fixture;
  write_file(fixture.source_path + "/d/sub/a", "new");
  write_file(fixture.lower_path + "/to/sub/old", "old");
  const struct timespec below = {.tv_sec = 77, .tv_nsec = 5};
  REQUIRE(posix::set_times_at(fixture.lower, "to/sub", below));
  REQUIRE(posix::set_times_at(fixture.lower, "to", below));
  REQUIRE(posix::chmod_at(fixture.lower, "to", 0711));
  const bool has_xattrs = posix::set_xattr_at(fixture.lower, "to", "user.kept", "yes").has_value() &&
                          posix::set_xattr_at(fixture.lower, "to", "user.overlay.opaque", "y").has_value();
  REQUIRE(fixture.copy({"d"}, "/to/"));
  CHECK(read_file(fixture.upper_path + "/to/sub/a") == "new");
  for (const char* path : {"/to", "/to/sub"}) {
    CHECK(fixture.status(path).st_mtim.tv_sec == 77);
    CHECK(fixture.status(path).st_mtim.tv_nsec == 5);
  }
  CHECK((fixture.status("/to").st_mode & 07777) == 0711);
  if (!has_xattrs) return;
  const auto xattrs = posix::list_xattrs_at(fixture.upper, "to").value();
  REQUIRE(xattrs.size() == 1);
  CHECK(xattrs[0].name == "user.kept");
}

TEST_CASE("no umask leaks into what is copied") {
  Fixture fixture;
  write_file(fixture.source_path + "/d/a", "x", 0666);
  const mode_t before = ::umask(077);
  const auto copied = fixture.copy({"d"}, "/to/d/");
  ::umask(before);
  REQUIRE(copied);
  CHECK((fixture.status("/to").st_mode & 07777) == 0755);
  CHECK((fixture.status("/to/d/a").st_mode & 07777) == 0666);
}

TEST_CASE("a directory stands for its contents") {
  Fixture fixture;
  write_file(fixture.source_path + "/d/a", "1");
  write_file(fixture.source_path + "/d/sub/b", "2");
  REQUIRE(::chmod((fixture.source_path + "/d").c_str(), 0700) == 0);
  REQUIRE(fixture.copy({"d"}, "/new"));
  CHECK(read_file(fixture.upper_path + "/new/sub/b") == "2");
  CHECK((fixture.status("/new").st_mode & 07777) == 0755);  // as any that had to be made
  REQUIRE(posix::make_directories(fixture.lower_path + "/old", 0755));
  REQUIRE(::chmod((fixture.lower_path + "/old").c_str(), 0711) == 0);
  REQUIRE(fixture.copy({"d"}, "/old"));
  CHECK((fixture.status("/old").st_mode & 07777) == 0711);  // it was there: it stays as it is
}

TEST_CASE("symlinks of the tree below lead the destination, and never out of it") {
  Fixture fixture;
  write_file(fixture.source_path + "/a", "x");
  REQUIRE(posix::make_directories(fixture.lower_path + "/usr/bin", 0755));
  REQUIRE(posix::symlink_at("usr/bin", fixture.lower, "bin"));
  REQUIRE(posix::symlink_at(fixture.scratch.path(), fixture.lower, "out"));
  REQUIRE(posix::symlink_at("../../../../../..", fixture.lower, "up"));
  REQUIRE(fixture.copy({"a"}, "/bin/"));
  CHECK(read_file(fixture.upper_path + "/usr/bin/a") == "x");
  REQUIRE(fixture.copy({"a"}, "/out/escaped"));
  CHECK(::access((fixture.scratch.path() + "/escaped").c_str(), F_OK) != 0);
  CHECK(read_file(fixture.upper_path + fixture.scratch.path() + "/escaped") == "x");
  REQUIRE(fixture.copy({"a"}, "/up/tmp-escaped"));
  CHECK(read_file(fixture.upper_path + "/tmp-escaped") == "x");
}

TEST_CASE("directories of the tree below keep their mode and time") {
  Fixture fixture;
  write_file(fixture.source_path + "/a", "x");
  REQUIRE(posix::make_directories(fixture.lower_path + "/srv/deep", 0755));
  REQUIRE(::chmod((fixture.lower_path + "/srv").c_str(), 01777) == 0);
  REQUIRE(posix::set_times_at(fixture.lower, "srv", {.tv_sec = 77, .tv_nsec = 0}));
  REQUIRE(fixture.copy({"a"}, "/srv/deep/"));
  CHECK((fixture.status("/srv").st_mode & 07777) == 01777);
  CHECK(fixture.status("/srv").st_mtim.tv_sec == 77);
}

TEST_CASE("what cannot be is refused") {
  Fixture fixture;
  write_file(fixture.source_path + "/a", "x");
  write_file(fixture.source_path + "/b", "x");
  write_file(fixture.source_path + "/d/etc", "a file where a directory is");
  write_file(fixture.lower_path + "/etc/x", "");
  write_file(fixture.lower_path + "/file", "");
  CHECK_FALSE(fixture.copy({"a", "b"}, "/no-slash"));
  CHECK_FALSE(fixture.copy({"a"}, "/file/"));
  CHECK_FALSE(fixture.copy({"a"}, "/file/below"));
  CHECK_FALSE(fixture.copy({"d"}, "/file"));
  CHECK_FALSE(fixture.copy({"d"}, "/"));
}

TEST_CASE("names of one file stay names of one file") {
  Fixture fixture;
  write_file(fixture.source_path + "/d/a", "x");
  REQUIRE(::link((fixture.source_path + "/d/a").c_str(), (fixture.source_path + "/d/b").c_str()) == 0);
  REQUIRE(fixture.copy({"d"}, "/d"));
  CHECK(fixture.status("/d/a").st_ino == fixture.status("/d/b").st_ino);
}

TEST_CASE("a file that changed after it was selected is an error") {
  Fixture fixture;
  write_file(fixture.source_path + "/a", "x");
  const SourceTree tree{&fixture.source, nullptr, "the source", ""};
  const auto selection = select_sources(tree, {"a"}, {});
  REQUIRE(selection);
  write_file(fixture.source_path + "/a", "other");
  auto below = fs::LowerTree::of_tree(fixture.lower);
  REQUIRE(below);
  UpperTree writer(fixture.upper, &*below, k_epoch);
  CopyOptions options;
  options.owner = std::pair{::getuid(), ::getgid()};
  options.must_be_unchanged = true;
  const auto copied = copy_selection(tree, selection->items, "/a", options, writer, nullptr);
  REQUIRE_FALSE(copied);
  CHECK(copied.error().kind() == ErrorKind::conflict);
}

TEST_CASE("of many files each gets its own content, mode and time") {
  Fixture fixture;
  constexpr int k_files = 1000;
  const auto content = [](int i) {
    return std::string(static_cast<std::size_t>(i * 37 % 9000), char('a' + i % 26));
  };
  const auto name = [](int i) { return fmt::format("/d/{}/{}", i % 7, i); };
  for (int i = 0; i < k_files; ++i) {
    const std::string path = fixture.source_path + name(i);
    write_file(path, content(i), i % 3 == 0 ? 0600 : 0755);
    REQUIRE(posix::set_times_at(fixture.source, name(i).substr(1), {.tv_sec = i, .tv_nsec = 0}));
    if (i % 50 == 0) REQUIRE(::link(path.c_str(), (path + "-too").c_str()) == 0);
  }
  REQUIRE(fixture.copy({"d"}, "/d"));
  for (int i = 0; i < k_files; ++i) {
    INFO(i);
    REQUIRE(read_file(fixture.upper_path + name(i)) == content(i));
    const struct stat status = fixture.status(name(i));
    REQUIRE((status.st_mode & 07777) == (i % 3 == 0 ? 0600 : 0755));
    REQUIRE(status.st_mtim.tv_sec == i);
    if (i % 50 == 0) REQUIRE(fixture.status(name(i) + "-too").st_ino == status.st_ino);
  }
}

TEST_CASE("one of many files that changed is an error, wherever it is") {
  const int changed = GENERATE(0, 70, 500, 999);
  Fixture fixture;
  for (int i = 0; i < 1000; ++i) write_file(fmt::format("{}/d/{:03}", fixture.source_path, i), "x");
  const SourceTree tree{&fixture.source, nullptr, "the source", ""};
  const auto selection = select_sources(tree, {"d"}, {});
  REQUIRE(selection);
  write_file(fmt::format("{}/d/{:03}", fixture.source_path, changed), "other");
  UpperTree writer(fixture.upper, nullptr, k_epoch);
  CopyOptions options;
  options.owner = std::pair{::getuid(), ::getgid()};
  options.must_be_unchanged = true;
  const auto copied = copy_selection(tree, selection->items, "/d", options, writer, nullptr);
  REQUIRE_FALSE(copied);
  CHECK(copied.error().kind() == ErrorKind::conflict);
  CHECK(copied.error().message().find(fmt::format("d/{:03}", changed)) != std::string::npos);
}

TEST_CASE("a destination is found in layers as in a tree that is mounted") {
  Fixture fixture;
  const std::string bottom = fixture.scratch.path() + "/bottom";
  const std::string top = fixture.scratch.path() + "/top";
  REQUIRE(posix::make_directories(bottom + "/usr/bin", 0755));
  REQUIRE(posix::make_directories(bottom + "/var/lib", 0755));
  REQUIRE(posix::make_directories(top + "/opt/real", 0755));
  write_file(bottom + "/file", "");
  const Fd lowest = testing::open_directory(bottom);
  const Fd upmost = testing::open_directory(top);
  REQUIRE(posix::symlink_at("usr/bin", lowest, "bin"));
  REQUIRE(posix::symlink_at("/opt/real", testing::open_directory(bottom + "/var/lib"), "led"));
  REQUIRE(posix::symlink_at("round", upmost, "round"));
  auto tree = fs::LowerTree::of_layers({bottom, top});
  REQUIRE(tree);
  const auto leads_to = [&](const char* path) {
    const auto found = resolve_in_root(*tree, path);
    if (!found) return "error " + std::to_string(found.error().code());
    return found->path + (!found->status ? " -" : S_ISDIR(found->status->st_mode) ? " d" : " f");
  };
  CHECK(leads_to("/") == " d");
  CHECK(leads_to("/bin") == "usr/bin d");
  CHECK(leads_to("/bin/tool") == "usr/bin/tool -");
  CHECK(leads_to("/bin/../../file") == "file f");
  CHECK(leads_to("/bin/../lib/x") == "usr/lib/x -");
  CHECK(leads_to("/var/lib/led/new/..") == "opt/real d");
  CHECK(leads_to("/var/lib/led/../none/../real") == "opt/real d");
  CHECK(leads_to("/../../var") == "var d");
  CHECK(leads_to("/round") == "error " + std::to_string(ELOOP));
  CHECK(leads_to("/file/below") == "error " + std::to_string(ENOTDIR));
}

TEST_CASE("several directories may make one, and files go beside their contents") {
  Fixture fixture;
  write_file(fixture.source_path + "/d1/a", "1");
  write_file(fixture.source_path + "/d2/b", "2");
  write_file(fixture.source_path + "/d3", "3");
  REQUIRE(fixture.copy({"d?"}, "/to"));
  CHECK(read_file(fixture.upper_path + "/to/a") == "1");
  CHECK(read_file(fixture.upper_path + "/to/b") == "2");
  CHECK(read_file(fixture.upper_path + "/to/d3") == "3");
}

TEST_CASE("a symbolic mode is for files and directories, and not for what had to be made") {
  Fixture fixture;
  write_file(fixture.source_path + "/d/tool", "x", 0700);
  write_file(fixture.source_path + "/d/sub/text", "x", 0600);
  CopyOptions options;
  options.mode_change = ModeChange::parse("u=rwX,go=rX").value();
  REQUIRE(fixture.copy({"d"}, "/to", options));
  CHECK((fixture.status("/to/tool").st_mode & 07777) == 0755);
  CHECK((fixture.status("/to/sub/text").st_mode & 07777) == 0644);
  CHECK((fixture.status("/to").st_mode & 07777) == 0755);
  options.mode_change.reset();
  options.mode = 0711;
  REQUIRE(fixture.copy({"d"}, "/other/deep", options));
  CHECK((fixture.status("/other").st_mode & 07777) == 0711);
  CHECK((fixture.status("/other/deep/sub/text").st_mode & 07777) == 0711);
}

TEST_CASE("the directories of a source come along") {
  Fixture fixture;
  for (const char* name : {"/x/a.txt", "/y/a.txt", "/y/b.c", "/x/deep/er/c.txt"})
    write_file(fixture.source_path + name, name);
  REQUIRE(::chmod((fixture.source_path + "/x").c_str(), 0750) == 0);
  REQUIRE(fixture.copy_parents({"./x/a.txt", "y/a.txt"}, "/parents/"));
  CHECK(read_file(fixture.upper_path + "/parents/x/a.txt") == "/x/a.txt");
  CHECK(read_file(fixture.upper_path + "/parents/y/a.txt") == "/y/a.txt");
  CHECK_FALSE(fixture.exists("/parents/y/b.c"));
  CHECK((fixture.status("/parents/x").st_mode & 07777) == 0750);
  REQUIRE(fixture.copy_parents({"**/*.txt"}, "/all"));
  CHECK(fixture.exists("/all/x/deep/er/c.txt"));
  CHECK(fixture.exists("/all/y/a.txt"));
  CHECK_FALSE(fixture.exists("/all/y/b.c"));
  REQUIRE(fixture.copy_parents({"x/./deep/*"}, "/cut/"));
  CHECK(fixture.exists("/cut/deep/er/c.txt"));
  CHECK_FALSE(fixture.exists("/cut/x"));
  REQUIRE(fixture.copy_parents({"x/./deep"}, "/whole/"));
  CHECK(fixture.exists("/whole/deep/er/c.txt"));
  REQUIRE(fixture.copy_parents({"?/./**/a.txt"}, "/many/"));
  CHECK(fixture.exists("/many/a.txt"));
  // A glob without a match makes the destination and nothing in it; a name must be there.
  REQUIRE(fixture.copy_parents({"x/none*"}, "/empty/"));
  CHECK(fixture.exists("/empty"));
  CHECK_FALSE(fixture.copy_parents({"x/none"}, "/error/"));
}

TEST_CASE("files of the recipe's text") {
  Fixture fixture;
  auto below = fs::LowerTree::of_tree(fixture.lower);
  REQUIRE(below);
  UpperTree writer(fixture.upper, &*below, k_epoch);
  CopyOptions options;
  options.owner = std::pair{::getuid(), ::getgid()};
  options.mtime = k_epoch;
  REQUIRE(copy_inline_file("script", "#!/bin/sh\n", "/bin/", options, writer));
  options.mode = 0755;
  REQUIRE(copy_inline_file("ignored", "x", "/name", options, writer));
  options.mode.reset();
  options.mode_change = ModeChange::parse("+x").value();
  REQUIRE(copy_inline_file("tool", "y", "/bin/", options, writer));
  REQUIRE(writer.finish());
  CHECK(read_file(fixture.upper_path + "/bin/script") == "#!/bin/sh\n");
  CHECK((fixture.status("/bin/script").st_mode & 07777) == 0644);
  CHECK(fixture.status("/bin/script").st_mtim.tv_sec == k_epoch.tv_sec);
  CHECK((fixture.status("/name").st_mode & 07777) == 0755);
  CHECK((fixture.status("/bin/tool").st_mode & 07777) == 0755);
}
