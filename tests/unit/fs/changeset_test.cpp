#include "fs/changeset.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <random>

#include "base/hash.hpp"
#include "fs/layer_apply.hpp"
#include "fs/lower_tree.hpp"
#include "fs/tree.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"
#include "tests/unit/fs/support.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

constexpr std::int64_t k_now = 2000000000;  // beyond every epoch here

// A lower tree as the tests want it, and an upper directory as overlay would leave it behind.
struct Pair {
  TempTree lower;
  TempTree upper;
  ChangesetSummary canonical(std::int64_t epoch = 500, std::vector<std::string> mount_points = {}) {
    const CanonicalOptions options{.epoch = epoch, .own_mount_points = std::move(mount_points)};
    const std::string before = result();
    const bool was_canonical = is_canonical(options);
    const ChangesetSummary summary = must(canonicalise(upper.root(), &lower.root(), options));
    CHECK(is_canonical(options));
    // The other way round it need not be: names that a driver left are never sure to be canonical.
    if (was_canonical && options.own_mount_points.empty()) CHECK(result() == before);
    return summary;
  }
  bool is_canonical(const CanonicalOptions& options) {
    LowerTree tree = must(LowerTree::of_tree(lower.root()));
    return must(is_canonical_on(upper.root(), tree, options));
  }
  std::string result() { return outline(upper.root()); }
};

void fill(TempTree& tree) {
  tree.file("etc/passwd", "root");
  tree.file("etc/group", "wheel");
  tree.file("usr/bin/tool", "#!", 0755);
  tree.symlink("usr/bin/link", "tool");
  tree.directory("empty");
  tree.file("d/a", "1");
  tree.file("d/sub/b", "2");
}

// A changeset never says it: directories that `lower` has too get the times that they have there.
void take_directory_times(const TempTree& lower, const TempTree& tree) {
  struct Timer : Visitor {
    LowerTree lower;
    Result<Descend> visit(const Place& place) {
      if (!S_ISDIR(place.status.st_mode)) return Descend::no;
      TRY(lower.enter(place.name));
      return Descend::yes;
    }
    Result<> leave(const Place& place) {
      TRY(lower.leave());
      const auto below = TRY(lower.lookup(place.name));
      if (!below || !S_ISDIR(below->status.st_mode)) return {};
      return posix::set_times_at(place.directory, place.name, below->status.st_mtim);
    }
  };
  Timer timer;
  timer.lower = must(LowerTree::of_tree(lower.root()));
  must(walk(tree.root(), timer));
}

void touch_all(TempTree& tree, const std::vector<std::string>& names) {
  for (const std::string& name : names) tree.time(name, k_now, 123456789);
}

}  // namespace

TEST_CASE("what was only touched is no change") {
  struct Case {
    const char* name;
    void (*make)(TempTree& upper);
  };
  const std::vector<Case> cases = {
      {"rewritten with the same bytes", [](TempTree& upper) { upper.file("etc/passwd", "root"); }},
      {"touched",
       [](TempTree& upper) {
         upper.file("etc/passwd", "root"), touch_all(upper, {"etc/passwd", "etc"});
       }},
      {"removed and made again", [](TempTree& upper) { upper.symlink("usr/bin/link", "tool"); }},
      {"an empty directory copied up", [](TempTree& upper) { upper.directory("empty"); }},
      {"a directory whose new file is gone",
       [](TempTree& upper) { upper.directory("d"), touch_all(upper, {"d"}); }},
      {"whiteout of nothing", [](TempTree& upper) { upper.whiteout("d/never"); }},
      {"whiteout in a new place", [](TempTree& upper) { upper.whiteout("empty/never"); }},
      {"overlay's attributes",
       [](TempTree& upper) {
         upper.file("etc/passwd", "root");
         if (!has_xattrs()) return;
         upper.xattr("etc/passwd", "user.overlay.origin", "x");
         upper.xattr("etc", "user.overlay.impure", "y");
       }},
      {"directory removed and filled again",
       [](TempTree& upper) {
         upper.file("d/a", "1");
         upper.file("d/sub/b", "2");
         if (has_xattrs()) upper.xattr("d", "user.overlay.opaque", "y");
         touch_all(upper, {"d/a", "d/sub/b", "d/sub", "d"});
       }},
      {"fuse-overlayfs: directory removed and filled again",
       [](TempTree& upper) {
         upper.file("d/a", "1");
         upper.file("d/sub/b", "2");
         upper.file("d/.wh..wh..opq");
       }},
      {"fuse-overlayfs: whiteout of nothing", [](TempTree& upper) { upper.file("d/.wh.never"); }},
  };
  for (const Case& test : cases) {
    INFO(test.name);
    Pair pair;
    fill(pair.lower);
    test.make(pair.upper);
    CHECK(pair.canonical().empty());
    CHECK(pair.result().empty());
  }
}

