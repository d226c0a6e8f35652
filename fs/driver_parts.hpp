// What the layer drivers share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fs/layer_driver.hpp"
#include "fs/metadata.hpp"

namespace ecrin::fs {

std::unique_ptr<LayerDriver> make_overlay_driver();
std::unique_ptr<LayerDriver> make_fuse_overlayfs_driver();
std::unique_ptr<LayerDriver> make_copy_driver();

/// Makes <scratch>/<name> (0700) unless it is there; returns it opened O_PATH.
Result<Fd> scratch_directory(const std::string& scratch, const std::string& name);

/// A request, looked at: directories opened, and the metadata of the merged root settled. With an upper
/// directory its own root shows through as the merged root, so it gets them; without, a directory made for
/// this is the top.
struct Stack {
  std::vector<Fd> lowers;  // O_PATH, top first; at least one (two when read-only)
  Fd upper;                // empty: read-only
  bool is_mixed = false;   // OverlayParts
  RootMetadata root;
};
Result<Stack> open_stack(const TreeRequest& request);
/// The stack as a kernel overlay, at <scratch>/merged.
Result<std::unique_ptr<MountedTree>> mount_stack(Stack stack, const std::string& scratch);

/// After the tree was taken down: marks the upper root if a container changed it.
Result<> settle_upper_root(const Fd& upper, const RootMetadata& before);

}  // namespace ecrin::fs
