#include "cli/image_tree.hpp"

#include <algorithm>
#include <memory>

#include "base/text.hpp"

namespace ecrin::cli {
namespace {

struct Node {
  LayeredImage::Layer layer;
  std::vector<std::string> images;  // whose uppermost layer this is
  std::vector<std::unique_ptr<Node>> children;
};

struct Marks {
  std::string_view branch, last, through, blank;
};
constexpr Marks k_ascii = {"|-- ", "`-- ", "|   ", "    "};
constexpr Marks k_utf8 = {"├── ", "└── ", "│   ", "    "};

struct Sums {
  std::size_t layers = 0;
  std::uint64_t bytes = 0;
};

std::string describe(const Node& node) {
  std::string text = fmt::format("{}  {}", node.layer.diff_id.substr(0, 12), human_size(node.layer.size));
  if (!node.images.empty()) text += "  " + join(node.images, ", ");
  return text + "\n";
}

void draw(const Node& node, const std::string& indent, const Marks& marks, std::string& text, Sums& sums) {
  ++sums.layers;
  sums.bytes += node.layer.size;
  for (const auto& child : node.children) {
    const bool is_last = child == node.children.back();
    text += indent + std::string(is_last ? marks.last : marks.branch) + describe(*child);
    draw(*child, indent + std::string(is_last ? marks.blank : marks.through), marks, text, sums);
  }
}

}  // namespace

std::string format_image_tree(const std::vector<LayeredImage>& images, Lines lines) {
  Node root;
  std::uint64_t apart = 0;
  std::string text;
  for (const LayeredImage& image : images) {
    if (image.layers.empty()) {
      text += "(no layers)  " + image.name + "\n";
      continue;
    }
    Node* node = &root;
    for (const LayeredImage::Layer& layer : image.layers) {
      apart += layer.size;
      const auto known = std::ranges::find_if(
          node->children, [&](const auto& child) { return child->layer.diff_id == layer.diff_id; });
      if (known != node->children.end()) {
        node = known->get();
      } else {
        node->children.push_back(std::make_unique<Node>(Node{.layer = layer, .images = {}, .children = {}}));
        node = node->children.back().get();
      }
    }
    node->images.push_back(image.name);
  }
  const Marks& marks = lines == Lines::utf8 ? k_utf8 : k_ascii;
  Sums sums;
  for (const auto& base : root.children) {
    text += describe(*base);
    draw(*base, "", marks, text, sums);
  }
  return text + fmt::format("{} images, {} layers, {}; {} without sharing\n", images.size(), sums.layers,
                            human_size(sums.bytes), human_size(apart));
}

}  // namespace ecrin::cli