TEST_CASE("changes are kept, and nothing else") {
  struct Case {
    const char* name;
    void (*make)(TempTree& upper);
    const char* outline;
  };
  const std::vector<Case> cases = {
      {"content", [](TempTree& upper) { upper.file("etc/passwd", "ROOT"), upper.file("etc/group", "wheel"); },
       "etc/ etc/passwd"},
      {"size", [](TempTree& upper) { upper.file("etc/passwd", "root\n"); }, "etc/ etc/passwd"},
      {"mode", [](TempTree& upper) { upper.file("etc/passwd", "root", 0600); }, "etc/ etc/passwd"},
      {"mode of a directory", [](TempTree& upper) { upper.directory("empty", 0700); }, "empty/"},
      {"link text", [](TempTree& upper) { upper.symlink("usr/bin/link", "toot"); },
       "usr/ usr/bin/ usr/bin/link@"},
      {"new file", [](TempTree& upper) { upper.file("x/y/z"); }, "x/ x/y/ x/y/z"},
      {"new empty directory", [](TempTree& upper) { upper.directory("x/y"); }, "x/ x/y/"},
      {"removed file", [](TempTree& upper) { upper.whiteout("d/a"), upper.whiteout("d/x"); }, "d/ d/a!"},
      {"removed directory", [](TempTree& upper) { upper.whiteout("d"); }, "d!"},
      {"fuse-overlayfs: removed file", [](TempTree& upper) { upper.file("d/.wh.a"); }, "d/ d/a!"},
      {"fuse-overlayfs: removed directory, part made again",
       [](TempTree& upper) {
         upper.file("d/.wh..wh..opq"), upper.whiteout("d/.wh..opq"), upper.file("d/a", "1");
       },
       "d/ d/sub!"},
      {"directory by file", [](TempTree& upper) { upper.file("d", "x"); }, "d"},
      {"file by directory", [](TempTree& upper) { upper.file("etc/passwd/x"); },
       "etc/ etc/passwd/ etc/passwd/x"},
      {"file by symlink", [](TempTree& upper) { upper.symlink("etc/passwd", "group"); }, "etc/ etc/passwd@"},
      {"older time", [](TempTree& upper) { upper.file("d/a", "1"), upper.time("d/a", 400); }, "d/ d/a"},
  };
  for (const Case& test : cases) {
    INFO(test.name);
    Pair pair;
    fill(pair.lower);
    test.make(pair.upper);
    const ChangesetSummary summary = pair.canonical();
    CHECK(pair.result() == test.outline);
    CHECK(summary.entries == must(measure_tree(pair.upper.root())).entries);
    // Canonical is canonical: once more changes nothing.
    const std::string before = describe(pair.upper.root());
    pair.canonical();
    CHECK(describe(pair.upper.root()) == before);
  }
}

TEST_CASE("an opaque directory becomes whiteouts") {
  if (!has_xattrs()) return;
  Pair pair;
  fill(pair.lower);
  pair.upper.file("d/new", "x");
  pair.upper.xattr("d", "user.overlay.opaque", "y");
  pair.upper.file("fresh/new", "x");
  pair.upper.xattr("fresh", "user.overlay.opaque", "y");
  pair.upper.file("etc/passwd/x", "x");  // was a file
  pair.upper.xattr("etc/passwd", "user.fuseoverlayfs.opaque", "y");
  pair.canonical();
  CHECK(pair.result() == "d/ d/a! d/new d/sub! etc/ etc/passwd/ etc/passwd/x fresh/ fresh/new");
}

