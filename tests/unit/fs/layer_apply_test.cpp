#include "fs/layer_apply.hpp"

#include <unistd.h>

#include "base/compression.hpp"
#include "fs/apply_place.hpp"
#include "fs/directory_stack.hpp"
#include "fs/tree.hpp"
#include "fs/whiteout.hpp"
#include "tests/unit/fs/support.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

Result<ApplyResult> unpack_bytes(const TempTree& tree, std::string bytes,
                                 ApplyForm form = ApplyForm::overlay_layer, const ApplyLimits& limits = {}) {
  return apply_layer(std::make_unique<MemorySource>(std::move(bytes)), tree.root(), form, limits);
}

Result<ApplyResult> unpack(const TempTree& tree, const std::vector<Item>& items,
                           ApplyForm form = ApplyForm::overlay_layer, const ApplyLimits& limits = {}) {
  return unpack_bytes(tree, make_tar(items), form, limits);
}

Item symlink_item(const std::string& path, const std::string& target) {
  return link_item(EntryType::symlink, path, target);
}
Item hardlink_item(const std::string& path, const std::string& target) {
  return link_item(EntryType::hardlink, path, target);
}
Item device_item(EntryType type, const std::string& path, unsigned major, unsigned minor) {
  return {.entry = {.path = path, .type = type, .mode = 0600, .device_major = major, .device_minor = minor},
          .content = ""};
}
Item fifo_item(const std::string& path) {
  Item item = file_item(path);
  item.entry.type = EntryType::fifo;
  return item;
}
Item owned(Item item, uid_t uid) {
  item.entry.uid = uid;
  return item;
}

}  // namespace

TEST_CASE("a layer becomes a directory with all its metadata") {
  TempTree tree;
  Item file = file_item("etc/file", "content", 04711);
  file.entry.xattrs = {{.name = "user.kept", .value = "yes"},
                       {.name = "user.overlay.opaque", .value = "y"},
                       {.name = "user.fuseoverlayfs.origin", .value = "y"},
                       {.name = "user.containers.override_stat", .value = "0:0:0755"},
                       {.name = "user.ecrin.root", .value = "1"},
                       {.name = "trusted.overlay.opaque", .value = "y"},
                       {.name = "trusted.other", .value = "y"},
                       {.name = "security.selinux", .value = "label"}};
  const auto result =
      must(unpack(tree, {directory_item("./etc/", 0500), file, symlink_item("etc/link", "/nowhere"),
                         hardlink_item("etc/hard", "./etc/file")}));
  CHECK(result.entries == 4);
  CHECK(result.bytes == make_tar({directory_item("./etc/", 0500), file, symlink_item("etc/link", "/nowhere"),
                                  hardlink_item("etc/hard", "./etc/file")})
                            .size());
  CHECK(outline(tree.root()) == "etc/ etc/file etc/hard etc/link@");
  CHECK((tree.status("etc").st_mode & 07777) == 0500);
  CHECK(tree.status("etc").st_mtim.tv_sec == 1000);
  CHECK((tree.status("etc/file").st_mode & 07777) == 04711);
  CHECK(tree.status("etc/file").st_mtim.tv_sec == 1000);
  CHECK(tree.status("etc/link").st_mtim.tv_sec == 1000);
  CHECK(tree.status("etc/hard").st_ino == tree.status("etc/file").st_ino);
  if (has_xattrs()) {
    const auto xattrs = must(posix::list_xattrs_at(tree.root(), "etc/file"));
    REQUIRE(xattrs.size() == 1);
    CHECK(xattrs[0].name == "user.kept");
  }
  tree.chmod("etc", 0700);
}

