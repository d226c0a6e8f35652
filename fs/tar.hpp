// TarEntry: one entry of a tar archive as OCI layers have them; what TarReader yields and TarWriter takes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/posix.hpp"
#include "base/stream.hpp"

namespace ecrin::fs {

enum class EntryType { file, directory, symlink, hardlink, character_device, block_device, fifo };

struct TarEntry {
  std::string path;  // raw bytes as in the archive; the writer adds "/" to directories
  EntryType type = EntryType::file;
  mode_t mode = 0;  // 07777 bits
  uid_t uid = 0;
  gid_t gid = 0;
  std::uint64_t size = 0;   // files only
  std::int64_t mtime = 0;   // seconds
  std::string link_target;  // symlink: the text; hardlink: the archive path
  unsigned device_major = 0;
  unsigned device_minor = 0;
  std::vector<posix::Xattr> xattrs;  // sorted by name
};

/// Reads tar (ustar, PAX, GNU) from plain bytes, through libarchive. Always drains its source to the end,
/// past the end-of-archive mark, so that a digest over the source covers everything; data other than zeros
/// after the mark is refused.
class TarReader {
public:
  static Result<std::unique_ptr<TarReader>> open(std::unique_ptr<Source> source);
  ~TarReader();
  /// The next entry, or empty at the end. The rest of the current entry's data is skipped.
  Result<std::optional<TarEntry>> next();
  struct Block {
    std::uint64_t offset = 0;  // in the file
    std::span<const std::byte> bytes;
  };
  /// Data of the current file, in order; empty at its end. Offsets may jump: what is between is a hole.
  Result<std::optional<Block>> next_block();
  /// The content of the entry just read, into a new file. `before` is told the size of each block (limits,
  /// cancelling). Holes of the archive and long runs of zeros stay holes.
  Result<> write_content(const Fd& file, const std::function<Result<>(std::size_t)>& before);

private:
  struct State;
  explicit TarReader(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

/// Hears of each entry before its bytes are written.
using EntryListener = std::function<void(const TarEntry&)>;

/// Writes deterministic PAX tar: the byte format is a promise (golden digests guard it). ustar headers; a PAX
/// header only for what ustar cannot hold (path over 100/155 bytes or not splittable, link over 100 bytes,
/// size or ids beyond octal, xattrs as SCHILY.xattr.*, non-ASCII names as raw bytes in ustar when they fit
/// else `path` records); empty uname and gname; whole seconds; two zero blocks at the end and no more. The
/// order is the caller's.
class TarWriter {
public:
  explicit TarWriter(Sink& sink, EntryListener listener = {})
      : m_sink(sink), m_listener(std::move(listener)) {}
  /// A file's data must follow through write_data(), exactly entry.size bytes.
  Result<> add(const TarEntry& entry);
  Result<> write_data(std::span<const std::byte> bytes);
  Result<> write_zeros(std::uint64_t count);
  /// End of the archive; does not finish the sink.
  Result<> finish();

private:
  Result<> pad();
  Sink& m_sink;
  EntryListener m_listener;
  std::uint64_t m_pending = 0;  // data bytes still due
  std::uint64_t m_padding = 0;
};

}  // namespace ecrin::fs
