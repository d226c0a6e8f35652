// extract_changes: what kernel overlay would have left in an upper directory, made by comparing two trees.
#include <algorithm>
#include <map>

#include "base/log.hpp"
#include "fs/changeset.hpp"
#include "fs/hardlink_survey.hpp"
#include "fs/tree_copy.hpp"

namespace ecrin::fs {

namespace {

// No layer can hold it: for the layer it does not exist.
bool is_inexpressible(const struct stat& status) {
  return S_ISSOCK(status.st_mode) || is_whiteout(status);
}

class Extractor : public Visitor {
public:
  Extractor(LowerTree& lower, const Fd& upper, DirectoryStack stack, const HardlinkSurvey& hardlinks,
            const CopyRecord* record)
      : m_lower(lower), m_upper(upper), m_stack(std::move(stack)), m_hardlinks(hardlinks), m_record(record) {}

  Result<> list(const Fd&, const Names& names) {
    for (const std::string& below : TRY(m_lower.names())) {
      if (!std::binary_search(names.begin(), names.end(), below)) TRY(put_whiteout(below));
    }
    return {};
  }

  Result<Descend> visit(const Place& place) {
    const auto below = TRY(m_lower.lookup(place.name));
    if (is_inexpressible(place.status)) {
      log::debug("'{}' cannot be in a layer", printable(place.path()));
      if (below) TRY(put_whiteout(place.name));
      return Descend::no;
    }
    const bool linked = place.status.st_nlink > 1 && m_hardlinks.changed(place.status);
    const bool is_same = below && !linked && TRY(is_unchanged(place, *below));
    if (S_ISDIR(place.status.st_mode)) {
      m_names.push_back(place.name);
      TRY(m_lower.enter(place.name));
      if (!is_same) TRY(make_parents());
      return Descend::yes;
    }
    if (!is_same) {
      TRY(make_parents());
      TRY(put_file(place));
    }
    return Descend::no;
  }

  Result<> leave(const Place& place) {
    TRY(m_lower.leave());
    const bool made = m_stack.depth() == m_names.size();
    m_names.pop_back();
    if (!made) return {};
    TRY(m_stack.leave());
    return copy_metadata(place.directory, place.name, place.status, m_stack.top(), place.name,
                         XattrScope::layer);
  }

private:
  Result<bool> is_unchanged(const Place& place, const LowerTree::Found& below) const {
    const bool is_old = m_record && m_record->is_as_copied(place.status, below.status);
    return same_state(place.node(), below.node(place.name), INT64_MAX,
                      is_old ? ContentCheck::skip : ContentCheck::full);
  }

  // Directories of the upper tree are made when the first change below them is found; they get their metadata
  // when the walk leaves them.
  Result<> make_parents() {
    while (m_stack.depth() < m_names.size()) {
      const std::string& name = m_names[m_stack.depth()];
      TRY(posix::mkdir_at(m_stack.top(), name, 0700));
      TRY(m_stack.enter(name));
    }
    return {};
  }

  Result<> put_whiteout(const std::string& name) {
    TRY(make_parents());
    return make_whiteout(m_stack.top(), name);
  }

  Result<> put_file(const Place& place) {
    if (place.status.st_nlink > 1) {
      const auto [first, is_new] = m_links.try_emplace(inode_of(place.status), place.prefix, place.name);
      if (!is_new) {
        const Fd directory = TRY(open_directory_beneath(m_upper, first->second.first));
        return posix::link_at(directory, first->second.second, m_stack.top(), place.name);
      }
    }
    return copy_node(place.directory, place.name, place.status, m_stack.top(), XattrScope::layer);
  }

  LowerTree& m_lower;
  const Fd& m_upper;
  DirectoryStack m_stack;
  const HardlinkSurvey& m_hardlinks;
  const CopyRecord* m_record;
  Names m_names;  // of the directories from the root to where the walk stands
  std::map<Inode, std::pair<std::string, std::string>> m_links;  // its first place: prefix and name
};

}  // namespace

Result<> extract_changes(LowerTree& lower, const Fd& changed, const Fd& upper, const CopyRecord* record,
                         const CancelToken* cancel) {
  HardlinkSurvey hardlinks(lower, INT64_MAX);
  TRY(walk(changed, hardlinks, cancel));
  Extractor extractor(lower, upper, TRY(DirectoryStack::open(upper)), hardlinks, record);
  TRY(walk(changed, extractor, cancel));
  const RootMetadata root = TRY(root_metadata(changed));
  TRY(set_root_metadata(upper, root));
  return put_root_mark(upper, root == lower.root() ? RootMark::absent : RootMark::present);
}

}  // namespace ecrin::fs
