#include "fs/layer_driver.hpp"

#include <unistd.h>

#include "fs/changeset.hpp"
#include "fs/layer_roots.hpp"
#include "fs/lower_links.hpp"
#include "fs/lower_tree.hpp"
#include "fs/mount.hpp"
#include "fs/whiteout.hpp"
#include "tests/unit/fs/support.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

// The copy driver's tree, with upper/ and scratch/ in `work`.
std::unique_ptr<MountedTree> mount_copy(TempTree& bottom, TempTree& work) {
  work.directory("upper");
  work.directory("scratch");
  const auto driver = must(make_driver(DriverKind::copy, work.path() + "/scratch", work.path() + "/cache"));
  return must(driver->mount(
      {.lowers = {bottom.path()}, .upper = work.path() + "/upper", .scratch = work.path() + "/scratch"}));
}

}  // namespace

TEST_CASE("drivers have names") {
  for (const DriverKind kind : {DriverKind::overlay, DriverKind::fuse_overlayfs, DriverKind::copy}) {
    CHECK(must(parse_driver(to_string(kind))) == kind);
  }
  const auto wrong = parse_driver("overlya");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().hint_text() == "did you mean 'overlay'?");
}

TEST_CASE("the copy driver shows the stack and leaves the changes in the upper directory") {
  TempTree bottom;
  bottom.file("a", "1");
  bottom.hardlink("b", "a");
  bottom.file("d/gone");
  bottom.file("d/kept", "x");
  bottom.file("replaced/old");
  TempTree top;
  top.whiteout("d/gone");
  top.file("replaced/new");
  must(set_opaque(top.root(), "replaced"));
  TempTree work;
  work.directory("upper");
  work.directory("scratch");
  auto driver = must(make_driver(DriverKind::copy, work.path() + "/scratch", work.path() + "/cache"));
  CHECK(driver->kind() == DriverKind::copy);
  auto tree = must(driver->mount({.lowers = {bottom.path(), top.path()},
                                  .upper = work.path() + "/upper",
                                  .scratch = work.path() + "/scratch"}));
  const Fd merged = must(posix::open(tree->path(), O_PATH | O_DIRECTORY));
  CHECK(outline(merged) == "a b d/ d/kept replaced/ replaced/new");
  CHECK(must(posix::lstat_at(merged, "a")).st_nlink == 1);
  {
    const Fd file = must(posix::open_at(merged, "a", O_WRONLY | O_TRUNC));
    must(posix::write_full(file, std::string_view("2")));
  }
  must(posix::unlink_at(merged, "b"));
  must(tree->finish());
  CHECK(outline(work.open("upper")) == "a b!");
  CHECK_FALSE(work.exists("scratch/merged"));

  // Read-only, and no layers at all.
  auto whole =
      must(driver->mount({.lowers = {bottom.path()}, .upper = "", .scratch = work.path() + "/scratch"}));
  CHECK(work.status("scratch/merged/a").st_nlink == 2);
  must(whole->finish());
  auto empty = must(driver->mount({.lowers = {}, .upper = "", .scratch = work.path() + "/scratch"}));
  CHECK(outline(work.open("scratch/merged")).empty());
}

TEST_CASE("content that was changed behind the back of size and time is found") {
  TempTree bottom;
  bottom.file("a", "1");
  TempTree work;
  auto tree = mount_copy(bottom, work);
  const struct stat before = work.status("scratch/merged/a");
  {
    const Fd file = must(posix::open(tree->path() + "/a", O_WRONLY));
    must(posix::write_full(file, std::string_view("2")));
  }
  work.time("scratch/merged/a", before.st_mtim.tv_sec, before.st_mtim.tv_nsec);
  must(tree->finish());
  CHECK(outline(work.open("upper")) == "a");
}

TEST_CASE("a directory that took the place of another has its own files") {
  // What is in it was not touched, and looks the same but for the content.
  TempTree bottom;
  bottom.file("one/file", "1");
  bottom.file("two/file", "2");
  for (int number = 0; number < 300; ++number)
    bottom.file("z/" + std::to_string(number));  // takes a while to copy
  TempTree work;
  auto tree = mount_copy(bottom, work);
  const Fd merged = must(posix::open(tree->path(), O_PATH | O_DIRECTORY));
  must(posix::rename_at(merged, "one", merged, "two", RENAME_EXCHANGE));
  must(tree->finish());
  CHECK(outline(work.open("upper")) == "one/ one/file two/ two/file");
}

