#include <sys/sysmacros.h>

#include <algorithm>
#include <limits>
#include <map>

#include "base/text.hpp"
#include "fs/directory_stack.hpp"
#include "fs/file_owners.hpp"
#include "fs/fuse/layer_index.hpp"
#include "fs/fuse/layer_index_internal.hpp"
#include "fs/metadata.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

std::string_view bytes_of(const auto& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

bool says_opaque(const posix::Xattr& xattr) {
  return xattr.value == "y" &&
         (xattr.name == "user.overlay.opaque" || xattr.name == "user.fuseoverlayfs.opaque" ||
          xattr.name == "trusted.overlay.opaque");
}

// A directory in the making: its records so far.
struct Frame {
  std::vector<posix::DirectoryEntry> names;
  std::size_t next = 0;
  std::string name;  // of itself in its parent
  std::vector<IndexRecord> records;
  std::string text;
};

class IndexWriter {
public:
  IndexWriter(Sink& sink, DirectoryStack stack) : m_sink(sink), m_stack(std::move(stack)) {}

  Result<> run(const CancelToken* cancel) {
    TRY(write(bytes_of(k_index_magic)));  // so that no block is at 0
    Frame top;
    TRY(add(top, "."));
    top.records[0].name_length = 0;
    top.text[0] = '\0';  // over the dot
    m_frames.push_back(std::move(top));
    TRY(begin_directory(""));
    for (;;) {
      if (cancel) TRY(cancel->check());
      Frame& frame = m_frames.back();
      if (frame.next < frame.names.size()) {
        const std::string name = std::move(frame.names[frame.next++].name);
        auto added = add(frame, name);
        if (!added) return std::unexpected(std::move(added).error().context(working_on(name)));
        if (!frame.records.back().is_directory()) continue;
        TRY(m_stack.enter(name));
        TRY(begin_directory(name));
      } else {
        const std::uint64_t block = TRY(write_block(frame));
        m_frames.pop_back();
        m_frames.back().records.back().children = block;
        if (m_frames.size() == 1) return finish();
        TRY(m_stack.leave());
      }
    }
  }

private:
  std::string working_on(const std::string& name) const {
    std::string path;
    for (const Frame& frame : m_frames) path += frame.name.empty() ? "" : frame.name + "/";
    return fmt::format("working on '{}'", printable(path + name));
  }

  Result<> begin_directory(const std::string& name) {
    Frame frame;
    frame.names = TRY(posix::list_directory(m_stack.top()));
    frame.name = name;
    frame.records.reserve(frame.names.size());
    m_frames.push_back(std::move(frame));
    return {};
  }

  static Result<std::uint32_t> put_text(Frame& frame, std::string_view bytes, bool with_end) {
    if (frame.text.size() + bytes.size() + 1 > std::numeric_limits<std::uint32_t>::max() - 8)
      return fail(ErrorKind::limit, "a directory has more than 4 GiB of names and attributes");
    const auto offset = static_cast<std::uint32_t>(frame.text.size());
    frame.text += bytes;
    if (with_end) frame.text += '\0';
    return offset;
  }

  // The record of `name` in the directory where the stack stands.
  Result<> add(Frame& frame, const std::string& name) {
    const struct stat status = TRY(status_at(m_stack.top(), name));
    IndexRecord record = {};
    record.mode = status.st_mode;
    record.uid = status.st_uid;
    record.gid = status.st_gid;
    record.links = static_cast<std::uint32_t>(status.st_nlink);
    record.device = status.st_rdev;
    record.size = static_cast<std::uint64_t>(status.st_size);
    record.blocks = static_cast<std::uint64_t>(status.st_blocks);
    record.seconds = status.st_mtim.tv_sec;
    record.nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
    record.inode = number_of(status);
    record.children = k_no_block;
    record.name = TRY(put_text(frame, name, true));
    record.name_length = static_cast<std::uint16_t>(name.size());
    record.target = record.name + record.name_length;  // the zero byte: no target
    if (S_ISLNK(status.st_mode)) {
      const std::string target = TRY(posix::readlink_at(m_stack.top(), name));
      record.target = TRY(put_text(frame, target, true));
      record.target_length = static_cast<std::uint32_t>(target.size());
    }
    if (is_whiteout(status)) {
      record.flags |= IndexRecord::whiteout;
    } else if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
      TRY(add_xattrs(frame, record, name));
    }
    frame.records.push_back(record);
    return {};
  }

  Result<> add_xattrs(Frame& frame, IndexRecord& record, const std::string& name) {
    std::string text;
    for (const posix::Xattr& xattr : TRY(posix::list_xattrs_at(m_stack.top(), name))) {
      if (record.is_directory() && says_opaque(xattr)) record.flags |= IndexRecord::opaque;
      if (record.is_directory() && xattr.name == k_root_mark) record.flags |= IndexRecord::root_mark;
      if (is_control_xattr(xattr.name)) continue;
      const IndexXattr head{.name_length = static_cast<std::uint32_t>(xattr.name.size()),
                            .value_length = static_cast<std::uint32_t>(xattr.value.size())};
      text.append(bytes_of(head)).append(xattr.name).append(xattr.value);
      m_flags |= IndexTrailer::has_xattrs;
      if (xattr.name.starts_with("system.posix_acl_")) m_flags |= IndexTrailer::has_acls;
    }
    record.xattrs = TRY(put_text(frame, text, false));
    record.xattrs_length = static_cast<std::uint32_t>(text.size());
    return {};
  }

  // Only files with several names are looked for, and each until its last name was seen.
  std::uint64_t number_of(const struct stat& status) {
    if (S_ISDIR(status.st_mode) || status.st_nlink < 2) return m_inodes++;
    const auto [link, is_new] = m_links.try_emplace(inode_of(status), m_inodes, status.st_nlink);
    if (is_new) ++m_inodes;
    const std::uint64_t number = link->second.first;
    if (--link->second.second == 0) m_links.erase(link);
    return number;
  }

  Result<> write(std::string_view bytes) {
    m_offset += bytes.size();
    return m_sink.write(as_bytes(bytes));
  }

  Result<std::uint64_t> write_block(Frame& frame) {
    const std::uint64_t offset = m_offset;
    IndexBlock head{.checksum = 0,
                    .count = static_cast<std::uint32_t>(frame.records.size()),
                    .text_size = static_cast<std::uint32_t>(frame.text.size())};
    frame.text.resize(padded(frame.text.size()), '\0');
    const std::string_view records(reinterpret_cast<const char*>(frame.records.data()),
                                   frame.records.size() * sizeof(IndexRecord));
    IndexChecksum sum(sizeof head - sizeof head.checksum + records.size() + frame.text.size());
    sum.update(bytes_of(head).substr(sizeof head.checksum));
    sum.update(records);
    sum.update(frame.text);
    head.checksum = sum.value();
    TRY(write(bytes_of(head)));
    TRY(write(records));
    TRY(write(frame.text));
    m_entries += frame.records.size();
    return offset;
  }

  Result<> finish() {
    IndexTrailer trailer{.magic = k_index_magic,
                         .version = k_index_version,
                         .flags = m_flags,
                         .entries = m_entries,
                         .inodes = m_inodes};
    trailer.root = TRY(write_block(m_frames.front()));
    trailer.size = m_offset + sizeof trailer;
    trailer.checksum = index_checksum(bytes_of(trailer).substr(0, sizeof trailer - sizeof trailer.checksum));
    return write(bytes_of(trailer));
  }

  Sink& m_sink;
  DirectoryStack m_stack;
  std::vector<Frame> m_frames;
  std::map<Inode, std::pair<std::uint64_t, std::uint64_t>> m_links;  // its number, names still to come
  std::uint64_t m_inodes = 0;
  std::uint64_t m_entries = 0;
  std::uint64_t m_offset = 0;
  std::uint32_t m_flags = 0;
};

}  // namespace

Result<> write_layer_index(const Fd& layer, Sink& sink, const CancelToken* cancel) {
  if (owners_are_recorded()) {
    return std::unexpected(
        Error(ErrorKind::unsupported,
              "ecrin's own file system cannot show layers whose owners are recorded beside the files")
            .hint("it needs ranges of ids for this user in /etc/subuid and /etc/subgid ('ecrin doctor')"));
  }
  return IndexWriter(sink, TRY(DirectoryStack::open(layer))).run(cancel);
}

}  // namespace ecrin::fs
