// The way into hostile trees. Every case runs through openat2 and through the walk that replaces it, and both
// must agree.
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/posix.hpp"
#include "base/posix_internal.hpp"
#include "base/text.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using posix::Symlinks;

namespace {

using Opener = Result<Fd> (*)(const Fd&, std::string_view, int, mode_t);

Result<Fd> walk(const Fd& root, std::string_view path, int flags, mode_t mode) {
  return posix::walk_in_root(root, path, flags, mode, Symlinks::follow);
}
Result<Fd> walk_strictly(const Fd& root, std::string_view path, int flags, mode_t mode) {
  return posix::walk_in_root(root, path, flags, mode, Symlinks::refuse);
}

void write_at(const Fd& dir, const std::string& name, std::string_view text) {
  const Fd file = posix::open_at(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644).value();
  REQUIRE(posix::write_full(file, text));
}

// outside/secret and root/ with files, directories and symlinks that try to get out.
struct Tree {
  test::TempDirectory directory;
  Fd outside;
  Fd root;

  Tree() {
    REQUIRE(posix::mkdir_at(directory.fd(), "outside", 0755));
    outside = posix::open_at(directory.fd(), "outside", O_RDONLY | O_DIRECTORY).value();
    write_at(outside, "secret", "secret");
    REQUIRE(posix::mkdir_at(directory.fd(), "root", 0755));
    root = posix::open_at(directory.fd(), "root", O_RDONLY | O_DIRECTORY).value();
    for (const char* name : {"etc", "etc/deep", "etc/deep/er", "outside"}) {
      REQUIRE(posix::mkdir_at(root, name, 0755));
    }
    write_at(root, "file", "file");
    write_at(root, "etc/passwd", "inside");
    write_at(root, "etc/deep/er/leaf", "leaf");
    write_at(root, "secret", "root's own");
    const auto link = [&](const std::string& name, const std::string& target) {
      REQUIRE(posix::symlink_at(target, root, name));
    };
    link("absolute", "/etc/passwd");
    link("up", "../../../../../../etc/passwd");
    link("up_dir", "..");
    link("far_up", "../../../../../..");
    link("host", directory.path("outside"));
    link("host_secret", directory.path("outside/secret"));
    link("relative_out", "../outside/secret");
    link("to_dir", "etc/deep");
    link("to_dir_slash", "etc/deep/");
    link("to_file_slash", "file/");
    link("dangling", "etc/new");
    link("dangling_out", "../outside/new");
    link("loop", "loop");
    link("loop_a", "loop_b");
    link("loop_b", "etc/../loop_a");
    link("root_link", "/");
    link("chain0", "file");
    for (int i = 1; i <= 45; ++i) link(fmt::format("chain{}", i), fmt::format("chain{}", i - 1));
    link("etc/back", "../to_dir/er/leaf");
  }
};

// What an attempt ends in: the text of the file, "dir:<inode>", "link:<target>" or "errno:<number>".
std::string outcome(const Result<Fd>& result) {
  if (!result) return fmt::format("errno:{}", result.error().code());
  const struct stat status = posix::stat_fd(*result).value();
  if (S_ISDIR(status.st_mode)) return fmt::format("dir:{}", status.st_ino);
  if (S_ISLNK(status.st_mode)) return "link:" + posix::readlink_at(*result, "").value();
  if ((::fcntl(result->get(), F_GETFL) & O_PATH) != 0) return fmt::format("path:{}", status.st_ino);
  return posix::read_fd(*result).value();
}

struct Attempt {
  std::string path;
  std::string outcome;  // "dir:<path below root>" is replaced by the inode
  int flags = O_RDONLY;
};

void check(Opener open, const std::vector<Attempt>& attempts) {
  std::optional<Tree> made;
  for (const Attempt& attempt : attempts) {
    // A new one after each that changes it.
    if (!made || (attempt.flags & O_CREAT) != 0) made.emplace();
    const Tree& tree = *made;
    std::string expected = attempt.outcome;
    if (expected.starts_with("dir:")) {
      const std::string name = expected == "dir:" ? "." : expected.substr(4);
      expected = fmt::format("dir:{}", posix::lstat_at(tree.root, name).value().st_ino);
    }
    INFO(attempt.path << " flags " << attempt.flags);
    const auto opened = open(tree.root, attempt.path, attempt.flags, 0644);
    if (opened) CHECK((::fcntl(opened->get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(outcome(opened) == expected);
    // Nothing may ever come to be outside.
    CHECK(posix::list_directory(tree.outside).value().size() == 1);
    CHECK(posix::list_directory(tree.directory.fd()).value().size() == 2);
  }
}

std::string error(int code) {
  return fmt::format("errno:{}", code);
}

}  // namespace

TEST_CASE("open in root: names resolve as if the root were /") {
  const Opener open = GENERATE(&posix::open_in_root, &walk);
  check(open, {{"", "dir:"},
               {"/", "dir:"},
               {"//./", "dir:"},
               {".", "dir:"},
               {"..", "dir:"},
               {"../..", "dir:"},
               {"file", "file"},
               {"/file", "file"},
               {"//etc///passwd", "inside"},
               {"etc/../file", "file"},
               {"etc/deep/er/../../passwd", "inside"},
               {"etc/../../../../file", "file"},
               {"../outside/secret", error(ENOENT)},
               {"etc/.", "dir:etc"},
               {"etc/", "dir:etc"},
               {"etc/deep/..", "dir:etc"},
               {"etc/deep/../", "dir:etc"},
               {"missing", error(ENOENT)},
               {"missing/..", error(ENOENT)},
               {"file/..", error(ENOTDIR)},
               {"file/.", error(ENOTDIR)},
               {"file/", error(ENOTDIR)},
               {"file/x", error(ENOTDIR)},
               {std::string(300, 'x'), error(ENAMETOOLONG)},
               {std::string(5000, '/'), error(ENAMETOOLONG)},
               {std::string("file\0x", 6), error(EINVAL)}});
}

TEST_CASE("open in root: symlinks stay inside") {
  const Opener open = GENERATE(&posix::open_in_root, &walk);
  check(open, {{"absolute", "inside"},
               {"up", "inside"},
               {"up_dir", "dir:"},
               {"up_dir/outside", "dir:outside"},
               {"far_up/file", "file"},
               {"host", error(ENOENT)},
               {"host/secret", error(ENOENT)},
               {"host_secret", error(ENOENT)},
               {"relative_out", error(ENOENT)},
               {"root_link", "dir:"},
               {"root_link/etc/passwd", "inside"},
               {"root_link/../root_link/secret", "root's own"},
               {"to_dir", "dir:etc/deep"},
               {"to_dir/", "dir:etc/deep"},
               {"to_dir/er/leaf", "leaf"},
               {"to_dir/..", "dir:etc"},
               {"to_dir/../passwd", "inside"},
               {"to_dir_slash/../passwd", "inside"},
               {"etc/back", "leaf"},
               {"to_file_slash", error(ENOTDIR)},
               {"dangling", error(ENOENT)},
               {"absolute/x", error(ENOTDIR)}});
}

TEST_CASE("open in root: loops of symlinks end") {
  const Opener open = GENERATE(&posix::open_in_root, &walk);
  check(open, {{"loop", error(ELOOP)},
               {"loop/x", error(ELOOP)},
               {"loop_a", error(ELOOP)},
               {"chain39", "file"},  // 40 symlinks
               {"chain40", error(ELOOP)},
               {"chain45", error(ELOOP)}});
}

TEST_CASE("open in root: the last symlink with O_NOFOLLOW, O_PATH and O_DIRECTORY") {
  const Opener open = GENERATE(&posix::open_in_root, &walk);
  check(open, {{"absolute", error(ELOOP), O_RDONLY | O_NOFOLLOW},
               {"to_dir", error(ENOTDIR), O_RDONLY | O_NOFOLLOW | O_DIRECTORY},
               {"absolute", "link:/etc/passwd", O_PATH | O_NOFOLLOW},
               {"host", error(ENOTDIR), O_PATH | O_NOFOLLOW | O_DIRECTORY},
               {"to_dir/", "dir:etc/deep", O_PATH | O_NOFOLLOW},
               {"to_dir", "dir:etc/deep", O_PATH | O_DIRECTORY},
               {"up_dir/absolute", "link:/etc/passwd", O_PATH | O_NOFOLLOW},
               {"loop", "link:loop", O_PATH | O_NOFOLLOW},
               {"file", error(ENOTDIR), O_PATH | O_DIRECTORY},
               {"file", error(ENOTDIR), O_RDONLY | O_DIRECTORY},
               {"etc", error(EISDIR), O_WRONLY},
               {"", "dir:", O_PATH},
               // Meaningless together with O_PATH, and ignored as openat does.
               {"to_dir", "dir:etc/deep", O_PATH | O_NONBLOCK}});
}

TEST_CASE("open in root: creating") {
  const Opener open = GENERATE(&posix::open_in_root, &walk);
  const int create = O_RDWR | O_CREAT;
  check(open, {{"new", "", create},
               {"etc/deep/new", "", create | O_EXCL},
               {"../../new", "", create},
               {"to_dir/new", "", create},
               {"dangling", "", create},
               {"dangling", error(EEXIST), create | O_EXCL},
               {"dangling", error(ELOOP), create | O_NOFOLLOW},
               {"dangling_out", "", create},  // root/outside/new
               {"absolute", "inside", create},
               {"file", error(EEXIST), create | O_EXCL},
               {"file", "file", create},
               {"host_secret", error(ENOENT), create},
               {"new/", error(EISDIR), create},
               {"missing/new", error(ENOENT), create},
               {"etc", error(EISDIR), create},
               {".", error(EISDIR), create},
               {"loop", error(ELOOP), create}});
}

TEST_CASE("open in root: a dangling symlink creates its target inside") {
  const Opener open = GENERATE(&posix::open_in_root, &walk);
  const Tree tree;
  const Fd file = open(tree.root, "dangling_out", O_WRONLY | O_CREAT, 0600).value();
  CHECK(posix::lstat_at(tree.root, "outside/new").value().st_ino == posix::stat_fd(file).value().st_ino);
}

TEST_CASE("open beneath: no symlink anywhere") {
  const Opener open = GENERATE(&posix::open_beneath_no_symlinks, &walk_strictly);
  check(open, {{"file", "file"},
               {"etc/../file", "file"},
               {"../file", "file"},
               {"", "dir:"},
               {"absolute", error(ELOOP)},
               {"to_dir/er/leaf", error(ELOOP)},
               {"to_dir/", error(ELOOP)},
               {"root_link/file", error(ELOOP)},
               {"loop", error(ELOOP)},
               {"dangling", error(ELOOP), O_WRONLY | O_CREAT},
               {"absolute", "link:/etc/passwd", O_PATH | O_NOFOLLOW},
               {"new", "", O_RDWR | O_CREAT}});
}

TEST_CASE("open in root: the links of /proc that are no names are refused") {
  const Opener open = GENERATE(&posix::open_in_root, &walk);
  const Fd proc = posix::open("/proc", O_PATH | O_DIRECTORY).value();
  const Fd null = posix::open("/dev/null", O_RDONLY).value();
  CHECK(outcome(open(proc, "self/root", O_PATH, 0)) == error(ELOOP));
  CHECK(outcome(open(proc, "self/cwd/x", O_PATH, 0)) == error(ELOOP));
  CHECK(outcome(open(proc, fmt::format("self/fd/{}", null.get()), O_RDONLY, 0)) == error(ELOOP));
  CHECK(outcome(open(proc, "self/ns/mnt", O_RDONLY, 0)) == error(ELOOP));
  CHECK(open(proc, "self/status", O_RDONLY, 0));
  CHECK(open(proc, "mounts", O_RDONLY, 0));
}

TEST_CASE("open in root: deep trees need few descriptors") {
  const Opener open = GENERATE(&posix::open_in_root, &walk);
  const test::TempDirectory directory;
  std::string path;
  std::string ups;
  Fd current = posix::open(directory.path(), O_PATH).value();
  for (int i = 0; i < 150; ++i) {
    REQUIRE(posix::mkdir_at(current, "d", 0755));
    current = posix::open_at(current, "d", O_PATH).value();
    path += "d/";
    if (i >= 20) ups += "../";
  }
  write_at(current, "leaf", "leaf");
  struct rlimit before;
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  struct rlimit few = before;
  few.rlim_cur = 100;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const std::string leaf = outcome(open(directory.fd(), path + "leaf", O_RDONLY, 0));
  // Back up to level 20, and from the middle down again.
  const std::string top = outcome(open(directory.fd(), path + ups, O_PATH, 0));
  const std::string again = outcome(open(directory.fd(), path + "../../d/../d/d/leaf", O_RDONLY, 0));
  const std::string many =
      outcome(open(directory.fd(), path + ups + path.substr(0, 260) + "leaf", O_RDONLY, 0));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(leaf == "leaf");
  CHECK(top == fmt::format("dir:{}", posix::lstat_at(directory.fd(), path.substr(0, 40)).value().st_ino));
  CHECK(again == "leaf");
  CHECK(many == "leaf");
}

TEST_CASE("open in root: an exchange under our feet never leads outside") {
  const Opener open = GENERATE(&posix::open_in_root, &walk);
  const Tree tree;
  REQUIRE(posix::mkdir_at(tree.root, "a", 0755));
  write_at(tree.root, "a/secret", "inside");
  REQUIRE(posix::symlink_at(tree.directory.path("outside"), tree.root, "b"));
  std::atomic<bool> stop = false;
  std::thread attacker([&] {
    while (!stop) (void)posix::rename_at(tree.root, "a", tree.root, "b", RENAME_EXCHANGE);
  });
  int escaped = 0;
  for (int i = 0; i < 3000; ++i) {
    for (const char* path : {"a/secret", "a/../a/secret", "a/new"}) {
      const auto file = open(tree.root, path, O_RDWR | O_CREAT, 0644);
      if (file && posix::read_fd(*file).value_or("") == "secret") ++escaped;
    }
  }
  stop = true;
  attacker.join();
  CHECK(escaped == 0);
  CHECK(posix::list_directory(tree.outside).value().size() == 1);
}

TEST_CASE("open without symlinks: paths longer than the kernel takes") {
  test::TempDirectory temporary;
  const Fd root = posix::open(temporary.path(), O_PATH | O_DIRECTORY).value();
  Fd directory = root.duplicate().value();
  const std::string name(200, 'd');
  std::string path;
  for (int depth = 0; depth < 50; ++depth) {
    REQUIRE(posix::mkdir_at(directory, name, 0755));
    directory = posix::open_at(directory, name, O_PATH | O_DIRECTORY).value();
    path += (depth == 0 ? "" : "/") + name;
  }
  REQUIRE(posix::symlink_at("/etc", directory, "link"));
  REQUIRE(posix::open_at(directory, "file", O_WRONLY | O_CREAT, 0644));
  REQUIRE(path.size() > 2 * PATH_MAX);
  CHECK(posix::open_beneath_no_symlinks(root, path + "/file", O_RDONLY));
  CHECK(posix::open_beneath_no_symlinks(root, path, O_PATH | O_DIRECTORY));
  CHECK(posix::open_beneath_no_symlinks(root, path + "/missing", O_RDONLY).error().code() == ENOENT);
  CHECK(posix::open_beneath_no_symlinks(root, path + "/link/passwd", O_RDONLY).error().code() == ELOOP);
  CHECK(posix::open_beneath_no_symlinks(root, path + "/../file", O_RDONLY).error().code() == ENAMETOOLONG);
}
