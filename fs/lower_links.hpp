// Hardlinks of lower layers under fuse-overlayfs. It knows files by inode: when one name of a lower file with
// several is changed, all of its names show the change, but only one is copied up, which need not be the one
// that was used (it is one that was looked up before). The others would fall back to the old file when the
// layer is read. Kernel overlay and copies change the one name that was used.
//
// What the container saw decides: the layer of such a step has more changed names than that of another
// driver, because its programs saw more of them change. Where they saw no difference (a name was renamed or
// removed, and the file copied up as it was), the layers are equal.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"

namespace ecrin::fs {

/// Gives every file in `upper` that differs from its lower original all the names that the original has and
/// that are still visible.
/// `layers`: absolute paths, bottom first.
Result<> complete_lower_links(const Fd& upper, const std::vector<std::string>& layers);

}  // namespace ecrin::fs