TEST_CASE("attributes are compared without the drivers' own") {
  if (!has_xattrs()) return;
  Pair pair;
  fill(pair.lower);
  pair.lower.xattr("etc/passwd", "user.b", "2");
  pair.lower.xattr("etc/passwd", "user.a", "1");
  pair.upper.file("etc/passwd", "root");
  pair.upper.xattr("etc/passwd", "user.a", "1");
  pair.upper.xattr("etc/passwd", "user.b", "2");
  pair.upper.xattr("etc/passwd", "user.overlay.origin", "z");
  CHECK(pair.canonical().empty());

  pair.upper.file("etc/passwd", "root");
  pair.upper.xattr("etc/passwd", "user.a", "1");
  pair.upper.xattr("etc/passwd", "user.overlay.origin", "z");
  pair.canonical();
  CHECK(pair.result() == "etc/ etc/passwd");
  const auto left = must(posix::list_xattrs_at(pair.upper.root(), "etc/passwd"));
  REQUIRE(left.size() == 1);
  CHECK(left[0].name == "user.a");
}

TEST_CASE("times beyond the epoch become it, on disk, and earlier ones stay") {
  Pair pair;
  fill(pair.lower);
  pair.upper.file("x/new", "1");
  pair.upper.file("x/old", "2");
  pair.upper.symlink("x/link", "old");
  touch_all(pair.upper, {"x/new", "x/link", "x"});
  pair.upper.time("x/old", 77, 5);
  pair.canonical();
  for (const char* name : {"x", "x/new", "x/link"}) {
    CHECK(pair.upper.status(name).st_mtim.tv_sec == 500);
    CHECK(pair.upper.status(name).st_mtim.tv_nsec == 0);
  }
  CHECK(pair.upper.status("x/old").st_mtim.tv_sec == 77);
  CHECK(pair.upper.status("x/old").st_mtim.tv_nsec == 0);
}

TEST_CASE("a new directory keeps its time when things in it are dropped") {
  Pair pair;
  fill(pair.lower);
  pair.upper.file("x/resolv.conf", "");
  pair.upper.file("x/new", "1");
  pair.upper.time("x", 300, 7);
  pair.canonical(500, {"x/resolv.conf"});
  CHECK(pair.result() == "x/ x/new");
  CHECK(pair.upper.status("x").st_mtim.tv_sec == 300);
}

TEST_CASE("a directory that exists below keeps the time that it has there") {
  const auto epoch = GENERATE(std::int64_t{500}, std::int64_t{1500}, INT64_MAX);  // the lower tree is of 1000
  const auto touched = GENERATE(std::int64_t{300}, std::int64_t{1200}, k_now);
  INFO(epoch << ' ' << touched);
  Pair pair;
  fill(pair.lower);
  pair.upper.directory("empty");  // only its time is another
  pair.upper.time("empty", touched, 7);
  pair.upper.file("d/new", "1");
  pair.upper.whiteout("d/sub");
  pair.upper.time("d", touched, 7);
  pair.upper.directory("usr/bin", 0700);
  pair.upper.time("usr/bin", touched, 7);
  pair.upper.time("usr", touched, 7);
  pair.upper.file("etc/passwd/x", "1");  // was a file
  pair.upper.time("etc/passwd", 400);
  pair.upper.file("etc/group");
  pair.canonical(epoch);
  CHECK(pair.result() == "d/ d/new d/sub! etc/ etc/group etc/passwd/ etc/passwd/x usr/ usr/bin/");
  for (const char* name : {"d", "usr", "usr/bin", "etc"}) {
    INFO(name);
    CHECK(pair.upper.status(name).st_mtim.tv_sec == 1000);
    CHECK(pair.upper.status(name).st_mtim.tv_nsec == 0);
  }
  CHECK(pair.upper.status("etc/passwd").st_mtim.tv_sec == 400);
}

TEST_CASE("a directory that was replaced by another keeps the time below too") {
  if (!has_xattrs()) return;
  Pair replaced, emptied;
  for (Pair* pair : {&replaced, &emptied}) {
    fill(pair->lower);
    pair->upper.file("d/new", "1");
    pair->upper.time("d/new", 400);
  }
  replaced.upper.xattr("d", "user.overlay.opaque", "y");
  replaced.upper.time("d", 450);
  emptied.upper.whiteout("d/a");
  emptied.upper.whiteout("d/sub");
  replaced.canonical();
  emptied.canonical();
  CHECK(replaced.upper.status("d").st_mtim.tv_sec == 1000);
  CHECK(describe(replaced.upper.root()) == describe(emptied.upper.root()));
}

