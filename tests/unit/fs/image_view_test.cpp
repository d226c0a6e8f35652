#include "fs/fuse/image_view.hpp"

#include <random>
#include <thread>

#include "base/text.hpp"
#include "fs/layer_roots.hpp"
#include "fs/lower_tree.hpp"
#include "fs/whiteout.hpp"
#include "tests/unit/fs/image_layers.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

std::string line_of(const std::string& path, const struct stat& status) {
  const bool is_directory = S_ISDIR(status.st_mode);
  return fmt::format("{} {:o} {}:{} {} {} {} {}.{}", printable(path), status.st_mode, status.st_uid,
                     status.st_gid, is_directory ? 0 : status.st_nlink, is_directory ? 0 : status.st_size,
                     is_directory ? 0 : status.st_blocks, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}
std::string line_of(const std::vector<posix::Xattr>& xattrs) {
  std::string text;
  for (const auto& xattr : xattrs) text += fmt::format(" {}={}", xattr.name, printable(xattr.value));
  return text;
}

void describe(ImageView& view, NodeId directory, std::string& text) {
  for (const auto& listed : *view.list(directory)) {
    const std::string name(listed.name);
    const NodeId node = must(view.lookup(directory, name)).value();
    const struct stat status = view.attributes(node);
    CHECK(status.st_ino == listed.inode);
    CHECK(status.st_mode == listed.mode);
    text += line_of(view.path(directory, name), status) + line_of(view.xattrs(node));
    if (S_ISLNK(status.st_mode)) text += fmt::format(" -> {}", view.link_target(node));
    if (S_ISREG(status.st_mode)) text += " " + must(posix::read_fd(must(view.open_file(node))));
    text += '\n';
    if (S_ISDIR(status.st_mode)) describe(view, node, text);
  }
}

void describe(LowerTree& tree, const std::string& prefix, std::string& text) {
  for (const std::string& name : must(tree.names())) {
    const auto found = must(tree.lookup(name)).value();
    const bool is_directory = S_ISDIR(found.status.st_mode);
    std::string more;
    if (is_directory || S_ISREG(found.status.st_mode)) {
      auto xattrs = must(posix::list_xattrs_at(*found.directory, name));
      std::erase_if(xattrs, [](const auto& xattr) { return is_control_xattr(xattr.name); });
      more = line_of(xattrs);
    }
    if (S_ISLNK(found.status.st_mode))
      more += fmt::format(" -> {}", must(posix::readlink_at(*found.directory, name)));
    if (S_ISREG(found.status.st_mode))
      more += " " + must(posix::read_fd(must(posix::open_at(*found.directory, name, O_RDONLY))));
    if (!is_directory) {
      text += line_of(prefix + name, found.status) + more + '\n';
      continue;
    }
    must(tree.enter(name));
    text += line_of(prefix + name, found.status) + more + '\n';
    describe(tree, prefix + name + "/", text);
    must(tree.leave());
  }
}

std::string describe_view(ImageView& view) {
  std::string text;
  describe(view, k_root_node, text);
  return text;
}
std::string describe_layers(const ImageLayers& layers) {
  LowerTree tree = must(LowerTree::of_layers(layers.all()));
  std::string text;
  describe(tree, "", text);
  return text;
}

std::vector<std::string> names(ImageView& view, const std::string& path) {
  std::vector<std::string> names;
  for (const auto& listed : *view.list(node_at(view, path))) names.emplace_back(listed.name);
  return names;
}

// Any kind of file under few names, so that layers meet.
void fill_layer(ImageLayers& layers, std::size_t layer, std::mt19937& random) {
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  std::vector<std::string> directories = {ImageLayers::path(layer)};
  std::string last_file;
  for (int i = 0; i < 60; ++i) {
    const std::string path = directories[below(static_cast<unsigned>(directories.size()))] + "/" +
                             std::string(1, static_cast<char>('a' + below(6)));
    if (layers.tree.exists(path)) continue;
    switch (below(7)) {
      case 0:
      case 1:
        layers.tree.directory(path, 0700 + below(070));
        if (below(4) == 0 && has_xattrs())
          must(set_opaque(layers.tree.open(path.substr(0, path.rfind('/'))),
                          path.substr(path.rfind('/') + 1)));
        directories.push_back(path);
        break;
      case 2:
        layers.tree.whiteout(path);
        break;
      case 3:
        layers.tree.symlink(path, "target" + std::to_string(below(100)));
        break;
      case 4:
        if (!last_file.empty()) layers.tree.hardlink(path, last_file);
        break;
      default:
        layers.tree.mtime = 1000 + below(1000);
        layers.tree.file(path, std::string(below(30), 'x'), 0600 + below(0100));
        if (below(3) == 0 && has_xattrs()) layers.tree.xattr(path, "user.x", "1");
        last_file = path;
    }
  }
}

}  // namespace

