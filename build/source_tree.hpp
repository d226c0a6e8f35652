// SourceTree: what COPY and ADD read: the context, or the tree of a stage or image. Selecting the files and
// copying them are apart, because the selection of a context is needed for the cache key, and often for
// nothing else.
//
// Docker's rules: sources are below the root whatever they say; globs stay inside the names that
// they have; a symlink that a
// source names is followed (inside the root), symlinks inside a copied directory are copied as they are; a
// directory stands for its contents.
#pragma once

#include <sys/stat.h>

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/fd.hpp"
#include "base/posix.hpp"
#include "build/ignore.hpp"

namespace ecrin::build {

struct SourceTree {
  const Fd* root = nullptr;
  const IgnoreRules* ignore = nullptr;  // nullptr: everything is there
  std::string name;                     // for messages: "the context", "stage 'build'"
  std::string ignore_file;              // for messages
};

/// What counts of a file's status, with the names of struct stat, at half its size.
struct SourceStatus {
  SourceStatus(const struct stat& status)
      : st_dev(status.st_dev),
        st_ino(status.st_ino),
        st_rdev(status.st_rdev),
        st_size(status.st_size),
        st_mtim(status.st_mtim),
        st_ctim(status.st_ctim),
        st_mode(status.st_mode),
        st_uid(status.st_uid),
        st_gid(status.st_gid),
        has_more_names(status.st_nlink > 1) {}
  dev_t st_dev;
  ino_t st_ino;
  dev_t st_rdev;
  off_t st_size;
  timespec st_mtim;
  timespec st_ctim;
  mode_t st_mode;
  uid_t st_uid;
  gid_t st_gid;
  bool has_more_names;
};

struct SourceEntry {
  std::string path;  // real path below the root
  SourceStatus status;
};

/// One thing that a source names.
struct SourceItem {
  std::string named;       // path as the source (or a match of its glob) says it
  std::size_t source = 0;  // which of the sources
  /// The item itself, then for a directory its contents, depth first, sorted. In pieces: there may be a
  /// million.
  std::deque<SourceEntry> entries;
  bool is_directory() const { return S_ISDIR(entries.front().status.st_mode); }
  /// Path of one of the entries below the item's own; "" = the item itself.
  std::string_view relative(const SourceEntry& entry) const;
};

struct Selection {
  std::vector<SourceItem> items;
  std::vector<std::string> skipped;    // sockets, and in a context devices: paths
  std::vector<std::string> unmatched;  // globs that match nothing: that is no error
};

/// `exclude` are patterns relative to each item (to its name for a single file). A source without wildcards
/// that is not there is not_found, with a hint when an ignore file is the cause.
Result<Selection> select_sources(const SourceTree& tree, const std::vector<std::string>& sources,
                                 const IgnoreRules& exclude, const CancelToken* cancel = nullptr);
/// The same, but with the directories that lead to what a source names, from the root on or from where "/./"
/// stands in it: each item is that beginning. A source may have "**" here. No symlink is followed after the
/// beginning.
Result<Selection> select_with_parents(const SourceTree& tree, const std::vector<std::string>& sources,
                                      const IgnoreRules& exclude, const CancelToken* cancel = nullptr);

/// A selected regular file to read, for those whose digest went into a key: conflict when it is no longer
/// what was selected. check_unchanged() must follow when it has been read.
Result<Fd> open_unchanged(const SourceTree& tree, const SourceEntry& entry);
Result<> check_unchanged(const SourceTree& tree, const SourceEntry& entry, const Fd& file);

}  // namespace ecrin::build