TEST_CASE("a changeset is another one on a tree that has some of it, or other times") {
  Pair pair;
  fill(pair.lower);
  pair.upper.file("etc/passwd", "other");
  pair.upper.file("d/new", "1");
  pair.canonical();
  const CanonicalOptions options{.epoch = 500};
  TempTree other;
  fill(other);
  take_directory_times(pair.lower, other);
  const auto is_canonical_on_other = [&] {
    LowerTree tree = must(LowerTree::of_tree(other.root()));
    return must(is_canonical_on(pair.upper.root(), tree, options));
  };
  CHECK(is_canonical_on_other());
  other.file("etc/more", "x");
  take_directory_times(pair.lower, other);
  CHECK(is_canonical_on_other());
  other.file("d/new", "2");
  take_directory_times(pair.lower, other);
  CHECK(is_canonical_on_other());
  other.time("d", 77);
  CHECK_FALSE(is_canonical_on_other());
  take_directory_times(pair.lower, other);
  other.file("d/new", "1");
  other.time("d/new", must(posix::lstat_at(pair.upper.root(), "d/new")).st_mtim.tv_sec);
  take_directory_times(pair.lower, other);
  CHECK_FALSE(is_canonical_on_other());
}

TEST_CASE("without a bound, times are left alone") {
  Pair pair;
  fill(pair.lower);
  pair.upper.file("etc/passwd", "root");
  pair.upper.time("etc/passwd", 1000, 999);  // the lower one has 1000 whole seconds
  pair.upper.file("etc/group", "wheel");
  pair.upper.time("etc/group", k_now, 5);
  pair.canonical(INT64_MAX);
  CHECK(pair.result() == "etc/ etc/group");
  CHECK(pair.upper.status("etc/group").st_mtim.tv_sec == k_now);
  CHECK(pair.upper.status("etc/group").st_mtim.tv_nsec == 5);
}

TEST_CASE("hardlinks stay together when one of their names changed") {
  Pair pair;
  fill(pair.lower);
  pair.upper.file("d/a", "1");
  pair.upper.hardlink("d/link", "d/a");  // ln d/a d/link: a is as it was
  pair.upper.file("etc/passwd", "root");
  pair.upper.hardlink("usr/link", "etc/passwd");
  pair.upper.remove("usr/link");  // and this one is gone again
  pair.canonical();
  CHECK(pair.result() == "d/ d/a d/link");
  CHECK(pair.upper.status("d/a").st_ino == pair.upper.status("d/link").st_ino);
}

TEST_CASE("hardlinks that are all unchanged are dropped") {
  Pair pair;
  pair.lower.file("a", "1");
  pair.lower.hardlink("b", "a");
  pair.upper.file("a", "1");
  pair.upper.hardlink("b", "a");
  CHECK(pair.canonical().empty());
}

TEST_CASE("mount points of ours are dropped unless they are somebody's") {
  Pair pair;
  fill(pair.lower);
  pair.upper.directory("proc");
  pair.upper.directory("run/secrets/deep");
  pair.upper.file("etc/resolv.conf", "");
  pair.upper.file("etc/hosts", "written");
  pair.upper.file("sys/file", "x");
  pair.upper.directory("empty");
  pair.upper.directory("other");
  touch_all(pair.upper, {"etc"});
  const std::vector<std::string> own = {
      "proc", "run", "run/secrets", "run/secrets/deep", "etc/resolv.conf", "etc/hosts", "sys", "empty"};
  pair.canonical(500, own);
  CHECK(pair.result() == "etc/ etc/hosts other/ sys/ sys/file");
}

TEST_CASE("a mount point of ours leaves no trace in the time of its directory") {
  Pair pair;
  pair.lower.mtime = 100;  // before the epoch, so that the new time differs
  fill(pair.lower);
  pair.upper.file("etc/resolv.conf", "");
  pair.upper.time("etc", k_now);
  CHECK(pair.canonical(500, {"etc/resolv.conf"}).empty());
  CHECK(pair.result().empty());
}

TEST_CASE("sockets are not kept, and hide what they replaced") {
  Pair pair;
  fill(pair.lower);
  pair.upper.directory("d");
  for (const char* name : {"d/a", "d/socket"}) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    const std::string path = pair.upper.path() + "/" + name;
    REQUIRE(path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
  }
  pair.canonical();
  CHECK(pair.result() == "d/ d/a!");
}

TEST_CASE("files with names like whiteouts that are none are left out") {
  Pair pair;
  fill(pair.lower);
  pair.upper.file("d/.wh.a", "content");
  pair.upper.file("d/new", "x");
  pair.canonical();
  CHECK(pair.result() == "d/ d/new");
}

