// canonicalise: a walk over the upper directory in step with the tree below. Every decision is made from what
// stands on disk alone, so that all drivers come to the same directory.
#include "fs/changeset.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/log.hpp"
#include "fs/hardlink_survey.hpp"
#include "fs/lower_tree.hpp"
#include "fs/metadata.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

// Drivers' own attributes; what a layer cannot hold otherwise does no harm on disk.
Result<> strip_control_xattrs(const Place& place) {
  if (!S_ISREG(place.status.st_mode) && !S_ISDIR(place.status.st_mode)) return {};
  for (const posix::Xattr& xattr : TRY(posix::list_xattrs_at(place.directory, place.name))) {
    if (!is_control_xattr(xattr.name) || is_owner_record(xattr.name)) continue;
    TRY(posix::remove_xattr_at(place.directory, place.name, xattr.name));
  }
  return {};
}

class Canonicaliser : public Visitor {
public:
  Canonicaliser(const Fd& upper, LowerTree& lower, const CanonicalOptions& options, const CancelToken* cancel)
      : m_upper(upper),
        m_lower(lower),
        m_options(options),
        m_cancel(cancel),
        m_mount_points(options.own_mount_points.begin(), options.own_mount_points.end()) {}

  Result<> list(const Fd& directory, Names& names) {
    TRY(convert_whiteout_files(directory, names));
    if (m_frames.back().opaque) TRY(expand_opaque(directory, names));
    return {};
  }

  Result<Descend> visit(const Place& place) {
    const bool has_links =
        place.status.st_nlink > 1 && !S_ISDIR(place.status.st_mode) && !is_whiteout(place.status);
    if (has_links && !m_hardlinks) TRY(survey_hardlinks());
    const auto below = TRY(m_lower.lookup(place.name));
    if (is_whiteout(place.status)) {
      TRY(below ? keep(place) : drop(place));
      return Descend::no;
    }
    if (S_ISSOCK(place.status.st_mode)) {
      log::debug("'{}' is a socket, which no layer can hold", printable(place.path()));
      TRY(drop(place));
      if (below) {
        TRY(make_whiteout(place.directory, place.name));
        TRY(keep(place));
      }
      return Descend::no;
    }
    if (S_ISDIR(place.status.st_mode)) {
      m_frames.push_back({.opaque = TRY(is_opaque(place.directory, place.name))});
      TRY(m_lower.enter(place.name));
      return Descend::yes;
    }
    if (!below && is_own_mount_point(place) && S_ISREG(place.status.st_mode) && place.status.st_size == 0) {
      TRY(drop(place));
      return Descend::no;
    }
    const bool linked = has_links && m_hardlinks->changed(place.status);
    if (below && !linked && TRY(same_state(place.node(), below->node(place.name), m_options.epoch))) {
      TRY(drop(place));
      return Descend::no;
    }
    TRY(strip_control_xattrs(place));
    TRY(clamp_times(place, place.status.st_mtim));
    TRY(keep(place));
    return Descend::no;
  }

  Result<> leave(const Place& place) {
    const Frame frame = m_frames.back();
    m_frames.pop_back();
    TRY(m_lower.leave());
    const auto below = TRY(m_lower.lookup(place.name));
    if (frame.kept == 0) {
      if (below && is_same_time(place.status, below->status) &&
          TRY(same_state(place.node(), below->node(place.name), m_options.epoch))) {
        return remove_directory(place);
      }
      if (!below && is_own_mount_point(place)) return remove_directory(place);
    }
    TRY(strip_control_xattrs(place));
    if (below && S_ISDIR(below->status.st_mode) && m_options.directory_times == DirectoryTimes::as_below) {
      TRY(set_mtime(place, below->status.st_mtim));
    } else {
      // The time from before this walk removed something here.
      TRY(clamp_times(place, place.status.st_mtim));
    }
    return keep(place);
  }

  ChangesetSummary& summary() { return m_summary; }
  void start(bool opaque_root) { m_frames.push_back({.opaque = opaque_root}); }

private:
  struct Frame {
    bool opaque = false;
    std::uint64_t kept = 0;
  };

  // When the first of such files is met, so that nothing of any group is gone; most trees have none.
  Result<> survey_hardlinks() {
    const std::string here = m_lower.path();
    TRY(m_lower.go_to(""));
    m_hardlinks.emplace(m_lower, m_options.epoch);
    TRY(walk(m_upper, *m_hardlinks, m_cancel));
    return m_lower.go_to(here);
  }

