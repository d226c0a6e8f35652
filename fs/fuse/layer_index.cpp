#include "fs/fuse/layer_index.hpp"

#include <sys/mman.h>

#include <algorithm>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "fs/fuse/layer_index_internal.hpp"

namespace ecrin::fs {

namespace {

constexpr const char* k_file_name = "index";

std::unexpected<Error> torn(std::string_view what) {
  return fail(ErrorKind::invalid, "the index of a layer is damaged: {}", what);
}

bool within(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

bool is_sound(std::string_view xattrs) {
  while (!xattrs.empty()) {
    IndexXattr head = {};
    if (xattrs.size() < sizeof head) return false;
    std::memcpy(&head, xattrs.data(), sizeof head);
    xattrs.remove_prefix(sizeof head);
    if (!within(head.name_length, head.value_length, xattrs.size())) return false;
    xattrs.remove_prefix(std::size_t{head.name_length} + head.value_length);
  }
  return true;
}

bool is_sound(const IndexRecord& record, std::string_view text) {
  // What has a name or a target has a zero byte behind it.
  const auto has_text = [&](std::uint64_t offset, std::uint64_t length) {
    return within(offset, length + 1, text.size()) && text[offset + length] == '\0';
  };
  return has_text(record.name, record.name_length) && has_text(record.target, record.target_length) &&
         within(record.xattrs, record.xattrs_length, text.size()) &&
         is_sound(text.substr(record.xattrs, record.xattrs_length));
}

}  // namespace

const IndexRecord* IndexDirectory::find(std::string_view wanted) const {
  const auto all = records();
  const auto found =
      std::ranges::lower_bound(all, wanted, {}, [&](const IndexRecord& record) { return name(record); });
  return found != all.end() && name(*found) == wanted ? &*found : nullptr;
}

std::vector<posix::Xattr> IndexDirectory::xattrs(const IndexRecord& record) const {
  std::vector<posix::Xattr> xattrs;
  std::string_view rest(m_text + record.xattrs, record.xattrs_length);
  while (!rest.empty()) {
    IndexXattr head = {};
    std::memcpy(&head, rest.data(), sizeof head);
    rest.remove_prefix(sizeof head);
    xattrs.push_back({.name = std::string(rest.substr(0, head.name_length)),
                      .value = std::string(rest.substr(head.name_length, head.value_length))});
    rest.remove_prefix(std::size_t{head.name_length} + head.value_length);
  }
  return xattrs;
}

Result<std::unique_ptr<LayerIndex>> LayerIndex::open(const Fd& file) {
  const struct stat status = TRY(posix::stat_fd(file));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < sizeof(IndexTrailer) || size % 8 != 0) return torn("it is too short");
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return fail_errno("cannot map the index of a layer");
  std::unique_ptr<LayerIndex> index(new LayerIndex);
  index->m_bytes = static_cast<const char*>(memory);
  index->m_size = size;

  IndexTrailer trailer = {};
  const std::uint64_t end = size - sizeof trailer;
  std::memcpy(&trailer, index->m_bytes + end, sizeof trailer);
  const std::string_view before(index->m_bytes + end, sizeof trailer - sizeof trailer.checksum);
  if (trailer.magic != k_index_magic || trailer.version != k_index_version) return torn("its end is another");
  if (trailer.checksum != index_checksum(before) || trailer.size != size) return torn("its end is wrong");
  index->m_root = TRY(index->block(trailer.root, end));
  const auto root = index->m_root.records();
  if (root.size() != 1 || !root[0].is_directory()) return torn("it has no root");
  index->m_entries = trailer.entries;
  index->m_inodes = trailer.inodes;
  index->m_has_xattrs = (trailer.flags & IndexTrailer::has_xattrs) != 0;
  index->m_has_acls = (trailer.flags & IndexTrailer::has_acls) != 0;
  return index;
}

LayerIndex::~LayerIndex() {
  // An address that mmap gave is given back as it gave it.
  if (m_bytes) ::munmap(const_cast<char*>(m_bytes), m_size);
}

Result<IndexDirectory> LayerIndex::block(std::uint64_t offset, std::uint64_t end) const {
  if (offset % 8 != 0 || !within(offset, sizeof(IndexBlock), end)) return torn("a block is elsewhere");
  IndexBlock head = {};
  std::memcpy(&head, m_bytes + offset, sizeof head);
  const std::uint64_t start = offset + sizeof head;
  const std::uint64_t records_size = std::uint64_t{head.count} * sizeof(IndexRecord);
  if (!within(start, records_size + padded(head.text_size), end)) return torn("a block is too long");
  const std::string_view all(m_bytes + offset + sizeof head.checksum,
                             sizeof head - sizeof head.checksum + records_size + padded(head.text_size));
  if (index_checksum(all) != head.checksum) return torn("the checksum of a block is wrong");

  IndexDirectory directory;
  // The mapping begins at a page, and the offset is a multiple of 8.
  directory.m_records = reinterpret_cast<const IndexRecord*>(m_bytes + start);
  directory.m_count = head.count;
  directory.m_text = m_bytes + start + records_size;
  const std::string_view text(directory.m_text, head.text_size);
  for (const IndexRecord& record : directory.records()) {
    // Blocks of children come first, so no path through them is endless.
    const bool has_block = record.children != k_no_block;
    if (!is_sound(record, text) || has_block != record.is_directory() ||
        (has_block && record.children >= offset))
      return torn("a record is wrong");
  }
  return directory;
}

Result<IndexDirectory> LayerIndex::children(const IndexRecord& directory) const {
  return block(directory.children, m_size - sizeof(IndexTrailer));
}

Result<std::unique_ptr<LayerIndex>> obtain_layer_index(const std::string& layer, const CancelToken* cancel) {
  const Fd parent = TRY(posix::open(layer + "/..", O_RDONLY | O_DIRECTORY));
  if (const auto file = posix::open_at(parent, k_file_name, O_RDONLY | O_NOFOLLOW)) {
    auto index = LayerIndex::open(*file);
    if (index || index.error().kind() != ErrorKind::invalid) return index;
    log::debug("'{}' is indexed again: {}", printable(layer), index.error().message());
  } else if (file.error().kind() != ErrorKind::not_found) {
    return std::unexpected(file.error());
  }
  const Fd directory = TRY(posix::open(layer, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  AtomicFile made = TRY(AtomicFile::create(parent, k_file_name, 0600));
  FdSink sink(made.file());
  BufferedSink buffered(sink);
  TRY_WHILE(write_layer_index(directory, buffered, cancel), "indexing the layer '{}'", printable(layer));
  TRY(buffered.finish());
  const Fd file = TRY(posix::open(posix::fd_path(made.file()), O_RDONLY));
  auto index = TRY(LayerIndex::open(file));
  TRY(made.commit(AtomicFile::Sync::no));
  return index;
}

}  // namespace ecrin::fs
