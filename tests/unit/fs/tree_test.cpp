#include "fs/tree.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include "fs/directory_stack.hpp"
#include "fs/walk.hpp"
#include "tests/unit/fs/support.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

constexpr int k_levels = 800;
const std::string k_level = "level";  // 6 bytes a level with its slash: 4800 in all, above PATH_MAX

void make_deep(const Fd& root) {
  auto stack = must(DirectoryStack::open(root));
  for (int i = 0; i < k_levels; ++i) {
    must(posix::mkdir_at(stack.top(), k_level, 0755));
    must(stack.enter(k_level));
  }
  const Fd file = must(posix::open_at(stack.top(), "bottom", O_WRONLY | O_CREAT, 0644));
  must(posix::write_full(file, std::string_view("deep")));
  for (int i = 0; i < k_levels; ++i) must(stack.leave());
  CHECK(stack.depth() == 0);
}

class FewDescriptors {
public:
  FewDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &m_before);
    struct rlimit few = m_before;
    few.rlim_cur = 100;
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &m_before); }

private:
  struct rlimit m_before = {};
};

}  // namespace

TEST_CASE("deep trees are made, measured, copied and removed with few descriptors") {
  const FewDescriptors few;
  TempTree tree;
  TempTree copy;
  make_deep(tree.root());
  CHECK(must(measure_tree(tree.root())).entries == k_levels + 1);
  must(copy_tree(tree.root(), copy.root(), Hardlinks::keep));
  CHECK(must(measure_tree(copy.root())).entries == k_levels + 1);
  std::string path = k_level;
  for (int i = 1; i < k_levels; ++i) path += "/" + k_level;
  const Fd bottom = must(open_directory_beneath(copy.root(), path));
  CHECK(must(posix::exists_at(bottom, "bottom")) == posix::Exists::yes);
  must(remove_tree(tree.root(), k_level));
  CHECK_FALSE(tree.exists(k_level));
}

TEST_CASE("a directory that moves away under a walk is noticed") {
  TempTree tree;
  tree.directory("a/b/c");
  tree.directory("other");
  auto stack = must(DirectoryStack::open(tree.root(), 2));
  for (const char* name : {"a", "b", "c"}) must(stack.enter(name));
  must(posix::rename_at(tree.open("a/b"), "c", tree.open("other"), "c"));
  must(stack.leave());  // b is still open
  auto left = stack.leave();
  if (left) left = stack.leave();
  CHECK(left.has_value());  // a and the root were reached from b itself

  auto second = must(DirectoryStack::open(tree.root(), 2));
  tree.directory("x/y/z/w");
  for (const char* name : {"x", "y", "z", "w"}) must(second.enter(name));
  must(posix::rename_at(tree.open("x/y"), "z", tree.open("other"), "z"));
  must(second.leave());
  const auto moved = second.leave();
  REQUIRE_FALSE(moved);
  CHECK(moved.error().kind() == ErrorKind::conflict);
}

TEST_CASE("removing opens up directories and leaves what links point to") {
  TempTree tree;
  TempTree outside;
  outside.file("kept", "x");
  tree.file("d/locked/file", "x");
  tree.symlink("d/link", outside.path());
  tree.fifo("d/pipe");
  tree.whiteout("d/gone");
  tree.file("d/new\nline\xff", "x");
  tree.chmod("d/locked", 0);
  tree.chmod("d", 0);
  must(remove_tree(tree.root(), "d"));
  CHECK(outline(tree.root()).empty());
  CHECK(outside.read("kept") == "x");
  must(remove_tree(tree.root(), "d"));
  tree.symlink("link", outside.path());
  must(remove_tree(tree.root(), "link"));
  CHECK(outside.read("kept") == "x");
}

TEST_CASE("clearing keeps the directory itself") {
  TempTree tree;
  tree.file("a/b/c");
  tree.file("d");
  must(clear_directory(tree.root()));
  CHECK(outline(tree.root()).empty());
}

TEST_CASE("a copy is equal to its original") {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    TempTree tree;
    TempTree copy;
    fill_random(tree, seed);
    must(copy_tree(tree.root(), copy.root(), Hardlinks::keep));
    REQUIRE(describe(copy.root()) == describe(tree.root()));
  }
}

TEST_CASE("hardlinks are kept or split") {
  TempTree tree;
  tree.file("a", "x");
  tree.hardlink("d/b", "a");
  TempTree kept;
  must(copy_tree(tree.root(), kept.root(), Hardlinks::keep));
  CHECK(kept.status("a").st_ino == kept.status("d/b").st_ino);
  TempTree split;
  must(copy_tree(tree.root(), split.root(), Hardlinks::split));
  CHECK(split.status("a").st_ino != split.status("d/b").st_ino);
  CHECK(split.read("d/b") == "x");
  CHECK(must(measure_tree(kept.root())).entries == 3);
  CHECK(must(measure_tree(kept.root())).bytes < must(measure_tree(split.root())).bytes);
}

TEST_CASE("holes stay holes in a copy") {
  TempTree tree;
  tree.file("sparse");
  REQUIRE(::truncate((tree.path() + "/sparse").c_str(), 64 << 20) == 0);
  TempTree copy;
  must(copy_tree(tree.root(), copy.root(), Hardlinks::keep));
  CHECK(copy.status("sparse").st_size == 64 << 20);
  CHECK(copy.status("sparse").st_blocks < 1000);
}
