// The root directories of a stack of layers. They say what a tree of these layers begins with: a root that is
// opaque hides all layers below it (kernel overlay looks for that mark everywhere but there), and the topmost
// one with the root mark is what the merged root looks like (fs/whiteout.hpp).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "fs/metadata.hpp"
#include "fs/walk.hpp"

namespace ecrin::fs {

struct LayerRoot {
  Fd directory;                        // O_PATH
  std::shared_ptr<const Names> names;  // what is in it, sorted; nullptr: not known
};
struct LayerRoots {
  std::vector<LayerRoot> visible;  // top first: those that count
  bool hides_below = false;        // the last of them is opaque
  bool has_mark = false;           // one of all layers
  RootMetadata metadata;           // of the merged root
};
/// layers: absolute paths of layer directories, bottom first. Each is opened once. What this process has seen
/// of a root it does not ask for again until that changed: a build of hundreds of steps comes here with
/// hundreds of layers in each. The names in a root are read the second time.
Result<LayerRoots> open_layer_roots(const std::vector<std::string>& layers);

}  // namespace ecrin::fs
