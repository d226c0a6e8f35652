#include "fs/fuse/layer_index.hpp"

#include <sys/sysmacros.h>

#include <random>

#include "fs/whiteout.hpp"
#include "tests/unit/fs/image_layers.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

std::unique_ptr<LayerIndex> index_of(const ImageLayers& layers) {
  return must(obtain_layer_index(layers.absolute(0)));
}

std::string bytes_of_index(const ImageLayers& layers) {
  StringSink sink;
  must(write_layer_index(must(posix::open(layers.absolute(0), O_RDONLY | O_DIRECTORY)), sink));
  return sink.bytes();
}

Result<std::unique_ptr<LayerIndex>> open_bytes(const std::string& bytes) {
  return LayerIndex::open(must(posix::sealed_memory_file("index", as_bytes(bytes))));
}

// Reads all that there is; false when something is torn.
bool read_all(const LayerIndex& index, const IndexDirectory& directory) {
  for (const IndexRecord& record : directory.records()) {
    (void)directory.xattrs(record);
    if (directory.name(record).size() > 255 || directory.target(record).size() > 4096) return false;
    if (!record.is_directory()) continue;
    const auto children = index.children(record);
    if (!children || !read_all(index, *children)) return false;
  }
  return true;
}

void fill_all_kinds(ImageLayers& layers) {
  layers.tree.file("0/diff/file", "content", 04755);
  layers.tree.hardlink("0/diff/link", "0/diff/file");
  layers.tree.symlink("0/diff/symlink", "to/somewhere");
  layers.tree.fifo("0/diff/pipe");
  layers.tree.whiteout("0/diff/gone");
  layers.tree.file("0/diff/sub/deep/one", "1");
  layers.tree.directory("0/diff/empty", 01777);
  layers.tree.time("0/diff/file", -5, 123456789);
}

}  // namespace

TEST_CASE("an index has what lstat and readlink tell of every file") {
  ImageLayers layers(1);
  fill_all_kinds(layers);
  const auto index = index_of(layers);
  CHECK(index->entries() == 9);
  CHECK(index->inodes() == 9);  // with the top directory, and one for two links
  const IndexDirectory top = must(index->children(index->root().records()[0]));
  std::vector<std::string> names;
  for (const IndexRecord& record : top.records()) names.emplace_back(top.name(record));
  CHECK(names == std::vector<std::string>{"empty", "file", "gone", "link", "pipe", "sub", "symlink"});
  for (const std::string& name : names) {
    INFO(name);
    const IndexRecord* record = top.find(name);
    REQUIRE(record);
    const struct stat status = layers.tree.status("0/diff/" + name);
    CHECK(record->mode == status.st_mode);
    CHECK(record->uid == status.st_uid);
    CHECK(record->gid == status.st_gid);
    CHECK(record->links == status.st_nlink);
    CHECK(record->device == status.st_rdev);
    CHECK(record->size == static_cast<std::uint64_t>(status.st_size));
    CHECK(record->blocks == static_cast<std::uint64_t>(status.st_blocks));
    CHECK(record->seconds == status.st_mtim.tv_sec);
    CHECK(record->nanoseconds == static_cast<std::uint32_t>(status.st_mtim.tv_nsec));
    CHECK(record->is(IndexRecord::whiteout) == (name == "gone"));
  }
  CHECK(top.find("file")->inode == top.find("link")->inode);
  CHECK(top.find("file")->inode != top.find("symlink")->inode);
  CHECK(top.target(*top.find("symlink")) == "to/somewhere");
  CHECK(top.find("fil") == nullptr);
  CHECK(top.find("filex") == nullptr);
  CHECK(top.find("") == nullptr);
  const IndexDirectory sub = must(index->children(*top.find("sub")));
  const IndexDirectory deep = must(index->children(*sub.find("deep")));
  CHECK(deep.find("one")->size == 1);
}

