// HardlinkSurvey: which groups of hardlinks in a tree keep all of their names in a changeset: those where at
// least one name differs from the tree below. Without this a link between a new name and an unchanged old one
// would fall apart.
#pragma once

#include <set>

#include "fs/lower_tree.hpp"
#include "fs/metadata.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

class HardlinkSurvey : public Visitor {
public:
  HardlinkSurvey(LowerTree& lower, std::int64_t epoch) : m_lower(lower), m_epoch(epoch) {}

  Result<Descend> visit(const Place& place) {
    if (S_ISDIR(place.status.st_mode)) {
      TRY(m_lower.enter(place.name));
      return Descend::yes;
    }
    if (place.status.st_nlink < 2 || is_whiteout(place.status)) return Descend::no;
    if (m_changed.contains(inode_of(place.status))) return Descend::no;
    const auto below = TRY(m_lower.lookup(place.name));
    if (!below || !TRY(same_state(place.node(), below->node(place.name), m_epoch))) {
      m_changed.insert(inode_of(place.status));
    }
    return Descend::no;
  }
  Result<> leave(const Place&) { return m_lower.leave(); }

  bool changed(const struct stat& status) const { return m_changed.contains(inode_of(status)); }

private:
  LowerTree& m_lower;
  std::int64_t m_epoch;
  std::set<Inode> m_changed;
};

}  // namespace ecrin::fs