TEST_CASE("hostile layers are refused and touch nothing outside") {
  struct Case {
    const char* name;
    std::vector<Item> items;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"parent directory", {file_item("../escaped")}, "'..'"},
      {"parent directory inside", {file_item("a/../../escaped")}, "'..'"},
      {"parent directory at the end", {directory_item("a/..")}, "'..'"},
      {"absolute name", {file_item("/escaped")}, "absolute"},
      {"absolute name with slashes", {file_item("//./escaped")}, "absolute"},
      {"file as parent", {file_item("a"), file_item("a/b")}, "not a directory"},
      {"fifo as parent", {fifo_item("a"), file_item("a/b")}, "not a directory"},
      {"symlink to outside as parent",
       {symlink_item("a", "/OUTSIDE"), file_item("a/escaped")},
       "leads nowhere"},
      {"relative symlink to outside as parent",
       {symlink_item("a", "../../../../../../../OUTSIDE"), file_item("a/escaped")},
       "leads nowhere"},
      {"symlink loop as parent",
       {symlink_item("a", "b"), symlink_item("b", "a"), file_item("a/c")},
       "leads nowhere"},
      {"symlink to /proc/self/root as parent",
       {symlink_item("a", "/proc/self/root"), file_item("a/tmp/x")},
       "leads nowhere"},
      {"hard link to outside", {hardlink_item("a", "/OUTSIDE/secret")}, "not in the layer"},
      {"hard link to outside by ..", {hardlink_item("a", "../OUTSIDE/secret")}, "'..'"},
      {"hard link through a symlink",
       {symlink_item("s", "/OUTSIDE"), hardlink_item("a", "s/secret")},
       "not in the layer"},
      {"hard link to nothing", {hardlink_item("a", "b")}, "hard link to 'b' which is not in the layer"},
      {"hard link to a directory", {directory_item("d"), hardlink_item("a", "d")}, "a directory"},
      {"hard link to a whiteout", {file_item(".wh.b"), hardlink_item("a", "b")}, "not in the layer"},
      {"hard link to the root", {hardlink_item("a", ".")}, "not in the layer"},
      {"whiteout of ..", {file_item(".wh...")}, "whiteout of '..'"},
      {"whiteout of .", {file_item("d/.wh..")}, "whiteout of '.'"},
      {"whiteout of nothing", {file_item("d/.wh.")}, "whiteout of ''"},
      {"whiteout below ..", {file_item("../.wh.secret")}, "'..'"},
      {"whiteout below a symlink",
       {symlink_item("s", "/OUTSIDE"), file_item("s/.wh.secret")},
       "leads nowhere"},
      {"opaque marker below a symlink",
       {symlink_item("s", "/OUTSIDE"), file_item("s/.wh..wh..opq")},
       "leads nowhere"},
      {"whiteout as directory", {directory_item(".wh.d")}, "cannot be a directory"},
      {"overlay whiteout as device", {device_item(EntryType::character_device, "a", 0, 0)}, "0/0"},
      {"overlay whiteout below dev", {device_item(EntryType::character_device, "dev/a", 0, 0)}, "0/0"},
      {"root as a symlink", {symlink_item(".", "/OUTSIDE")}, "root must be a directory"},
      {"name of 256 bytes", {file_item(std::string(256, 'n'))}, "too long"},
  };
  for (const Case& hostile : cases) {
    TempTree outside;
    outside.file("secret", "secret");
    TempTree tree;
    std::vector<Item> items = hostile.items;
    for (Item& item : items) {
      const std::size_t at = item.entry.link_target.find("/OUTSIDE");
      if (at != std::string::npos) item.entry.link_target.replace(at, 8, outside.path());
    }
    const auto result = unpack(tree, items);
    INFO(hostile.name);
    REQUIRE_FALSE(result);
    INFO(result.error().message());
    CHECK(result.error().message().find(hostile.message) != std::string::npos);
    CHECK(outline(outside.root()) == "secret");
    CHECK(outside.status("secret").st_nlink == 1);
    CHECK(outside.read("secret") == "secret");
  }
}

TEST_CASE("a symlink that the layer itself made leads on inside the root") {
  TempTree outside;
  TempTree tree;
  must(unpack(tree, {directory_item("usr/lib"), symlink_item("lib", "usr/lib"),
                     symlink_item("abs", "/usr/lib"), symlink_item("up", "../../../usr"), file_item("lib/a"),
                     file_item("abs/b"), directory_item("up/lib/d"), file_item("up/lib/d/c")}));
  CHECK(outline(tree.root()) == "abs@ lib@ up@ usr/ usr/lib/ usr/lib/a usr/lib/b usr/lib/d/ usr/lib/d/c");
}

