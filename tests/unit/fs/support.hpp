// Trees for tests: made in a temporary directory, and told as text so that two of them can be compared.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/posix.hpp"
#include "fs/changeset.hpp"
#include "fs/tar.hpp"
#include "tests/support/catch.hpp"

namespace ecrin::fs::test {

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message());
  return std::move(result).value();
}
inline void must(Result<> result) {
  if (!result) FAIL(result.error().message());
}

/// A directory under the temporary directory, removed at scope exit.
class TempTree {
public:
  TempTree();
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;
  ~TempTree();
  const std::string& path() const { return m_path; }
  const Fd& root() const { return m_root; }

  /// Paths are relative; missing parents are made (0755, mtime `mtime`). All times are `mtime` unless set
  /// later.
  void file(const std::string& name, const std::string& content = "", mode_t mode = 0644);
  void directory(const std::string& name, mode_t mode = 0755);
  void symlink(const std::string& name, const std::string& target);
  void hardlink(const std::string& name, const std::string& target);
  void fifo(const std::string& name);
  void whiteout(const std::string& name);
  void xattr(const std::string& name, const std::string& key, const std::string& value);
  void chmod(const std::string& name, mode_t mode);
  void remove(const std::string& name);
  void time(const std::string& name, std::int64_t seconds, long nanoseconds = 0);
  bool exists(const std::string& name) const;
  struct stat status(const std::string& name) const;
  std::string read(const std::string& name) const;
  Fd open(const std::string& name) const;

  std::int64_t mtime = 1000;

private:
  std::string m_path;
  Fd m_root;
};

/// One line an entry: path, type, mode, owner, mtime, xattrs, content, and the first name of a hardlink.
std::string describe(const Fd& root);
/// Only paths and types: "a/ b c@ d! (whiteout) e/= (opaque)".
std::string outline(const Fd& root);

bool has_xattrs();  // does the temporary directory's file system hold user.* attributes?

/// The bytes of a tar with these entries; `content` is repeated for files.
struct Item {
  TarEntry entry;
  std::string content;
};
std::string make_tar(const std::vector<Item>& items);
Item file_item(const std::string& path, const std::string& content = "", mode_t mode = 0644);
Item directory_item(const std::string& path, mode_t mode = 0755);
Item link_item(EntryType type, const std::string& path, const std::string& target);

/// Of plain directories; nullptr: nothing is below.
Result<ChangesetSummary> canonicalise(const Fd& upper, const Fd* below, const CanonicalOptions& options);
Result<> extract_changes(const Fd& below, const Fd& changed, const Fd& upper);
std::string layer_of(const Fd& changeset);  // the bytes of write_layer
void fill_random(TempTree& tree, std::uint32_t seed);

}  // namespace ecrin::fs::test