TEST_CASE("a tree that the copy driver kept becomes that of other layers") {
  TempTree bottom;
  for (const char* name : {"a", "d/a", "d/b", "e/a", "f/deep/a"}) bottom.file(name, name);
  bottom.hardlink("linked", "a");
  bottom.symlink("link", "a");
  bottom.file("g/old", "old");
  TempTree work;
  for (const char* name : {"scratch", "keep", "first", "second"}) work.directory(name);
  auto driver = must(make_driver(DriverKind::copy, work.path() + "/scratch", work.path() + "/cache"));
  const auto mount = [&](std::vector<std::string> lowers, const char* upper) {
    return must(driver->mount({.lowers = std::move(lowers),
                               .upper = work.path() + "/" + upper,
                               .scratch = work.path() + "/scratch",
                               .keep = work.path() + "/keep"}));
  };
  auto tree = mount({bottom.path()}, "first");
  const ino_t kept = work.status("scratch/merged/e/a").st_ino;
  const ino_t changed = work.status("scratch/merged/a").st_ino;
  {
    const Fd merged = must(posix::open(tree->path(), O_PATH | O_DIRECTORY));
    const Fd file = must(posix::open_at(merged, "a", O_WRONLY | O_APPEND));
    must(posix::write_full(file, std::string_view("more")));
    must(posix::unlink_at(merged, "d/b"));
    must(posix::rename_at(merged, "f", merged, "moved"));
    must(posix::mkdir_at(merged, "new", 0711));
    must(posix::link_at(merged, "d/a", merged, "new/a"));
    must(posix::chmod_at(merged, "e", 0700));
    must(posix::chmod_at(merged, ".", 0700));
  }
  must(tree->finish());
  tree.reset();
  CHECK_FALSE(work.exists("scratch/merged"));
  // One layer of the step, one that was made elsewhere, and none of both.
  TempTree top;
  top.file("d/a", "top");
  top.whiteout("e");
  top.file("g", "a file now");
  const std::string first = work.path() + "/first";
  for (const std::vector<std::string>& layers :
       {std::vector{bottom.path(), first}, {bottom.path(), first, top.path()}, {bottom.path()}}) {
    auto next = mount(layers, "second");
    LowerTree stack = must(LowerTree::of_layers(layers));
    TempTree fresh;
    must(materialise(stack, fresh.root(), Hardlinks::split));
    const Fd merged = must(posix::open(next->path(), O_PATH | O_DIRECTORY));
    CHECK(describe(merged) == describe(fresh.root()));
    CHECK(work.status("scratch/merged/a").st_nlink == 1);
    if (layers.size() == 2) {
      CHECK(work.status("scratch/merged/e/a").st_ino == kept);
      CHECK(work.status("scratch/merged/a").st_ino != changed);
    }
    must(next->finish());
    CHECK(outline(work.open("second")).empty());
  }
  CHECK_FALSE(outline(work.open("keep")).empty());
  driver->drop_kept();
  CHECK(outline(work.open("keep")).empty());
  must(mount({bottom.path()}, "second")->finish());
  driver.reset();
  CHECK(outline(work.open("keep")).empty());
}

TEST_CASE("a tree that nobody else sees has the files of its layers") {
  TempTree bottom;
  bottom.file("a", "1");
  bottom.file("gone");
  bottom.symlink("link", "a");
  TempTree top;
  top.whiteout("gone");
  TempTree work;
  work.directory("scratch");
  auto driver = must(make_driver(DriverKind::copy, work.path() + "/scratch", work.path() + "/cache"));
  for (const bool is_private : {false, true}) {
    auto tree = must(driver->mount({.lowers = {bottom.path(), top.path()},
                                    .upper = "",
                                    .scratch = work.path() + "/scratch",
                                    .is_private = is_private}));
    CHECK(outline(work.open("scratch/merged")) == "a link@");
    CHECK((work.status("scratch/merged/a").st_ino == bottom.status("a").st_ino) == is_private);
    must(tree->finish());
    CHECK(bottom.status("a").st_nlink == 1);
  }
}

TEST_CASE("a probe's success is remembered for this boot, and nothing else") {
  TempTree work;
  work.directory("scratch");
  const std::string cache = work.path() + "/cache";
  must(make_driver(DriverKind::copy, work.path() + "/scratch", cache));
  const std::string text = work.read("cache");
  CHECK(text.ends_with("\nworks copy\n"));
  // Remembered: the scratch directory is not even looked at.
  CHECK(make_driver(DriverKind::copy, "/nonexistent/scratch", cache));
  // From another boot: probed again.
  work.file("cache", "other boot\nworks copy\n");
  CHECK_FALSE(make_driver(DriverKind::copy, "/nonexistent/scratch", cache));
  // What was asked for once is not the choice for those who ask for nothing.
  work.file("cache", text);
  CHECK_FALSE(make_driver(std::nullopt, "/nonexistent/scratch", cache));
}