TEST_CASE("the root counts only with its mark, and only if it differs") {
  if (!has_xattrs()) return;
  Pair pair;
  pair.upper.chmod(".", 0700);
  CHECK(pair.canonical().empty());
  must(put_root_mark(pair.upper.root(), RootMark::present));
  CHECK(pair.canonical().entries == 1);
  CHECK(must(has_root_mark(pair.upper.root())));
  CHECK(layer_of(pair.upper.root()).substr(0, 2) == "./");
  pair.lower.chmod(".", 0700);
  CHECK(pair.canonical().empty());
  CHECK_FALSE(must(has_root_mark(pair.upper.root())));
  CHECK(layer_of(pair.upper.root()).size() == 1024);
}

TEST_CASE("without a lower tree everything is new") {
  TempTree upper;
  fill(upper);
  upper.whiteout("gone");
  must(canonicalise(upper.root(), nullptr, {.epoch = 500}));
  CHECK(outline(upper.root()) ==
        "d/ d/a d/sub/ d/sub/b empty/ etc/ etc/group etc/passwd usr/ usr/bin/ usr/bin/link@ usr/bin/tool");
}

TEST_CASE("the layer of a changeset has these very bytes") {
  if (!has_xattrs() || ::geteuid() != 0) return;  // owners are in the bytes
  TempTree tree;
  fill(tree);
  tree.hardlink("usr/bin/again", "usr/bin/tool");
  tree.fifo("pipe");
  tree.whiteout("d/gone");
  tree.xattr("etc/passwd", "user.name", "value");
  tree.file("opaque/x", "x");
  must(set_opaque(tree.root(), "opaque"));
  tree.file(std::string(255, 'n'), "long");
  const std::string layer = layer_of(tree.root());
  CHECK(layer == layer_of(tree.root()));
  CHECK(sha256_hex(layer) == "2edc3f2ea3f230f1df20883dd166ee4778a33624615cb46364ae48d578000c6d");
  // In order: parents first, names by bytes, the opaque marker right after its directory.
  std::string names;
  const auto reader = must(TarReader::open(std::make_unique<MemorySource>(layer)));
  while (const auto entry = must(reader->next())) names += entry->path.substr(0, 30) + " ";
  CHECK(names ==
        "d/ d/a d/.wh.gone d/sub/ d/sub/b empty/ etc/ etc/group etc/passwd nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn "
        "opaque/ opaque/.wh..wh..opq opaque/x pipe usr/ usr/bin/ usr/bin/again usr/bin/link usr/bin/tool ");
}

TEST_CASE("sparse files are written in full") {
  TempTree tree;
  tree.file("sparse", "head");
  REQUIRE(::truncate((tree.path() + "/sparse").c_str(), 1 << 20) == 0);
  const std::string layer = layer_of(tree.root());
  CHECK(layer.size() == 512 + (1 << 20) + 1024);
  CHECK(layer.substr(512, 4) == "head");
}

TEST_CASE("a layer that was written and unpacked is the same layer") {
  if (::geteuid() != 0 && !has_xattrs()) return;
  for (std::uint32_t seed = 1; seed <= 16; ++seed) {
    INFO("seed " << seed);
    TempTree tree;
    fill_random(tree, seed);
    must(canonicalise(tree.root(), nullptr, {.epoch = 1500}));
    const std::string layer = layer_of(tree.root());
    TempTree unpacked;
    must(apply_layer(std::make_unique<MemorySource>(layer), unpacked.root(), ApplyForm::overlay_layer));
    REQUIRE(describe(unpacked.root()) == describe(tree.root()));
    REQUIRE(layer_of(unpacked.root()) == layer);
    TempTree plain;
    must(apply_layer(std::make_unique<MemorySource>(layer), plain.root(), ApplyForm::plain_tree));
    REQUIRE(describe(plain.root()) == describe(tree.root()));
    StringSink whole;
    must(write_tree(tree.root(), whole));
    REQUIRE(whole.bytes() == layer);
  }
}

