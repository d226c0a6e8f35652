// compare_trees: what turns one tree of layers into another, without mounting either. Where both trees are
// made of the same directories nothing is read, so two images that share layers cost what is not shared.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "fs/lower_tree.hpp"

namespace ecrin::fs {

/// In what two things with the same path differ.
struct Aspects {
  bool type = false;
  bool mode = false;
  bool owner = false;
  bool size = false;
  bool content = false;  // also a link's target and a device's number
  bool xattrs = false;
  bool time = false;  // of modification, in seconds; a directory's does not count
  bool any() const { return type || mode || owner || size || content || xattrs || time; }
  std::vector<std::string_view> names() const;
  bool operator==(const Aspects&) const = default;
};

struct Difference {
  enum class Kind { added, modified, deleted };
  Kind kind;
  std::string path;   // absolute in the tree
  bool is_directory;  // what is there after it, or before it when nothing is
  Aspects aspects;    // of what is modified
};

/// Sorted by path. Of what was added every path is named, of what was deleted the topmost one. Both trees
/// must stand at their roots; on an error they stand somewhere.
Result<std::vector<Difference>> compare_trees(LowerTree& before, LowerTree& after,
                                              const CancelToken* cancel = nullptr);

}  // namespace ecrin::fs