TEST_CASE("a view shows what LowerTree finds in random layers") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 10u);
  std::mt19937 random(seed);
  ImageLayers layers(1 + seed % 5);
  for (std::size_t layer = 0; layer < 1 + seed % 5; ++layer) fill_layer(layers, layer, random);
  const auto view = layers.view();
  const std::string seen = describe_view(*view);
  CHECK(seen == describe_layers(layers));
  CHECK(seen.size() > 20);
  CHECK(describe_view(*view) == seen);
}

TEST_CASE("whiteouts and opaque directories hide what is below, and only that") {
  ImageLayers layers(4);
  for (const char* name : {"0/diff/d/old", "0/diff/gone/x", "0/diff/again/x", "0/diff/file", "0/diff/dir/x"})
    layers.tree.file(name, "bottom");
  layers.tree.whiteout("1/diff/gone");
  layers.tree.whiteout("1/diff/again");
  layers.tree.whiteout("1/diff/file");
  layers.tree.file("1/diff/dir", "a file now");
  layers.tree.file("2/diff/again/y", "second");
  layers.tree.file("2/diff/file/inside", "a directory now");
  layers.tree.file("2/diff/dir/z", "a directory again");
  layers.tree.file("3/diff/d/new", "top");
  const auto view = layers.view();
  CHECK(names(*view, "") == std::vector<std::string>{"again", "d", "dir", "file"});
  CHECK_FALSE(must(view->lookup(k_root_node, "gone")));
  CHECK(names(*view, "d") == std::vector<std::string>{"new", "old"});
  CHECK(names(*view, "again") == std::vector<std::string>{"y"});
  CHECK(names(*view, "file") == std::vector<std::string>{"inside"});
  CHECK(names(*view, "dir") == std::vector<std::string>{"z"});
  for (const char* directory : {"d", "again"}) {
    CHECK(view->attributes(node_at(*view, directory)).st_nlink == 1);
    CHECK(view->attributes(node_at(*view, directory)).st_size == 4096);
  }
  CHECK(must(posix::read_fd(must(view->open_file(node_at(*view, "d/old"))))) == "bottom");
  CHECK_FALSE(view->open_file(node_at(*view, "d")));
  CHECK_FALSE(must(view->lookup(node_at(*view, "d/old"), "x")));  // no directory
  if (!has_xattrs()) return;
  must(set_opaque(layers.tree.open("3/diff"), "d"));
  layers.tree.remove("3/index");
  CHECK(names(*layers.view(), "d") == std::vector<std::string>{"new"});
  // An opaque top directory hides all layers below it.
  must(set_opaque(layers.tree.open("2/diff"), "."));
  layers.tree.remove("2/index");
  CHECK(names(*layers.view(), "") == std::vector<std::string>{"again", "d", "dir", "file"});
  CHECK(describe_view(*layers.view()) == describe_layers(layers));
}

TEST_CASE("the root is that of the topmost layer with the mark, as on disk") {
  if (!has_xattrs()) return;
  ImageLayers layers(3);
  layers.tree.chmod("2/diff", 0700);
  CHECK(layers.view()->attributes(k_root_node).st_mode == (S_IFDIR | 0755));
  layers.tree.chmod("1/diff", 0711);
  layers.tree.xattr("1/diff", "user.of-root", "1");
  must(put_root_mark(layers.tree.open("1/diff"), RootMark::present));
  layers.tree.remove("1/index");
  const auto view = layers.view();
  const RootMetadata wanted = must(open_layer_roots(layers.all())).metadata;
  CHECK(view->attributes(k_root_node).st_mode == (S_IFDIR | wanted.mode));
  CHECK(wanted.mode == 0711);
  CHECK(view->xattrs(k_root_node) == wanted.xattrs);
  CHECK(view->path(k_root_node).empty());
  CHECK(view->parent(k_root_node) == k_root_node);
}

