#include "base/posix.hpp"
#include "build/image_edit.hpp"
#include "cli/containers/launch.hpp"
#include "fs/lasting_tree.hpp"
#include "fs/tree.hpp"

namespace ecrin::cli {
namespace {

// In scratch/: the copy of all layers is whole. With the driver copy that is the container's tree, until it
// is removed.
constexpr const char* k_whole_copy = "whole";

Result<ContainerTree> open_copy(fs::LastingRequest request, const Fd& scratch) {
  ContainerTree tree{.path = request.scratch + "/merged", .mount = nullptr};
  if (TRY(posix::exists_at(scratch, k_whole_copy)) == posix::Exists::yes) return tree;
  TRY(fs::clear_directory(scratch));
  // What another driver wrote is there as a layer.
  request.layers.push_back(request.upper);
  TRY(fs::copy_lasting_tree(request, nullptr));
  TRY(posix::open_at(scratch, k_whole_copy, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
  return tree;
}

}  // namespace

Result<std::vector<fs::Layer>> container_layers(build::Workshop& workshop,
                                                const run::StoredContainer& record) {
  std::vector<fs::Layer> layers;
  for (const std::string& id : record.layers) {
    auto layer = TRY(workshop.layers().find_id(id));
    if (!layer)
      return std::unexpected(Error(ErrorKind::not_found,
                                   fmt::format("a layer of container '{}' is not in the store", record.name))
                                 .hint("the power may have failed before it was written: remove the "
                                       "container, get the image again"));
    layers.push_back(std::move(*layer));
  }
  return layers;
}

Result<ContainerTree> open_container_tree(build::Workshop& workshop, const run::StoredContainer& record,
                                          const run::ContainerPlace& place) {
  const std::string upper = place.path() + "/upper";
  const std::string scratch_path = place.path() + "/scratch";
  const std::vector<std::string> lowers =
      build::distinct_layer_paths(workshop, TRY(container_layers(workshop, record)));
  // Nothing to stack: what is written is the tree.
  if (lowers.empty()) return ContainerTree{.path = upper, .mount = nullptr};
  const Fd scratch = TRY(posix::open_at(place.directory(), "scratch", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const bool is_copy = TRY(posix::exists_at(scratch, k_whole_copy)) == posix::Exists::yes;
  if (is_copy || TRY(workshop.driver())->kind() == fs::DriverKind::copy)
    return open_copy({.layers = lowers, .scratch = scratch_path, .upper = upper}, scratch);
  // What the last mount left there belongs to that one.
  TRY(fs::clear_directory(scratch));
  auto mount =
      TRY(TRY(workshop.driver())->mount({.lowers = lowers, .upper = upper, .scratch = scratch_path}));
  std::string path = mount->path();
  return ContainerTree{.path = std::move(path), .mount = std::move(mount)};
}

}  // namespace ecrin::cli
