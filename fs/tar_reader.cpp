// The only user of libarchive, for its knowledge of the tar dialects. Names are not judged here: whoever
// makes files of them does that.
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/sparse_file.hpp"
#include "base/text.hpp"
#include "fs/archive_library.hpp"
#include "fs/tar.hpp"

namespace ecrin::fs {

namespace {

struct ArchiveDeleter {
  void operator()(struct archive* archive) const { archive_read_free(archive); }
};

// libarchive converts names in PAX records from UTF-8 to the thread's locale. Names are bytes to us, so it
// must not: in the "C" locale it cannot convert anything beyond ASCII, and then gives the bytes as they are,
// with a warning. (From UTF-8 to UTF-8 it would turn CESU-8 into something else without a word.)
class PlainLocale {
public:
  PlainLocale() : m_previous(::uselocale(plain())) {}
  PlainLocale(const PlainLocale&) = delete;
  PlainLocale& operator=(const PlainLocale&) = delete;
  ~PlainLocale() { ::uselocale(m_previous); }

private:
  static locale_t plain() {
    static const locale_t k_locale = ::newlocale(LC_CTYPE_MASK, "C", nullptr);
    return k_locale;
  }
  locale_t m_previous;
};

// Where the last byte that is not zero stands: only zeros may follow the end-of-archive mark.
std::optional<std::size_t> last_nonzero(std::span<const std::byte> bytes) {
  if (all_zero(bytes)) return std::nullopt;
  std::size_t last = bytes.size() - 1;
  while (bytes[last] == std::byte{0}) --last;
  return last;
}

std::vector<posix::Xattr> xattrs_of(struct archive_entry* entry) {
  std::vector<posix::Xattr> xattrs;
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    if (!name || !*name) continue;
    xattrs.push_back({.name = name, .value = std::string(static_cast<const char*>(value), size)});
  }
  // Some writers say everything twice (LIBARCHIVE.xattr and SCHILY.xattr).
  std::stable_sort(xattrs.begin(), xattrs.end(),
                   [](const posix::Xattr& a, const posix::Xattr& b) { return a.name < b.name; });
  xattrs.erase(std::unique(xattrs.begin(), xattrs.end(),
                           [](const posix::Xattr& a, const posix::Xattr& b) { return a.name == b.name; }),
               xattrs.end());
  return xattrs;
}

Result<EntryType> type_of(struct archive_entry* entry, const std::string& path) {
  if (archive_entry_hardlink(entry)) return EntryType::hardlink;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return EntryType::file;
    case AE_IFDIR:
      return EntryType::directory;
    case AE_IFLNK:
      return EntryType::symlink;
    case AE_IFCHR:
      return EntryType::character_device;
    case AE_IFBLK:
      return EntryType::block_device;
    case AE_IFIFO:
      return EntryType::fifo;
    default:
      return fail(ErrorKind::invalid, "'{}' has a type that no tar can have", printable(path));
  }
}

Result<std::uint32_t> id_of(std::int64_t id, const std::string& path) {
  if (id < 0 || id >= UINT32_MAX) {  // 2^32-1 means "leave as it is" to chown(2)
    return fail(ErrorKind::invalid, "'{}' has the impossible owner {}", printable(path), id);
  }
  return static_cast<std::uint32_t>(id);
}

Result<TarEntry> convert(struct archive_entry* entry) {
  const char* path = archive_entry_pathname(entry);
  if (!path) return fail(ErrorKind::invalid, "a tar entry has no name that can be read");
  TarEntry result{.path = path};
  result.type = TRY(type_of(entry, result.path));
  result.mode = static_cast<mode_t>(archive_entry_perm(entry)) & 07777;
  result.uid = TRY(id_of(archive_entry_uid(entry), result.path));
  result.gid = TRY(id_of(archive_entry_gid(entry), result.path));
  result.mtime = archive_entry_mtime(entry);
  if (result.type == EntryType::file) {
    const std::int64_t size = archive_entry_size(entry);
    if (size < 0) return fail(ErrorKind::invalid, "'{}' has a negative size", printable(result.path));
    result.size = static_cast<std::uint64_t>(size);
  }
  if (result.type == EntryType::hardlink || result.type == EntryType::symlink) {
    const char* target =
        result.type == EntryType::hardlink ? archive_entry_hardlink(entry) : archive_entry_symlink(entry);
    if (!target || !*target) {
      return fail(ErrorKind::invalid, "'{}' is a link to nothing", printable(result.path));
    }
    result.link_target = target;
  }
  if (result.type == EntryType::character_device || result.type == EntryType::block_device) {
    result.device_major = static_cast<unsigned>(archive_entry_rdevmajor(entry));
    result.device_minor = static_cast<unsigned>(archive_entry_rdevminor(entry));
  }
  result.xattrs = xattrs_of(entry);
  return result;
}

}  // namespace

struct TarReader::State {
  std::unique_ptr<Source> source;
  std::unique_ptr<struct archive, ArchiveDeleter> archive;
  std::vector<std::byte> buffer = std::vector<std::byte>(256 * 1024);
  std::optional<Error> source_error;
  std::uint64_t given = 0;               // bytes handed to libarchive
  std::optional<std::uint64_t> nonzero;  // offset of the last byte of them that is not zero
  bool is_file = false;
  std::uint64_t file_size = 0;  // of the current one
  std::uint64_t data_end = 0;   // of what was given out of it
  bool ended = false;

