// LayerIndex: what is in a layer directory, in one file: names, attributes, link targets, xattrs, whiteouts.
// Layers never change, so it is made once, with one look at each file; from then on a question about the
// layer is a binary search in mapped memory, without a system call.
//
// The file is a block for each directory (IndexDirectory), those of children before that of their parent, and
// at the end a trailer. Whoever makes it needs memory for the directories on one path only, whoever reads it
// for none. Nothing is synced: after a power cut a file may be torn, which sizes, bounds and a checksum of
// each block tell; it is made anew then.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/posix.hpp"
#include "base/stream.hpp"

namespace ecrin::fs {

/// One name, as it is in the file. Offsets are those of the block's text.
struct IndexRecord {
  enum Flag : std::uint16_t {
    whiteout = 1,
    opaque = 2,     // a directory that hides what lower layers have in it
    root_mark = 4,  // of the layer's top directory: fs/whiteout.hpp
  };
  std::uint32_t name;
  std::uint16_t name_length;
  std::uint16_t flags;
  std::uint32_t mode;
  std::uint32_t uid;
  std::uint32_t gid;
  std::uint32_t links;
  std::uint64_t device;  // of a device file
  std::uint64_t size;
  std::uint64_t blocks;  // of 512 bytes
  std::int64_t seconds;  // when it was modified
  std::uint32_t nanoseconds;
  std::uint32_t target;  // of a symlink
  std::uint32_t target_length;
  std::uint32_t xattrs;
  std::uint32_t xattrs_length;
  std::uint32_t reserved;
  std::uint64_t inode;     // hard links share it; from 0 on, without gaps
  std::uint64_t children;  // where a directory's block is

  bool is(Flag flag) const { return (flags & flag) != 0; }
  bool is_directory() const { return S_ISDIR(mode); }
};
static_assert(sizeof(IndexRecord) == 96);

/// The names of one directory, sorted by bytes. Points into the index, which must outlive it.
class IndexDirectory {
public:
  IndexDirectory() = default;
  std::span<const IndexRecord> records() const { return {m_records, m_count}; }
  const IndexRecord* find(std::string_view name) const;
  /// With a zero byte behind it, like the target.
  std::string_view name(const IndexRecord& record) const {
    return {m_text + record.name, record.name_length};
  }
  std::string_view target(const IndexRecord& record) const {
    return {m_text + record.target, record.target_length};
  }
  std::vector<posix::Xattr> xattrs(const IndexRecord& record) const;

private:
  friend class LayerIndex;
  const IndexRecord* m_records = nullptr;
  const char* m_text = nullptr;
  std::uint32_t m_count = 0;
};

class LayerIndex {
public:
  /// Torn, or of another version: ErrorKind::invalid.
  static Result<std::unique_ptr<LayerIndex>> open(const Fd& file);
  LayerIndex(const LayerIndex&) = delete;
  LayerIndex& operator=(const LayerIndex&) = delete;
  ~LayerIndex();

  /// One record without a name: the layer's top directory.
  const IndexDirectory& root() const { return m_root; }
  /// The children of `directory`, a record of this index. Checks the block: ask once and keep it.
  Result<IndexDirectory> children(const IndexRecord& directory) const;
  std::uint64_t entries() const { return m_entries; }
  std::uint64_t inodes() const { return m_inodes; }
  bool has_xattrs() const { return m_has_xattrs; }
  bool has_acls() const { return m_has_acls; }

private:
  LayerIndex() = default;
  Result<IndexDirectory> block(std::uint64_t offset, std::uint64_t end) const;
  const char* m_bytes = nullptr;
  std::uint64_t m_size = 0;
  IndexDirectory m_root;
  std::uint64_t m_entries = 0;
  std::uint64_t m_inodes = 0;
  bool m_has_xattrs = false;
  bool m_has_acls = false;
};

// Not in a process that records owners (fs/file_owners.hpp): ErrorKind::unsupported.
Result<> write_layer_index(const Fd& layer, Sink& sink, const CancelToken* cancel = nullptr);

/// The index of the layer directory `layer`, an absolute path. It is the file "index" beside that directory,
/// made when it is missing or torn.
Result<std::unique_ptr<LayerIndex>> obtain_layer_index(const std::string& layer,
                                                       const CancelToken* cancel = nullptr);

}  // namespace ecrin::fs
