// Layer directories for tests of indexes and views.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fs/fuse/image_view.hpp"
#include "fs/fuse/layer_index.hpp"
#include "tests/unit/fs/support.hpp"

namespace ecrin::fs::test {

/// Layers of one test: "0/diff" is the bottom one, in one temporary tree.
class ImageLayers {
public:
  explicit ImageLayers(std::size_t count) : m_count(count) {
    for (std::size_t layer = 0; layer < count; ++layer) tree.directory(path(layer));
  }
  static std::string path(std::size_t layer, const std::string& name = "") {
    return std::to_string(layer) + "/diff" + (name.empty() ? "" : "/" + name);
  }
  std::string absolute(std::size_t layer) const { return tree.path() + "/" + path(layer); }
  std::vector<std::string> all() const {
    std::vector<std::string> paths;
    for (std::size_t layer = 0; layer < m_count; ++layer) paths.push_back(absolute(layer));
    return paths;
  }
  std::unique_ptr<ImageView> view() const { return must(open_image_view(all())); }

  TempTree tree;

private:
  std::size_t m_count;
};

/// The node of a path; fails the test when there is none.
inline NodeId node_at(ImageView& view, const std::string& path) {
  const auto node = must(view.lookup_path(path));
  if (!node) FAIL("no " << path);
  return *node;
}

}  // namespace ecrin::fs::test
