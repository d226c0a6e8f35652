// merge_layers: several layers become one, which does to what is below them the same as they did one by one.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "fs/changeset.hpp"

namespace ecrin::fs {

/// Fills the empty directory `to` with the canonical changeset of `layers` over `below` (absolute paths of
/// layer directories, bottom first). With nothing below it is the merged tree, and holds no whiteouts. Reads
/// `layers` and what they name in `below`, nothing else; times stay.
Result<> merge_layers(const std::vector<std::string>& layers, const std::vector<std::string>& below,
                      const Fd& to, const CancelToken* cancel = nullptr);

/// One entry that layers have, merged: what they do to whatever is below them.
struct MergedPath {
  enum class Kind { written, deleted, replaced };  // replaced: hides what a directory below had in it
  std::string path;                                // absolute in the image
  Kind kind;
  bool is_directory;  // which may only lead to a change
};
Result<std::vector<MergedPath>> list_layer_paths(const std::vector<std::string>& layers,
                                                 const CancelToken* cancel = nullptr);

}  // namespace ecrin::fs