TEST_CASE("a stack is seen as overlay would show it") {
  TempTree bottom;
  bottom.file("file", "bottom");
  bottom.file("d/a", "bottom");
  bottom.file("d/b", "bottom");
  bottom.file("opaque/hidden");
  bottom.file("x/under");
  TempTree middle;
  middle.file("d/a", "middle");
  middle.whiteout("d/b");
  middle.file("opaque/seen");
  must(set_opaque(middle.root(), "opaque"));
  middle.whiteout("x");
  TempTree top;
  top.directory("d", 0700);
  top.file("x/over");
  top.file("file/now", "a directory");
  LowerTree stack = must(LowerTree::of_layers({bottom.path(), middle.path(), top.path()}));
  TempTree merged;
  must(materialise(stack, merged.root(), Hardlinks::keep));
  CHECK(outline(merged.root()) == "d/ d/a file/ file/now opaque/ opaque/seen x/ x/over");
  CHECK(merged.read("d/a") == "middle");
  CHECK((merged.status("d").st_mode & 07777) == 0700);
}

TEST_CASE("more layers than the kernel stacks are refused in words") {
  TempTree tree;
  OverlayParts parts;
  for (int i = 0; i < 501; ++i) parts.lowers.push_back(must(tree.root().duplicate()));
  const auto refused = mount_overlay(parts, tree.path());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind() == ErrorKind::limit);
  CHECK(refused.error().message().find("this tree has 501") != std::string::npos);
}

TEST_CASE("an opaque root hides all layers below, and a marked root is the root") {
  TempTree bottom;
  bottom.file("hidden");
  bottom.chmod(".", 0711);
  must(put_root_mark(bottom.root(), RootMark::present));
  TempTree top;
  top.file("seen");
  must(set_opaque(top.root(), "."));
  const std::vector<std::string> layers = {bottom.path(), top.path()};
  const LayerRoots roots = must(open_layer_roots(layers));
  CHECK(roots.visible.size() == 1);
  CHECK(roots.hides_below);
  LowerTree stack = must(LowerTree::of_layers(layers));
  CHECK(must(stack.names()) == Names{"seen"});
  CHECK(stack.root().mode == 0711);
}

TEST_CASE("a lower file that fuse-overlayfs changed under one name is changed under all") {
  if (!has_xattrs()) return;
  TempTree bottom;
  bottom.file("a/one", "old");
  for (const char* name : {"a/two", "b/c/three", "gone", "removed/x", "opaque/x", "replaced"}) {
    bottom.hardlink(name, "a/one");
  }
  bottom.directory("b/c/d", 0700);
  bottom.file("alone", "old");
  TempTree upper;  // as it was left behind when a/two was written to
  upper.file("a/one", "new");
  upper.xattr("a/one", "user.fuseoverlayfs.origin", "a/one");
  upper.file("alone", "new");
  upper.xattr("alone", "user.fuseoverlayfs.origin", "alone");
  upper.whiteout("gone");
  upper.whiteout("removed");
  upper.directory("opaque");
  must(set_opaque(upper.root(), "opaque"));
  upper.file("replaced", "other");
  must(complete_lower_links(upper.root(), {bottom.path()}));
  CHECK(outline(upper.root()) == "a/ a/one a/two alone b/ b/c/ b/c/three gone! opaque/= removed! replaced");
  CHECK(upper.read("b/c/three") == "new");
  CHECK(upper.status("a/one").st_nlink == 3);
}

TEST_CASE("a lower file that fuse-overlayfs copied up as it was is no change of its other names") {
  if (!has_xattrs()) return;
  TempTree bottom;
  bottom.file("one", "old");
  bottom.hardlink("two", "one");
  bottom.hardlink("three", "one");
  TempTree upper;  // as it was left behind by "mv one new"
  for (const char* name : {"new", "two"}) {
    upper.file(name, "old");
    upper.xattr(name, "user.fuseoverlayfs.origin", "one");
  }
  upper.whiteout("one");
  must(complete_lower_links(upper.root(), {bottom.path()}));
  CHECK(outline(upper.root()) == "new one! two");
}
