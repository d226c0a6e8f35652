// A copy of layers that programs write to: it knows which of its files is still which file of the layers, and
// can become the tree of other layers by copying only what differs.
#pragma once

#include <ctime>
#include <map>

#include "base/fd.hpp"
#include "fs/lower_tree.hpp"
#include "fs/metadata.hpp"

namespace ecrin::fs {

class CopyRecord {
public:
  /// Is `copy`, a file of the copied tree, `original` as it was copied? Names are moved without a trace on
  /// what is below them, so that a file is known by its inode; and its ctime can be set by nobody.
  bool is_as_copied(const struct stat& copy, const struct stat& original) const;

private:
  friend Result<> renew_copy(LowerTree& from, const Fd& to, const Fd& clock, CopyRecord& record);
  std::map<Inode, Inode> m_originals;  // by inode of the copy
  struct timespec m_finished = {};
};

/// Makes the directory `to` the tree of `from` (which stands at its root), every name with an inode of its
/// own and the root's metadata included. `to` is empty, or what became of a tree that `record` is of;
/// afterwards `record` is of this one. All layers that it was of have to be there still. On an error `to` is
/// good for nothing. `clock`: a directory on the same file system.
Result<> renew_copy(LowerTree& from, const Fd& to, const Fd& clock, CopyRecord& record);

}  // namespace ecrin::fs