TEST_CASE("a parent that became a symlink does not keep its old place") {
  TempTree outside;
  TempTree tree;
  const auto result = unpack(tree, {file_item("d/a"), symlink_item("d", outside.path()), file_item("d/b")});
  REQUIRE_FALSE(result);
  CHECK(outline(outside.root()).empty());
}

TEST_CASE("implicit parents are plain directories") {
  TempTree tree;
  must(unpack(tree, {file_item("a/b/c")}));
  CHECK((tree.status("a/b").st_mode & 07777) == 0755);
  CHECK(tree.status("a").st_mtim.tv_sec == 0);
  CHECK(tree.status("a/b").st_mtim.tv_sec == 0);
}

TEST_CASE("the later of two entries wins") {
  struct Case {
    const char* name;
    std::vector<Item> items;
    const char* outline;
  };
  const std::vector<Case> cases = {
      {"file by file", {file_item("a", "1"), file_item("a", "22")}, "a"},
      {"directory by file", {file_item("a/b/c"), file_item("a")}, "a"},
      {"file by directory", {file_item("a"), directory_item("a"), file_item("a/b")}, "a/= a/b"},
      {"directory stays", {file_item("a/b"), directory_item("a", 0700)}, "a/ a/b"},
      {"there and back",
       {file_item("a/b"), file_item("a"), directory_item("a"), file_item("a/c")},
       "a/= a/c"},
      {"symlink by directory",
       {symlink_item("a", "x"), file_item("x/y"), directory_item("a"), file_item("a/b")},
       "a/= a/b x/ x/y"},
      {"directory by symlink", {file_item("a/b"), symlink_item("a", "b")}, "a@"},
      {"hard link over a file", {file_item("a", "1"), file_item("b", "2"), hardlink_item("b", "a")}, "a b"},
      {"hard link to itself", {file_item("a", "1"), hardlink_item("a", "a")}, "a"},
      {"file over a hard link", {file_item("a", "1"), hardlink_item("b", "a"), file_item("b", "2")}, "a b"},
  };
  for (const Case& test : cases) {
    INFO(test.name);
    TempTree tree;
    must(unpack(tree, test.items));
    if (has_xattrs()) CHECK(outline(tree.root()) == test.outline);
  }
  TempTree tree;
  must(unpack(tree, {file_item("a", "1"), hardlink_item("b", "a"), file_item("b", "2")}));
  CHECK(tree.read("a") == "1");
}

TEST_CASE("whiteouts become overlay's") {
  if (!has_xattrs()) return;
  struct Case {
    const char* name;
    std::vector<Item> items;
    const char* outline;
  };
  const std::vector<Case> cases = {
      {"whiteout", {file_item("d/.wh.a")}, "d/ d/a!"},
      {"opaque", {directory_item("d"), file_item("d/.wh..wh..opq"), file_item("d/a")}, "d/= d/a"},
      {"opaque before its directory",
       {file_item("d/.wh..wh..opq"), directory_item("d"), file_item("d/a")},
       "d/= d/a"},
      {"opaque after the children", {file_item("d/a"), file_item("d/.wh..wh..opq")}, "d/= d/a"},
      {"file of the same layer stays", {file_item("a"), file_item(".wh.a")}, "a"},
      {"directory of the same layer stays", {file_item("a/b"), file_item(".wh.a")}, "a/= a/b"},
      {"then a file", {file_item(".wh.a"), file_item("a")}, "a"},
      {"then a directory", {file_item(".wh.a"), directory_item("a"), file_item("a/b")}, "a/= a/b"},
      {"then something below", {file_item(".wh.a"), file_item("a/b")}, "a/= a/b"},
      {"twice", {file_item(".wh.a"), file_item(".wh.a")}, "a!"},
      {"aufs names", {file_item(".wh..wh.plnk"), file_item(".wh..wh.aufs"), file_item("a")}, "a"},
      {"names like whiteouts", {file_item(".wha"), file_item("a.wh.b")}, ".wha a.wh.b"},
  };
  for (const Case& test : cases) {
    INFO(test.name);
    TempTree tree;
    must(unpack(tree, test.items));
    CHECK(outline(tree.root()) == test.outline);
  }
}