  static la_ssize_t read(struct archive* archive, void* self, const void** block) {
    auto& state = *static_cast<State*>(self);
    Result<std::size_t> count = state.source->read(state.buffer);
    if (!count) {
      state.source_error = std::move(count).error();
      archive_set_error(archive, EIO, "source");
      return ARCHIVE_FATAL;
    }
    state.note(std::span(state.buffer).first(*count));
    *block = state.buffer.data();
    return static_cast<la_ssize_t>(*count);
  }

  void note(std::span<const std::byte> bytes) {
    if (const auto last = last_nonzero(bytes)) nonzero = given + *last;
    given += bytes.size();
  }

  Error error(const char* what) {
    if (source_error) return *source_error;
    const char* text = archive_error_string(archive.get());
    return Error(ErrorKind::invalid, fmt::format("{}: {}", what, printable(text ? text : "unknown fault")));
  }

  // A digest over the source must cover what other readers could see after the mark.
  Result<> drain() {
    const std::int64_t end = archive_filter_bytes(archive.get(), -1);
    if (nonzero && static_cast<std::int64_t>(*nonzero) >= end) return trailing();
    for (;;) {
      const std::size_t count = TRY(source->read(buffer));
      if (count == 0) return {};
      if (last_nonzero(std::span(buffer).first(count))) return trailing();
    }
  }
  static std::unexpected<Error> trailing() {
    return fail(ErrorKind::invalid, "the tar has data after its end mark");
  }
};

TarReader::TarReader(std::unique_ptr<State> state) : m_state(std::move(state)) {}
TarReader::~TarReader() = default;

Result<std::unique_ptr<TarReader>> TarReader::open(std::unique_ptr<Source> source) {
  TRY(load_libarchive());
  const PlainLocale locale;
  auto state = std::make_unique<State>();
  state->source = std::move(source);
  state->archive.reset(archive_read_new());
  struct archive* archive = state->archive.get();
  if (!archive) return fail(ErrorKind::system, "cannot start the tar reader: out of memory");
  // No filter and no other format: decompression is base's, and "all" would bring external programs with it.
  if (archive_read_support_format_tar(archive) != ARCHIVE_OK ||
      archive_read_support_format_empty(archive) != ARCHIVE_OK ||
      archive_read_open(archive, state.get(), nullptr, &State::read, nullptr) != ARCHIVE_OK) {
    return std::unexpected(state->error("cannot read the tar"));
  }
  return std::unique_ptr<TarReader>(new TarReader(std::move(state)));
}

Result<std::optional<TarEntry>> TarReader::next() {
  State& state = *m_state;
  if (state.ended) return std::optional<TarEntry>{};
  const PlainLocale locale;
  struct archive_entry* entry = nullptr;
  const int status = archive_read_next_header(state.archive.get(), &entry);
  if (status == ARCHIVE_EOF) {
    TRY(state.drain());
    state.ended = true;
    return std::optional<TarEntry>{};
  }
  if (status == ARCHIVE_WARN) {
    const char* text = archive_error_string(state.archive.get());
    // That names were not converted is what we want. All other warnings are damage.
    if (!text || !std::strstr(text, "can't be converted")) {
      return std::unexpected(state.error("bad tar entry"));
    }
  } else if (status != ARCHIVE_OK) {
    return std::unexpected(state.error("bad tar"));
  }
  TarEntry result = TRY(convert(entry));
  state.is_file = result.type == EntryType::file;
  state.file_size = result.size;
  state.data_end = 0;
  return std::optional(std::move(result));
}

Result<std::optional<TarReader::Block>> TarReader::next_block() {
  State& state = *m_state;
  if (!state.is_file) return std::optional<Block>{};
  for (;;) {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(state.archive.get(), &data, &size, &offset);
    if (status == ARCHIVE_EOF) {
      state.is_file = false;
      return std::optional<Block>{};
    }
    if (status != ARCHIVE_OK) return std::unexpected(state.error("bad tar data"));
    if (size == 0) continue;
    // Headers of GNU tar say the size twice, and may lie once: readers would make different files of it.
    const auto begin = static_cast<std::uint64_t>(offset);
    if (offset < 0 || begin < state.data_end || begin > state.file_size || size > state.file_size - begin)
      return fail(ErrorKind::invalid, "a tar entry has data that does not lie within its size");
    state.data_end = begin + size;
    return std::optional(Block{.offset = begin, .bytes = {static_cast<const std::byte*>(data), size}});
  }
}

Result<> TarReader::write_content(const Fd& file, const std::function<Result<>(std::size_t)>& before) {
  const std::uint64_t size = m_state->file_size;
  std::uint64_t position = 0;
  bool ends_in_hole = false;
  while (const auto block = TRY(next_block())) {
    TRY(before(block->bytes.size()));
    ends_in_hole = TRY(write_leaving_holes(file, block->offset, block->bytes));
    position = block->offset + block->bytes.size();
  }
  return position == size && !ends_in_hole ? Result<>{} : set_size(file, size);
}

}  // namespace ecrin::fs
