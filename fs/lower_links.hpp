// Hardlinks of lower layers under fuse-overlayfs. It knows files by inode: when one name of a lower file with
// several is changed, all of its names show the change, but only the first name that it had seen is copied
// up. The others would fall back to the old file when the layer is read. Kernel overlay and copies change the
// one name that was used.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"

namespace ecrin::fs {

/// Gives every changed file in `upper` all the names that its lower original has and that are still visible.
/// `layers`: absolute paths, bottom first.
Result<> complete_lower_links(const Fd& upper, const std::vector<std::string>& layers);

}  // namespace ecrin::fs
