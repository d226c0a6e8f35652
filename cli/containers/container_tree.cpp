#include "base/posix.hpp"
#include "build/file_digests.hpp"
#include "build/image_edit.hpp"
#include "build/run_traces.hpp"
#include "cli/containers/launch.hpp"
#include "fs/file_owners.hpp"
#include "fs/lasting_tree.hpp"
#include "fs/tree.hpp"

namespace ecrin::cli {
namespace {

// In scratch/: the copy of all layers is whole. With the driver copy that is the container's tree, until it
// is removed.
constexpr const char* k_whole_copy = "whole";

Result<ContainerTree> open_copy(fs::LastingRequest request, const Fd& scratch) {
  ContainerTree tree{.path = request.scratch + "/merged"};
  if (TRY(posix::exists_at(scratch, k_whole_copy)) == posix::Exists::yes) return tree;
  TRY(fs::clear_directory(scratch));
  // What another driver wrote is there as a layer.
  request.layers.push_back(request.upper);
  TRY(fs::copy_lasting_tree(request, nullptr));
  TRY(posix::open_at(scratch, k_whole_copy, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
  return tree;
}

Error cannot_trace(const std::string& reason) {
  return Error(ErrorKind::unsupported, "what a container uses of its image cannot be recorded: " + reason);
}

Result<ContainerTree> open_traced(const fs::TreeRequest& request) {
  auto view = TRY(fs::open_image_view(request.lowers));
  auto mount = TRY(fs::TracedTree::mount(request, std::move(view)));
  ContainerTree tree{.path = mount->path()};
  tree.traced = mount.get();
  tree.mount = std::move(mount);
  return tree;
}

}  // namespace

Result<> check_tracing(build::Workshop& workshop) {
  if (fs::owners_are_recorded())
    return std::unexpected(cannot_trace("this user has one id, so owners are recorded beside the files")
                               .hint("'ecrin doctor' says how to get a range of ids"));
  const fs::DriverKind driver = TRY(workshop.driver())->kind();
  if (driver != fs::DriverKind::overlay)
    return std::unexpected(
        cannot_trace(fmt::format("that takes the layer driver overlay, and this is {}", to_string(driver)))
            .hint("'ecrin doctor' says which drivers work here"));
  if (const auto device = posix::open("/dev/fuse", O_RDWR); !device)
    return std::unexpected(cannot_trace(device.error().message())
                               .hint("let this user open /dev/fuse, and load the module fuse"));
  return {};
}

Result<> keep_trace(build::Workshop& workshop, const run::StoredContainer& record, fs::TracedTree& tree) {
  constexpr std::int64_t k_second = 1'000'000'000;
  build::FileDigests digests(workshop.store().database());
  const fs::ImageTrace trace = TRY(tree.trace(digests.function()));
  TRY(digests.keep());
  return build::RunTraces(workshop.store().database())
      .add(record.image_id, record.layers.size(), trace, run::nanoseconds_now() / k_second);
}

Result<std::vector<fs::Layer>> container_layers(build::Workshop& workshop,
                                                const run::StoredContainer& record) {
  std::vector<fs::Layer> layers;
  for (auto& layer : TRY(workshop.layers().find_each_id(record.layers))) {
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
                                          const run::ContainerPlace& place, Traced traced) {
  const std::string upper = place.path() + "/upper";
  const std::string scratch_path = place.path() + "/scratch";
  const std::vector<std::string> lowers =
      build::distinct_layer_paths(workshop, TRY(container_layers(workshop, record)));
  if (traced == Traced::yes) {
    TRY(check_tracing(workshop));
    if (lowers.empty()) return std::unexpected(cannot_trace("it has no layers"));
  }
  // Nothing to stack: what is written is the tree.
  if (lowers.empty()) return ContainerTree{.path = upper};
  const Fd scratch = TRY(posix::open_at(place.directory(), "scratch", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const bool is_copy = TRY(posix::exists_at(scratch, k_whole_copy)) == posix::Exists::yes;
  if (is_copy && traced == Traced::yes)
    return std::unexpected(cannot_trace("the container has a copy of it, made by another layer driver")
                               .hint("make a new container"));
  if (is_copy || TRY(workshop.driver())->kind() == fs::DriverKind::copy)
    return open_copy({.layers = lowers, .scratch = scratch_path, .upper = upper}, scratch);
  // What the last mount left there belongs to that one.
  TRY(fs::clear_directory(scratch));
  const fs::TreeRequest request{.lowers = lowers, .upper = upper, .scratch = scratch_path};
  if (traced == Traced::yes) return open_traced(request);
  auto mount = TRY(TRY(workshop.driver())->mount(request));
  std::string path = mount->path();
  return ContainerTree{.path = std::move(path), .mount = std::move(mount)};
}

}  // namespace ecrin::cli