  // fuse-overlayfs writes these where it cannot make devices.
  Result<> convert_whiteout_files(const Fd& directory, Names& names) {
    Names targets;
    for (const std::string& name : names) {
      if (!name.starts_with(k_whiteout_prefix)) continue;
      const struct stat status = TRY(status_at(directory, name));
      if (S_ISDIR(status.st_mode)) {
        return fail(ErrorKind::unsupported, "a layer cannot hold a directory with the name '{}'",
                    printable(name));
      }
      TRY(posix::unlink_at(directory, name));
      if (is_whiteout(status)) continue;  // fuse-overlayfs leaves .wh..opq in every opaque directory
      if (!S_ISREG(status.st_mode) || status.st_size > 0) {
        log::warning("'{}' is left out: in a layer this name means that a file was removed", printable(name));
        continue;
      }
      if (name == k_opaque_whiteout) {
        m_frames.back().opaque = true;
      } else {
        targets.push_back(name.substr(k_whiteout_prefix.size()));
      }
    }
    std::erase_if(names, [](const std::string& name) { return name.starts_with(k_whiteout_prefix); });
    for (const std::string& target : targets) {
      if (target.empty() || target == "." || target == ".." || target.starts_with(k_whiteout_prefix))
        continue;
      TRY(add_whiteout(directory, names, target));
    }
    std::sort(names.begin(), names.end());
    return {};
  }

  // "rm -r d; mkdir d" and removing what is in d one by one are the same change.
  Result<> expand_opaque(const Fd& directory, Names& names) {
    for (const std::string& below : TRY(m_lower.names())) TRY(add_whiteout(directory, names, below));
    std::sort(names.begin(), names.end());
    return {};
  }

  static Result<> add_whiteout(const Fd& directory, Names& names, const std::string& name) {
    auto made = make_whiteout(directory, name);
    if (made) {
      names.push_back(name);
    } else if (made.error().code() != EEXIST) {
      return made;
    }
    return {};
  }

  bool is_own_mount_point(const Place& place) const {
    return !m_mount_points.empty() && m_mount_points.contains(place.path());
  }

  bool is_same_time(const struct stat& directory, const struct stat& below) const {
    return m_options.directory_times == DirectoryTimes::as_below ||
           clamped_mtime(directory, m_options.epoch) == clamped_mtime(below, m_options.epoch);
  }

  Result<> clamp_times(const Place& place, const struct timespec& recorded) {
    struct timespec wanted = recorded;
    if (m_options.epoch != INT64_MAX) {
      wanted.tv_nsec = 0;
      if (wanted.tv_sec > m_options.epoch) wanted.tv_sec = m_options.epoch;
    }
    return set_mtime(place, wanted);
  }

  static Result<> set_mtime(const Place& place, const struct timespec& wanted) {
    // Of a file the status is still true; in a directory this walk may have removed something.
    struct stat now = place.status;
    if (S_ISDIR(now.st_mode)) now = TRY(posix::lstat_at(place.directory, place.name));
    if (now.st_mtim.tv_sec == wanted.tv_sec && now.st_mtim.tv_nsec == wanted.tv_nsec) return {};
    return posix::set_times_at(place.directory, place.name, wanted);
  }

  Result<> drop(const Place& place) { return posix::unlink_at(place.directory, place.name); }
  Result<> remove_directory(const Place& place) {
    return posix::unlink_at(place.directory, place.name, AT_REMOVEDIR);
  }

  Result<> keep(const Place& place) {
    ++m_frames.back().kept;
    ++m_summary.entries;
    if (S_ISREG(place.status.st_mode) &&
        (place.status.st_nlink < 2 || m_counted.insert(inode_of(place.status)).second)) {
      m_summary.bytes += static_cast<std::uint64_t>(place.status.st_size);
    }
    return {};
  }

  const Fd& m_upper;
  LowerTree& m_lower;
  const CanonicalOptions& m_options;
  const CancelToken* m_cancel;
  std::optional<HardlinkSurvey> m_hardlinks;
  std::set<std::string> m_mount_points;
  std::vector<Frame> m_frames;
  std::set<Inode> m_counted;
  ChangesetSummary m_summary;
};

// The root is only where the layer stands, unless it carries the mark and indeed differs from the root below.
Result<bool> settle_root(const Fd& upper, const LowerTree& lower) {
  const bool changed = TRY(has_root_mark(upper)) && TRY(root_metadata(upper)) != lower.root();
  for (const posix::Xattr& xattr : TRY(posix::list_xattrs_at(upper, "."))) {
    if (!is_control_xattr(xattr.name) || is_owner_record(xattr.name)) continue;
    TRY(posix::remove_xattr_at(upper, ".", xattr.name));
  }
  if (changed) TRY(put_root_mark(upper, RootMark::present));
  return changed;
}

}  // namespace

Result<ChangesetSummary> canonicalise(const Fd& upper, LowerTree& lower, const CanonicalOptions& options,
                                      const CancelToken* cancel) {
  Canonicaliser canonicaliser(upper, lower, options, cancel);
  canonicaliser.start(TRY(is_opaque(upper, ".")));
  TRY(walk(upper, canonicaliser, cancel));
  ChangesetSummary summary = canonicaliser.summary();
  if (TRY(settle_root(upper, lower))) ++summary.entries;
  return summary;
}

}  // namespace ecrin::fs