TEST_CASE("the difference of two trees, put on the first, is the second") {
  for (std::uint32_t seed = 1; seed <= 16; ++seed) {
    INFO("seed " << seed);
    TempTree before;
    TempTree after;
    fill_random(before, seed);
    // Half of the rounds: two trees of the same kind; else a few changes.
    if (seed % 2 == 0) {
      fill_random(after, seed + 1000);
    } else {
      must(copy_tree(before.root(), after.root(), Hardlinks::split));
      std::mt19937 random(seed);
      for (const posix::DirectoryEntry& entry : must(posix::list_directory(after.root()))) {
        if (random() % 3 == 0) after.remove(entry.name);
      }
      fill_random(after, seed + 2000);
    }
    TempTree upper;
    must(extract_changes(before.root(), after.root(), upper.root()));
    must(canonicalise(upper.root(), &before.root(), {.epoch = INT64_MAX}));

    // As a stack of layers, looked at without a mount.
    LowerTree stack = must(LowerTree::of_layers({before.path(), upper.path()}));
    TempTree merged;
    must(materialise(stack, merged.root(), Hardlinks::split));
    TempTree wanted;
    must(copy_tree(after.root(), wanted.root(), Hardlinks::split));
    take_directory_times(before, wanted);
    REQUIRE(describe(merged.root()) == describe(wanted.root()));

    // And as tars, one after the other, into a plain tree.
    TempTree plain;
    for (const Fd* layer : {&before.root(), &upper.root()}) {
      must(
          apply_layer(std::make_unique<MemorySource>(layer_of(*layer)), plain.root(), ApplyForm::plain_tree));
    }
    TempTree plain_split;
    must(copy_tree(plain.root(), plain_split.root(), Hardlinks::split));
    REQUIRE(describe(plain_split.root()) == describe(wanted.root()));
  }
}

TEST_CASE("a tree against itself has no changes") {
  TempTree tree;
  fill_random(tree, 5);
  TempTree upper;
  must(extract_changes(tree.root(), tree.root(), upper.root()));
  CHECK(must(canonicalise(upper.root(), &tree.root(), {})).entries <=
        must(measure_tree(tree.root())).entries);  // names that are hardlinks in the tree stay as they are
  TempTree split;
  must(copy_tree(tree.root(), split.root(), Hardlinks::split));
  TempTree none;
  must(extract_changes(tree.root(), split.root(), none.root()));
  CHECK(outline(none.root()).empty());
}

TEST_CASE("extracted changes are what overlay leaves behind") {
  // One session, simulated twice: on a copy of the lower tree, and as overlay's upper directory.
  TempTree lower;
  fill(lower);
  lower.hardlink("usr/bin/hard", "usr/bin/tool");

  TempTree changed;
  must(copy_tree(lower.root(), changed.root(), Hardlinks::split));
  changed.file("usr/bin/tool", "changed", 0755);
  changed.remove("d");
  changed.file("d/a", "1");
  changed.remove("etc/group");
  changed.hardlink("etc/linked", "etc/passwd");
  changed.remove("empty");
  changed.file("empty", "a file now");
  changed.file("new/file", "x");
  TempTree extracted;
  must(extract_changes(lower.root(), changed.root(), extracted.root()));

  TempTree overlay;
  overlay.file("usr/bin/tool", "changed", 0755);  // copied up alone: its lower link stays behind
  overlay.file("d/a", "1");
  overlay.file("d/.wh..wh..opq");
  overlay.whiteout("etc/group");
  overlay.file("etc/passwd", "root");
  overlay.hardlink("etc/linked", "etc/passwd");
  overlay.file("empty", "a file now");
  overlay.file("new/file", "x");

  for (TempTree* tree : {&extracted, &overlay}) {
    must(canonicalise(tree->root(), &lower.root(), {.epoch = 500}));
  }
  CHECK(describe(extracted.root()) == describe(overlay.root()));
  CHECK(layer_of(extracted.root()) == layer_of(overlay.root()));
  CHECK(outline(extracted.root()) ==
        "d/ d/sub! empty etc/ etc/group! etc/linked etc/passwd new/ new/file usr/ usr/bin/ usr/bin/tool");
}

TEST_CASE("deep changesets are made canonical and written") {
  TempTree upper;
  std::string path = std::string(200, 'd');
  for (int i = 0; i < 40; ++i) path += "/" + std::string(200, 'd');
  must(apply_layer(std::make_unique<MemorySource>(make_tar({file_item(path + "/file", "deep")})),
                   upper.root(), ApplyForm::overlay_layer));
  CHECK(must(canonicalise(upper.root(), nullptr, {})).entries == 42);
  TempTree again;
  must(apply_layer(std::make_unique<MemorySource>(layer_of(upper.root())), again.root(),
                   ApplyForm::overlay_layer));
  CHECK(layer_of(again.root()) == layer_of(upper.root()));
  TempTree extracted;
  TempTree nothing;
  must(extract_changes(nothing.root(), upper.root(), extracted.root()));
  CHECK(layer_of(extracted.root()) == layer_of(upper.root()));
}
