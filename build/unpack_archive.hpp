// Unpacking an archive into an image's tree as `tar -x` does it there (ADD): symlinks of the tree are
// followed for parents and nothing leads out of the root, what is in the way gives way, directories are
// merged. Layers are another thing: fs/layer_apply.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/cancel.hpp"
#include "base/stream.hpp"
#include "build/upper_tree.hpp"

namespace ecrin::build {

/// `root` is the tree that `tree` writes to; `destination` is a real directory below it (it is made). `owner`
/// none: what the archive says. Device nodes are left out.
Result<> unpack_archive(std::unique_ptr<Source> tar, const Fd& root, UpperTree& tree,
                        const std::string& destination, std::optional<std::pair<uid_t, gid_t>> owner,
                        const CancelToken* cancel);

}  // namespace ecrin::build
