// is_canonical_on: the decisions of canonicalise (changeset.cpp), without doing what they ask for.
#include "fs/changeset.hpp"
#include "fs/hardlink_survey.hpp"
#include "fs/lower_tree.hpp"
#include "fs/metadata.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

// Goes nowhere any more after the first entry that would be changed.
class Check : public Visitor {
public:
  Check(LowerTree& lower, const CanonicalOptions& options, const HardlinkSurvey& hardlinks)
      : m_lower(lower), m_options(options), m_hardlinks(hardlinks) {}

  Result<> list(const Fd&, Names& names) {
    m_is_empty.push_back(names.empty() ? 1 : 0);
    for (const std::string& name : names)
      if (name.starts_with(k_whiteout_prefix)) m_is_canonical = false;
    if (!m_is_canonical) names.clear();
    return {};
  }

  Result<Descend> visit(const Place& place) {
    if (!m_is_canonical) return Descend::no;
    const auto below = TRY(m_lower.lookup(place.name));
    if (is_whiteout(place.status)) {
      m_is_canonical = below.has_value();
      return Descend::no;
    }
    if (S_ISDIR(place.status.st_mode)) {
      if (TRY(is_opaque(place.directory, place.name))) {
        m_is_canonical = false;
        return Descend::no;
      }
      TRY(m_lower.enter(place.name));
      return Descend::yes;
    }
    const bool linked = place.status.st_nlink > 1 && m_hardlinks.changed(place.status);
    if (S_ISSOCK(place.status.st_mode))
      m_is_canonical = false;
    else if (below && !linked)
      m_is_canonical = !TRY(same_state(place.node(), below->node(place.name), m_options.epoch));
    m_is_canonical = m_is_canonical && is_clamped(place.status);
    return Descend::no;
  }

  Result<> leave(const Place& place) {
    const bool is_empty = m_is_empty.back() != 0;
    m_is_empty.pop_back();
    TRY(m_lower.leave());
    if (!m_is_canonical) return {};
    const auto below = TRY(m_lower.lookup(place.name));
    if (!below || !S_ISDIR(below->status.st_mode)) {
      m_is_canonical = is_clamped(place.status);
      return {};
    }
    const auto& mine = place.status.st_mtim;
    const auto& there = below->status.st_mtim;
    m_is_canonical = mine.tv_sec == there.tv_sec && mine.tv_nsec == there.tv_nsec;
    if (m_is_canonical && is_empty)
      m_is_canonical = !TRY(same_state(place.node(), below->node(place.name), m_options.epoch));
    return {};
  }

  bool is_canonical() const { return m_is_canonical; }

private:
  bool is_clamped(const struct stat& status) const {
    if (m_options.epoch == INT64_MAX) return true;
    return status.st_mtim.tv_nsec == 0 && status.st_mtim.tv_sec <= m_options.epoch;
  }

  LowerTree& m_lower;
  const CanonicalOptions& m_options;
  const HardlinkSurvey& m_hardlinks;
  std::vector<char> m_is_empty;  // the root's first
  bool m_is_canonical = true;
};

}  // namespace

Result<bool> is_canonical_on(const Fd& changeset, LowerTree& lower, const CanonicalOptions& options,
                             const CancelToken* cancel) {
  if (TRY(is_opaque(changeset, "."))) return false;
  if (TRY(has_root_mark(changeset)) && TRY(root_metadata(changeset)) == lower.root()) return false;
  HardlinkSurvey hardlinks(lower, options.epoch);
  TRY(walk(changeset, hardlinks, cancel));
  Check check(lower, options, hardlinks);
  TRY(walk(changeset, check, cancel));
  return check.is_canonical();
}

}  // namespace ecrin::fs
