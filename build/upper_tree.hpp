// UpperTree: fills the upper directory of a step by hand (COPY, ADD, WRITE, WORKDIR) as if it were written
// through a mount of the tree below: symlinks of the tree below are followed for the destination, its
// directories keep their metadata. Also used without a tree below, for writing into a plain directory.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "base/fd.hpp"
#include "base/stream.hpp"
#include "build/mode_change.hpp"
#include "build/root_path.hpp"
#include "build/source_tree.hpp"
#include "fs/lower_tree.hpp"
#include "fs/metadata.hpp"

namespace ecrin::build {

struct Attributes {
  mode_t mode = 0755;  // 07777 bits
  uid_t uid = 0;
  gid_t gid = 0;
  struct timespec mtime = {};
  std::vector<posix::Xattr> xattrs = {};  // all that are given: who copies has chosen (fs::in_scope)
};

class UpperTree {
public:
  /// `lower` is the tree below, which nobody else moves in until finish(); nullptr, or one without layers:
  /// there is none. Both must outlive this. New parent directories get `mtime`.
  UpperTree(const Fd& upper, fs::LowerTree* lower, struct timespec mtime)
      : m_upper(upper), m_lower(lower && !lower->is_empty() ? lower : nullptr), m_mtime(mtime) {}

  /// Directories that have to be made on the way get this mode and owner; before: 0755 and root.
  void make_directories_with(mode_t mode, std::optional<std::pair<uid_t, gid_t>> owner) {
    m_new_mode = mode;
    m_new_owner = owner;
  }

  /// Where a path leads: through symlinks of the tree below, and of what was written so far where there is no
  /// tree below. Paths given to the functions below are such real ones.
  Result<RootPath> locate(std::string_view path);

  /// A directory and its parents.
  Result<> make_directory(const std::string& path);
  /// As make_directory for the parents; the directory itself gets these attributes, also if it was there;
  /// but one of the tree below keeps its time.
  Result<> put_directory(const std::string& path, const Attributes& attributes);
  /// An empty new file that replaces what was there; a directory there is an error. seal() or
  /// set_attributes() must follow. `mode`: that it will have, so that there is less to change.
  Result<Fd> put_file(const std::string& path, mode_t mode = 0600);
  Result<> put_symlink(const std::string& path, const std::string& target, const Attributes& attributes);
  Result<> put_hardlink(const std::string& path, const std::string& existing);
  Result<> put_special(const std::string& path, mode_t type, dev_t device, const Attributes& attributes);
  /// The attributes of something other than a directory, after its data was written (writing changes times
  /// and clears setuid bits and file capabilities).
  Result<> seal(const std::string& path, const Attributes& attributes, mode_t type);
  /// Takes away what is there, directories with all in them. For writing into a plain directory: without a
  /// tree below.
  Result<> remove(const std::string& path);
  /// Sets the times of directories, which were changed by what was put into them; the tree below stands at
  /// its root again. Last call.
  Result<> finish();

private:
  struct Directory {
    bool in_lower = false;
    std::optional<struct timespec> mtime;
  };
  Result<Directory*> need_directory(const std::string& path);
  /// Opens the parent of `path` in the upper tree, made if necessary.
  Result<const Fd*> parent_of(const std::string& path);
  /// The opened parent of a new file; refuses to replace a directory of the tree below.
  Result<const Fd*> place_for(const std::string& path);
  /// The same, and removes a file of an earlier source; refuses to replace a directory.
  Result<const Fd*> make_room(const std::string& path);
  Result<> apply(const Fd& parent, const std::string& name, const Attributes& attributes, mode_t type);

  const Fd& m_upper;
  fs::LowerTree* m_lower;
  struct timespec m_mtime;
  mode_t m_new_mode = 0755;
  std::optional<std::pair<uid_t, gid_t>> m_new_owner;        // none: who we are, which is root
  std::unordered_map<std::string, Directory> m_directories;  // that are in the upper tree
  std::vector<std::string> m_order;                          // the same, parents first
  std::string m_parent_path;
  Fd m_parent;
  bool m_parent_in_lower = false;
};

/// As UpperTree::seal, of a file that is still open.
Result<> set_attributes(const Fd& file, const Attributes& attributes);

struct CopyOptions {
  std::optional<std::pair<uid_t, gid_t>> owner;  // none: the source's own
  std::optional<std::uint32_t> mode;             // of files and directories
  std::optional<ModeChange> mode_change;         // to the source's own mode
  std::optional<struct timespec> mtime;          // none: the source's own
  fs::XattrScope xattrs = fs::XattrScope::user;  // of a context; `layer` for a stage's tree
  /// A file that changed since it was selected is an error: its digest went into a key.
  bool must_be_unchanged = false;
  bool skip_devices = false;
};

/// Copies a selection to `destination` (absolute; a trailing slash says "a directory") by docker's rules:
/// several files need a directory; a file goes into a directory under its own name; a directory's contents go
/// into it, but nothing of the directory's own metadata.
Result<> copy_selection(const SourceTree& tree, const std::vector<SourceItem>& items,
                        const std::string& destination, const CopyOptions& options, UpperTree& upper,
                        const CancelToken* cancel);

/// What a file gets that has a mode of its own and nothing else.
Attributes file_attributes(const CopyOptions& options, mode_t own_mode);
/// A file whose content is in memory, under its name in `destination` or in place of it. Its own mode is
/// 0644.
Result<> copy_inline_file(const std::string& name, std::string_view content, const std::string& destination,
                          const CopyOptions& options, UpperTree& upper);

/// Several files cannot all become `destination`: an error, unless it is a directory or says that it is one.
Result<> need_directory_for_several(UpperTree& upper, const std::string& destination);
/// Where a file with this name goes.
Result<std::string> file_target(UpperTree& upper, const std::string& destination, const std::string& name,
                                bool must_be_directory);

}  // namespace ecrin::build