TEST_CASE("whiteouts delete in a plain tree, but only what was there before") {
  TempTree tree;
  for (const char* name :
       {"gone/x", "kept/x", "merged/old/x", "merged/both/old", "opaque/a", "opaque/b/c", "f"}) {
    tree.file(name, "old");
  }
  must(unpack(tree,
              {file_item(".wh.gone"), file_item(".wh.never"), file_item("none/.wh.x"),
               file_item("merged/both/new"), file_item(".wh.merged"), file_item("opaque/b/new"),
               file_item("opaque/.wh..wh..opq"), file_item("f", "new")},
              ApplyForm::plain_tree));
  CHECK(outline(tree.root()) ==
        "f kept/ kept/x merged/ merged/both/ merged/both/new opaque/ opaque/b/ opaque/b/new");
  CHECK(tree.read("f") == "new");
}

TEST_CASE("the root entry gives the root its metadata and a mark") {
  if (!has_xattrs()) return;
  for (const char* name : {"./", ".", "/"}) {
    TempTree tree;
    must(unpack(tree, {directory_item(name, 0711), file_item("a")}));
    CHECK((tree.status(".").st_mode & 07777) == 0711);
    CHECK(must(has_root_mark(tree.root())));
  }
  TempTree plain;
  must(unpack(plain, {file_item("a")}));
  CHECK_FALSE(must(has_root_mark(plain.root())));
}

TEST_CASE("limits hold and say so") {
  const auto check = [](const std::vector<Item>& items, const ApplyLimits& limits, const char* part) {
    TempTree tree;
    const auto result = unpack(tree, items, ApplyForm::overlay_layer, limits);
    REQUIRE_FALSE(result);
    CHECK(result.error().kind() == ErrorKind::limit);
    INFO(result.error().message());
    CHECK(result.error().message().find(part) != std::string::npos);
  };
  check({file_item("a"), file_item("b"), file_item("c")}, {.entries = 2}, "2 entries");
  check({file_item("a/b/c/d")}, {.depth = 3}, "4 components");
  check({file_item("a", std::string(600, 'x')), file_item("b", std::string(600, 'x'))}, {.bytes = 1000},
        "1000 bytes");
  check({file_item("a", std::string(1001, 'x'))}, {.bytes = 1000}, "1001 bytes");
  TempTree tree;
  must(unpack(tree, {file_item("a", std::string(1000, 'x'))}, ApplyForm::overlay_layer,
              {.bytes = 1000, .entries = 1, .depth = 1}));
}

