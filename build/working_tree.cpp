#include "build/working_tree.hpp"

#include "base/text.hpp"

namespace ecrin::build {

Result<ImagePointer> load_base(Workshop& workshop, const WorkingContainer& container) {
  if (container.base.empty()) return ImagePointer();
  const oci::ImageRecord record =
      TRY_WHILE(workshop.images().find(container.base), "looking for the base of working container '{}'",
                printable(container.name));
  return std::make_shared<const oci::Image>(TRY(workshop.images().load(record.manifest)));
}

Result<std::optional<fs::Layer>> find_layer(Workshop& workshop, const std::string& id) {
  if (id.empty()) return std::nullopt;
  auto layer = TRY(workshop.layers().find_id(id));
  if (!layer) return fail(ErrorKind::not_found, "layer '{}' is not in the store", id);
  return layer;
}

Result<StartingTree> starting_tree(Workshop& workshop, const WorkingContainer& container) {
  StartingTree tree{.base = TRY(load_base(workshop, container)),
                    .layers = {},
                    .independent = {},
                    .config = container.config,
                    .shell = container.shell,
                    .tree_key = container.tree_key};
  for (const WorkingStep& step : container.steps) {
    auto layer = TRY(find_layer(workshop, step.layer));
    if (!layer) continue;
    tree.layers.push_back(std::move(*layer));
    tree.independent.push_back(step.independent);
  }
  return tree;
}

}  // namespace ecrin::build
