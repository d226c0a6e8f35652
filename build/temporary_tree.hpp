// A directory of this process in the store's temporary directory: checkouts, unpacked contexts. It goes with
// its last user; after a kill, with the next prune.
#pragma once

#include <memory>
#include <string>

#include "base/store.hpp"

namespace ecrin::build {

struct TemporaryTree {
  std::string path;
  std::shared_ptr<const void> remover;
};
/// Empty, mode 0700.
Result<TemporaryTree> make_temporary_tree(Store& store, const std::string& purpose);

}  // namespace ecrin::build
