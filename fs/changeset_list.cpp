// list_changes: a changeset in words, for `ecrin diff`.
#include <algorithm>

#include "fs/changeset.hpp"
#include "fs/lower_tree.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

class Lister : public Visitor {
public:
  explicit Lister(LowerTree& lower) : m_lower(lower) {}

  Result<> list(const Fd&, const Names& names) {
    if (!m_opaque) return {};
    for (const std::string& below : TRY(m_lower.names())) {
      if (!std::binary_search(names.begin(), names.end(), below)) {
        add(Change::Kind::deleted, m_directory + below);
      }
    }
    return {};
  }

  Result<Descend> visit(const Place& place) {
    const auto below = TRY(m_lower.lookup(place.name));
    if (is_whiteout(place.status)) {
      if (below) add(Change::Kind::deleted, place.path());
      return Descend::no;
    }
    const bool is_directory = S_ISDIR(place.status.st_mode);
    if (!below) {
      add(Change::Kind::added, place.path());
    } else if (!is_directory || !S_ISDIR(below->status.st_mode) ||
               !TRY(same_state(place.node(), below->node(place.name), INT64_MAX))) {
      add(Change::Kind::modified, place.path());
    }
    if (!is_directory) return Descend::no;
    m_opaque = TRY(is_opaque(place.directory, place.name));
    m_directory = place.path() + "/";
    TRY(m_lower.enter(place.name));
    return Descend::yes;
  }
  Result<> leave(const Place&) { return m_lower.leave(); }

  void add(Change::Kind kind, const std::string& path) {
    m_changes.push_back({.kind = kind, .path = "/" + path});
  }
  void start(bool opaque_root) { m_opaque = opaque_root; }
  std::vector<Change> take() {
    std::sort(m_changes.begin(), m_changes.end(),
              [](const Change& a, const Change& b) { return a.path < b.path; });
    return std::move(m_changes);
  }

private:
  LowerTree& m_lower;
  bool m_opaque = false;    // the directory that the walk is about to enter
  std::string m_directory;  // its path, "" or "a/"
  std::vector<Change> m_changes;
};

}  // namespace

Result<std::vector<Change>> list_changes(const Fd& changeset, LowerTree& lower) {
  Lister lister(lower);
  lister.start(TRY(is_opaque(changeset, ".")));
  if (TRY(has_root_mark(changeset)) && TRY(root_metadata(changeset)) != lower.root()) {
    lister.add(Change::Kind::modified, "");
  }
  TRY(walk(changeset, lister));
  return lister.take();
}

Result<std::vector<Change>> list_changes(const Fd& changeset, const Fd* lower) {
  LowerTree tree;
  if (lower) tree = TRY(LowerTree::of_tree(*lower));
  return list_changes(changeset, tree);
}

}  // namespace ecrin::fs