TEST_CASE("a small archive that unpacks to more than the limit stops at the limit") {
  // 64 MiB of zeros, written as data: 64 KiB of gzip.
  StringSink packed;
  {
    const auto compressor = must(compress(Compression::gzip, std::nullopt, packed));
    TarWriter writer(*compressor);
    const std::string content(1u << 20, '\0');
    for (int i = 0; i < 64; ++i) {
      must(writer.add(file_item(fmt::format("bomb-{}", i), content).entry));
      must(writer.write_data(as_bytes(content)));
    }
    must(writer.finish());
    must(compressor->finish());
  }
  CHECK(packed.bytes().size() < 200'000);
  for (const std::uint64_t limit : {std::uint64_t{1} << 20, std::uint64_t{8} << 20}) {
    TempTree tree;
    CountingSource unpacked(must(decompress_any(std::make_unique<MemorySource>(packed.bytes()))));
    const auto result = apply_layer(std::make_unique<BorrowedSource>(unpacked), tree.root(),
                                    ApplyForm::overlay_layer, {.bytes = limit});
    REQUIRE_FALSE(result);
    CHECK(result.error().kind() == ErrorKind::limit);
    CHECK(must(measure_tree(tree.root())).bytes <= limit + (1u << 17));
    CHECK(unpacked.count() < limit + (2u << 20));
  }
}

TEST_CASE("sparse files stay sparse, and their size counts") {
  const std::string tar =
      must(posix::read_file(std::string(ECRIN_TEST_DATA) + "/unit/fs/data/sparse_pax.tar"));
  if (::geteuid() == 0) {
    TempTree tree;
    must(unpack_bytes(tree, tar));
    CHECK(tree.status("sparse").st_size == 1 << 20);
    CHECK(tree.status("sparse").st_blocks * 512 < 100000);
    CHECK(tree.read("sparse").substr(1 << 19, 6) == "middle");
  }
  TempTree limited;
  CHECK_FALSE(unpack_bytes(limited, tar, ApplyForm::overlay_layer, {.bytes = 1 << 19}));
}

TEST_CASE("zeros of a file that was sparse once are a hole again") {
  std::string content(4u << 20, '\0');
  content.replace(2u << 20, 6, "middle");
  TempTree tree;
  must(unpack(tree, {owned(file_item("disk", content), ::getuid()),
                     owned(file_item("zeros", std::string(1u << 20, '\0')), ::getuid())}));
  CHECK(tree.read("disk") == content);
  CHECK(tree.status("disk").st_blocks * 512 < 200'000);
  CHECK(tree.read("zeros") == std::string(1u << 20, '\0'));
}

TEST_CASE("devices below /dev are left out, others need privileges") {
  TempTree tree;
  must(unpack(tree, {device_item(EntryType::character_device, "dev/null", 1, 3),
                     device_item(EntryType::block_device, "./dev/loop/0", 7, 0)}));
  CHECK(outline(tree.root()).empty());
  const auto result = unpack(tree, {device_item(EntryType::block_device, "disk", 8, 0)});
  if (result) return;  // real root
  CHECK(result.error().kind() == ErrorKind::unsupported);
  CHECK(result.error().message() == "device nodes need real root; this image's layer has 'disk'");
}

TEST_CASE("an owner that cannot be set is an error") {
  if (::geteuid() == 0) return;
  TempTree tree;
  CHECK_FALSE(unpack(tree, {owned(file_item("a"), 12345)}));
}

TEST_CASE("names are bytes") {
  const std::string name = "new\nline \xff\xfe \x1b[31m" + std::string(200, 'n');
  TempTree tree;
  must(unpack(tree, {file_item(name, "x"), symlink_item("link", "\xff\n"), hardlink_item("hard", name)}));
  CHECK(tree.read(name) == "x");
  CHECK(must(posix::readlink_at(tree.root(), "link")) == "\xff\n");
  CHECK(tree.read("hard") == "x");
}

TEST_CASE("paths above PATH_MAX are unpacked") {
  std::string path = std::string(200, 'd');
  for (int i = 0; i < 40; ++i) path += "/" + std::string(200, 'd');
  TempTree tree;
  must(unpack(tree, {file_item(path + "/file", "deep"), hardlink_item("short", path + "/file"),
                     hardlink_item(path + "/again", "short")}));
  CHECK(tree.read("short") == "deep");
  CHECK(tree.status("short").st_nlink == 3);
}

TEST_CASE("layer paths are taken apart") {
  const LayerPath path = must(parse_layer_path("./a//b/./c/"));
  CHECK(path.text == "a/b/c");
  CHECK(path.depth == 3);
  CHECK(path.name() == "c");
  CHECK(path.parent() == "a/b");
  CHECK(must(path.with_name("x")).text == "a/b/x");
  CHECK(must(parse_layer_path("")).depth == 0);
  CHECK(must(parse_layer_path("...")).text == "...");
}

TEST_CASE("cancelling stops") {
  CancelToken cancel;
  cancel.cancel();
  TempTree tree;
  const auto result = apply_layer(std::make_unique<MemorySource>(make_tar({file_item("a")})), tree.root(),
                                  ApplyForm::overlay_layer, {}, &cancel);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind() == ErrorKind::cancelled);
}