TEST_CASE("hard links of one layer are one node, those of two layers are two") {
  ImageLayers layers(2);
  layers.tree.file("0/diff/one", "1");
  layers.tree.hardlink("0/diff/two", "0/diff/one");
  layers.tree.hardlink("0/diff/sub/three", "0/diff/one");
  layers.tree.file("1/diff/one", "changed");
  layers.tree.hardlink("1/diff/four", "0/diff/one");  // as stores that share data have
  const auto view = layers.view();
  const NodeId two = node_at(*view, "two");
  CHECK(two == node_at(*view, "sub/three"));
  CHECK(two != node_at(*view, "one"));
  CHECK(two != node_at(*view, "four"));
  CHECK(view->attributes(two).st_nlink == layers.tree.status("0/diff/two").st_nlink);
  CHECK(view->path(two) == "two");
}

TEST_CASE("a path is looked up name by name, and no symlink is followed") {
  ImageLayers layers(1);
  layers.tree.file("0/diff/usr/bin/env", "");
  layers.tree.symlink("0/diff/bin", "usr/bin");
  const auto view = layers.view();
  const auto env = must(view->lookup_path("usr/bin/env"));
  REQUIRE(env);
  CHECK(must(view->lookup_path("/usr//bin/env")) == env);
  CHECK(must(view->lookup_path("")) == k_root_node);
  CHECK_FALSE(must(view->lookup_path("bin/env")));
  CHECK_FALSE(must(view->lookup_path("usr/bin/env/x")));
  CHECK_FALSE(must(view->lookup_path("usr/none/env")));
}

TEST_CASE("five hundred layers are one tree") {
  constexpr std::size_t k_layers = 500;
  ImageLayers layers(k_layers);
  for (std::size_t layer = 0; layer < k_layers; ++layer) {
    layers.tree.file(ImageLayers::path(layer, "shared/" + std::to_string(layer)), std::to_string(layer));
    layers.tree.file(ImageLayers::path(layer, "same"), std::to_string(layer));
    if (layer > 0 && layer % 2 == 0)
      layers.tree.whiteout(ImageLayers::path(layer, "shared/" + std::to_string(layer - 1)));
  }
  const auto view = layers.view();
  CHECK(names(*view, "shared").size() == k_layers / 2 + 1);
  CHECK(must(posix::read_fd(must(view->open_file(node_at(*view, "same"))))) == "499");
  CHECK(must(posix::read_fd(must(view->open_file(node_at(*view, "shared/0"))))) == "0");
  CHECK_FALSE(must(view->lookup(node_at(*view, "shared"), "1")));
  CHECK(view->attributes(node_at(*view, "shared")).st_nlink == 1);
}

TEST_CASE("threads that look up the same names get the same nodes") {
  ImageLayers layers(2);
  for (int i = 0; i < 200; ++i) layers.tree.file(fmt::format("{}/diff/d{}/f{}", i % 2, i % 7, i), "x");
  const auto view = layers.view();
  std::vector<std::vector<NodeId>> seen(4);
  {
    std::vector<std::jthread> threads;
    for (auto& nodes : seen) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          const auto directory = view->lookup(k_root_node, fmt::format("d{}", i % 7));
          const auto file = view->lookup(directory->value(), fmt::format("f{}", i));
          nodes.push_back(file->value());
          nodes.push_back(static_cast<NodeId>(view->list(directory->value())->size()));
        }
      });
    }
  }
  for (const auto& nodes : seen) CHECK(nodes == seen[0]);
  CHECK(view->node_count() == 1 + 7 + 200);
}

TEST_CASE("a torn directory of an index is an error where it is looked at") {
  ImageLayers layers(1);
  layers.tree.file("0/diff/d/file", "x");
  layers.tree.file("0/diff/other/file", "x");
  (void)layers.view();
  std::string bytes = layers.tree.read("0/index");
  bytes[40] = static_cast<char>(bytes[40] ^ 1);  // the first block, which is that of "d"
  const std::shared_ptr<const LayerIndex> index =
      must(LayerIndex::open(must(posix::sealed_memory_file("index", as_bytes(bytes)))));
  const auto view = must(ImageView::open({{.path = layers.absolute(0), .index = index}}));
  const auto torn = view->lookup(k_root_node, "d");
  REQUIRE_FALSE(torn.has_value());
  CHECK(torn.error().kind() == ErrorKind::invalid);
  CHECK(must(view->lookup(node_at(*view, "other"), "file")));
}