TEST_CASE("an index has the xattrs of a layer, and marks instead of those that overlay steers by") {
  if (!has_xattrs()) return;
  ImageLayers layers(1);
  layers.tree.file("0/diff/file", "");
  layers.tree.xattr("0/diff/file", "user.b", std::string("with\0zero", 9));
  layers.tree.xattr("0/diff/file", "user.a", "");
  layers.tree.directory("0/diff/plain");
  layers.tree.directory("0/diff/opaque");
  must(set_opaque(layers.tree.open("0/diff"), "opaque"));
  must(put_root_mark(layers.tree.open("0/diff"), RootMark::present));
  const auto index = index_of(layers);
  CHECK(index->has_xattrs());
  CHECK_FALSE(index->has_acls());
  CHECK(index->root().records()[0].is(IndexRecord::root_mark));
  const IndexDirectory top = must(index->children(index->root().records()[0]));
  const std::vector<posix::Xattr> wanted = {{"user.a", ""}, {"user.b", std::string("with\0zero", 9)}};
  CHECK(top.xattrs(*top.find("file")) == wanted);
  CHECK(top.find("opaque")->is(IndexRecord::opaque));
  CHECK_FALSE(top.find("plain")->is(IndexRecord::opaque));
  CHECK(top.xattrs(*top.find("opaque")).empty());

  ImageLayers others(1);
  others.tree.directory("0/diff/opaque");
  must(set_opaque(others.tree.open("0/diff"), "opaque"));
  CHECK_FALSE(index_of(others)->has_xattrs());
}

TEST_CASE("an index is made once, and anew when it is torn") {
  ImageLayers layers(1);
  fill_all_kinds(layers);
  (void)index_of(layers);
  const std::string bytes = layers.tree.read("0/index");
  const struct stat first = layers.tree.status("0/index");
  (void)index_of(layers);
  CHECK(layers.tree.status("0/index").st_ino == first.st_ino);
  for (const std::string& damaged : {std::string(), bytes.substr(0, bytes.size() / 2), bytes + "12345678",
                                     std::string(bytes.size(), '\0')}) {
    layers.tree.file("0/index", damaged);
    const auto index = index_of(layers);
    CHECK(read_all(*index, index->root()));
    CHECK(layers.tree.read("0/index") == bytes);
  }
  // What of it is read later is found to be torn then.
  std::string damaged = bytes;
  damaged[40] = static_cast<char>(damaged[40] ^ 1);
  const auto index = must(open_bytes(damaged));
  CHECK_FALSE(read_all(*index, index->root()));
}

TEST_CASE("no damage to an index is a crash") {
  ImageLayers layers(1);
  fill_all_kinds(layers);
  const std::string bytes = bytes_of_index(layers);
  REQUIRE(read_all(*must(open_bytes(bytes)), must(open_bytes(bytes))->root()));
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    const auto index = open_bytes(bytes.substr(0, size));
    CHECK_FALSE(index.has_value());
    if (!index) CHECK(index.error().kind() == ErrorKind::invalid);
  }
  std::size_t unnoticed = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    const auto index = open_bytes(damaged);
    if (index && read_all(**index, (*index)->root())) ++unnoticed;
  }
  CHECK(unnoticed == 8);  // the number at the front, which only keeps blocks away from 0
}

TEST_CASE("wide and deep directories have indexes, with names of all bytes") {
  ImageLayers layers(1);
  const std::size_t k_count = 20000;
  const Fd top = layers.tree.open("0/diff");
  for (std::size_t i = 0; i < k_count; ++i)
    must(posix::mknod_at(top, fmt::format("f{:x}", i * 7919), S_IFIFO | 0600, 0));
  must(posix::mknod_at(top, "\xff\x01\n", S_IFIFO | 0600, 0));
  must(posix::mknod_at(top, std::string(255, 'l'), S_IFIFO | 0600, 0));
  std::string deep = "0/diff";
  for (int i = 0; i < 300; ++i) deep += "/a-longer-name-of-a-directory";
  {
    Fd current = must(posix::open_at(top, ".", O_RDONLY | O_DIRECTORY));
    for (int i = 0; i < 300; ++i) {
      must(posix::mkdir_at(current, "a-longer-name-of-a-directory", 0755));
      current = must(posix::open_at(current, "a-longer-name-of-a-directory", O_RDONLY | O_DIRECTORY));
    }
    must(posix::mknod_at(current, "bottom", S_IFIFO | 0600, 0));
  }
  const auto view = layers.view();
  CHECK(view->list(k_root_node)->size() == k_count + 3);
  for (std::size_t i = 0; i < k_count; i += 101)
    CHECK(must(view->lookup(k_root_node, fmt::format("f{:x}", i * 7919))));
  CHECK(must(view->lookup(k_root_node, "\xff\x01\n")));
  CHECK(must(view->lookup(k_root_node, std::string(255, 'l'))));
  NodeId node = k_root_node;
  for (int i = 0; i < 300; ++i) node = must(view->lookup(node, "a-longer-name-of-a-directory")).value();
  CHECK(must(view->lookup(node, "bottom")));
  CHECK(view->path(node, "bottom") == deep.substr(7) + "/bottom");
}
