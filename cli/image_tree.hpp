// Which layers images share, as a tree: every line is a layer, images that start with the same layers stand
// on the same branch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ecrin::cli {

/// One image: its layers, bottom first.
struct LayeredImage {
  std::string name;  // what the tree calls it
  struct Layer {
    std::string diff_id;  // hex
    std::uint64_t size = 0;
  };
  std::vector<Layer> layers;
};

enum class Lines { ascii, utf8 };
/// The tree and a last line with sums.
std::string format_image_tree(const std::vector<LayeredImage>& images, Lines lines);

}  // namespace ecrin::cli
