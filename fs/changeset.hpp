// Changesets: what a step changed, as a directory in overlay form, and as the bytes of an OCI layer.
//
// A changeset is canonical: it holds exactly the entries whose state differs from the lower tree, plus their
// parent directories. So it does not depend on the driver that made it: a file that was only opened for
// writing, chmodded to the mode it had, or rewritten with the same bytes is not in it. State is type, mode,
// owner, xattrs, link target, device, content, and mtime after clamping to the epoch on both sides (times
// beyond the epoch do not count, times before it do). Because the clamped times are set on disk, a later step
// sees the same tree whether this layer was just made or comes from an archive.
//
// The mtime of a directory that exists below never counts: it says only that something in it came or went,
// which the entries say themselves, and drivers set it as they like when they copy a directory up. Such a
// directory keeps the time that it has below, whatever happened to it, so that a layer of one more file looks
// the same in every driver. A new directory (also one in place of a file) has a time of its own. An opaque
// one that replaces another is the same state as one that was emptied: it keeps the time below as well.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/fd.hpp"
#include "base/stream.hpp"
#include "fs/tar.hpp"

namespace ecrin::fs {

class LowerTree;   // fs/lower_tree.hpp
class CopyRecord;  // fs/tree_copy.hpp

/// The time of a directory that exists below. What a step left in it depends on the driver, so that it never
/// counts; a layer that was made elsewhere means what it says.
enum class DirectoryTimes { as_below, as_they_are };

struct CanonicalOptions {
  std::int64_t epoch = 0;  // seconds; times after it become it. INT64_MAX: leave times alone
  /// Paths (no leading slash) that the tool itself made as mount points: dropped unless they exist in the
  /// lower tree or hold something now.
  std::vector<std::string> own_mount_points;
  DirectoryTimes directory_times = DirectoryTimes::as_below;
};

struct ChangesetSummary {
  std::uint64_t entries = 0;  // that are in the changeset
  std::uint64_t bytes = 0;    // of file data
  bool empty() const { return entries == 0; }
};

/// Makes the upper directory of a finished step canonical, in place. `lower` is the merged tree below it,
/// at its root (it may be empty). Knows the forms that kernel overlay and fuse-overlayfs leave behind, and
/// writes overlay form only. One form for one change: an opaque directory becomes whiteouts for what is gone,
/// so no mark is left; of a removed directory only the topmost whiteout stays; sockets, which no tar can
/// hold, are dropped; hardlinks stay together when any of their names changed. The root directory counts only
/// if it carries the root mark (fs/whiteout.hpp), which drivers set when a container changed it.
Result<ChangesetSummary> canonicalise(const Fd& upper, LowerTree& lower, const CanonicalOptions& options,
                                      const CancelToken* cancel = nullptr);

/// Is this canonical changeset, made on another tree, what canonicalise() would make of it on `lower`: is it
/// the same change on both? Changes nothing. Where that is not sure (names that a driver left) it is not.
Result<bool> is_canonical_on(const Fd& changeset, LowerTree& lower, const CanonicalOptions& options,
                             const CancelToken* cancel = nullptr);

/// For drivers without an upper directory: fills `upper` (empty) with what `changed` has and `lower` has not,
/// in overlay form, moving nothing: files are reflinked or copied. `record`: `changed` was
/// made from `lower` by renew_copy(), and what the record knows to be as it was copied is not read; nullptr:
/// nothing is known.
Result<> extract_changes(LowerTree& lower, const Fd& changed, const Fd& upper, const CopyRecord* record,
                         const CancelToken* cancel = nullptr);

/// The OCI layer of a canonical changeset: sorted depth first by name bytes, parents first, hardlinks to the
/// first path of an inode, whiteouts as .wh. files, opaque directories with .wh..wh..opq right after their
/// directory. Pure: the same directory gives the same bytes always. Does not finish the sink.
Result<> write_layer(const Fd& changeset, Sink& sink, const CancelToken* cancel = nullptr,
                     EntryListener listener = {});

/// The whole merged tree as one tar (export, --output type=tar): as write_layer, without whiteouts.
Result<> write_tree(const Fd& tree, Sink& sink, const CancelToken* cancel = nullptr);

}  // namespace ecrin::fs
