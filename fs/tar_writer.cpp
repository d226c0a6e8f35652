// The byte format is in the header's comment and guarded by golden digests. Block layout: POSIX pax(1),
// "ustar Interchange Format" and "pax Interchange Format".
#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "base/text.hpp"
#include "fs/tar.hpp"

namespace ecrin::fs {

namespace {

constexpr std::size_t k_block = 512;
constexpr std::size_t k_name_size = 100;
constexpr std::size_t k_prefix_size = 155;
constexpr std::uint64_t k_octal_7 = 07777777;       // what fits an 8 byte field with its NUL
constexpr std::uint64_t k_octal_11 = 077777777777;  // and a 12 byte field

struct Header {
  char name[k_name_size];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[k_name_size];
  char magic[6];
  char version[2];
  char user[32];
  char group[32];
  char device_major[8];
  char device_minor[8];
  char prefix[k_prefix_size];
  char padding[12];
};
static_assert(sizeof(Header) == k_block);

using Records = std::map<std::string, std::string>;  // sorted by keyword

template <std::size_t N>
void put_octal(char (&field)[N], std::uint64_t value) {
  field[N - 1] = '\0';
  for (std::size_t i = N - 1; i-- > 0;) {
    field[i] = static_cast<char>('0' + (value & 7));
    value >>= 3;
  }
}

template <std::size_t N>
void put_text(char (&field)[N], std::string_view text) {
  std::memcpy(field, text.data(), std::min(text.size(), N));
}

char type_flag(EntryType type) {
  switch (type) {
    case EntryType::file:
      return '0';
    case EntryType::hardlink:
      return '1';
    case EntryType::symlink:
      return '2';
    case EntryType::character_device:
      return '3';
    case EntryType::block_device:
      return '4';
    case EntryType::directory:
      return '5';
    case EntryType::fifo:
      return '6';
  }
  return '0';
}

Header empty_header() {
  Header header;
  std::memset(&header, 0, sizeof header);
  put_text(header.magic, std::string_view("ustar\0", 6));
  put_text(header.version, "00");
  put_octal(header.device_major, 0);
  put_octal(header.device_minor, 0);
  return header;
}

void put_checksum(Header& header) {
  std::memset(header.checksum, ' ', sizeof header.checksum);
  unsigned sum = 0;
  for (const unsigned char byte : std::span(reinterpret_cast<const unsigned char*>(&header), k_block)) {
    sum += byte;
  }
  char digits[7];
  put_octal(digits, sum);
  std::memcpy(header.checksum, digits, sizeof digits);  // six digits, NUL; the eighth byte stays a space
}

// The path in name and prefix; false when it does not fit. The split is as far right as possible, and what
// follows it is never empty (a directory's own slash is no place to split).
bool put_path(Header& header, std::string_view path) {
  if (path.size() <= k_name_size) {
    put_text(header.name, path);
    return true;
  }
  for (std::size_t slash = path.rfind('/', k_prefix_size); slash != std::string_view::npos && slash > 0;
       slash = path.rfind('/', slash - 1)) {
    const std::size_t rest = path.size() - slash - 1;
    if (rest > k_name_size) break;
    if (rest == 0) continue;
    put_text(header.prefix, path.substr(0, slash));
    put_text(header.name, path.substr(slash + 1));
    return true;
  }
  put_text(header.name, path.substr(0, k_name_size));
  return false;
}

// "<length> <keyword>=<value>\n", where the length counts its own digits.
std::string pax_record(const std::string& keyword, const std::string& value) {
  const std::size_t rest = keyword.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (rest + std::to_string(length).size() != length) length = rest + std::to_string(length).size();
  return fmt::format("{} {}={}\n", length, keyword, value);
}

std::string_view base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

template <std::size_t N>
void put_number(char (&field)[N], std::uint64_t value, std::uint64_t maximum, const char* keyword,
                Records& records) {
  put_octal(field, value <= maximum ? value : 0);
  if (value > maximum) records[keyword] = std::to_string(value);
}

Records fill_header(Header& header, const TarEntry& entry, const std::string& path) {
  Records records;
  if (!put_path(header, path)) records["path"] = path;
  put_octal(header.mode, entry.mode & 07777);
  put_number(header.uid, entry.uid, k_octal_7, "uid", records);
  put_number(header.gid, entry.gid, k_octal_7, "gid", records);
  put_number(header.size, entry.type == EntryType::file ? entry.size : 0, k_octal_11, "size", records);
  if (entry.mtime < 0) {
    put_octal(header.mtime, 0);
    records["mtime"] = std::to_string(entry.mtime);
  } else {
    put_number(header.mtime, static_cast<std::uint64_t>(entry.mtime), k_octal_11, "mtime", records);
  }
  header.type = type_flag(entry.type);
  if (entry.type == EntryType::symlink || entry.type == EntryType::hardlink) {
    put_text(header.link, entry.link_target);
    if (entry.link_target.size() > k_name_size) records["linkpath"] = entry.link_target;
  }
  if (entry.type == EntryType::character_device || entry.type == EntryType::block_device) {
    put_octal(header.device_major, entry.device_major);
    put_octal(header.device_minor, entry.device_minor);
  }
  for (const posix::Xattr& xattr : entry.xattrs) {
    // PAX defines an empty value as deletion of the record, and the keyword ends at the first "=".
    if (xattr.value.empty() || xattr.name.find('=') != std::string::npos) continue;
    records["SCHILY.xattr." + xattr.name] = xattr.value;
  }
  return records;
}

Result<> check_entry(const TarEntry& entry) {
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (entry.path.empty() || has_nul(entry.path)) {
    return fail(ErrorKind::invalid, "a tar entry cannot have the name '{}'", printable(entry.path));
  }
  if (entry.type == EntryType::symlink || entry.type == EntryType::hardlink) {
    if (entry.link_target.empty() || has_nul(entry.link_target)) {
      return fail(ErrorKind::invalid, "'{}' cannot be a link to '{}' in a tar", printable(entry.path),
                  printable(entry.link_target));
    }
  }
  if (entry.device_major > k_octal_7 || entry.device_minor > k_octal_7) {
    return fail(ErrorKind::invalid, "the device number of '{}' does not fit a tar", printable(entry.path));
  }
  return {};
}

std::span<const std::byte> bytes_of(const Header& header) {
  return std::as_bytes(std::span(&header, 1));
}

constexpr std::array<std::byte, 64 * 1024> k_zeros = {};

Result<> write_zero_bytes(Sink& sink, std::uint64_t count) {
  while (count > 0) {
    const auto now = static_cast<std::size_t>(std::min<std::uint64_t>(count, k_zeros.size()));
    TRY(sink.write(std::span(k_zeros).first(now)));
    count -= now;
  }
  return {};
}

Result<> write_pax_header(Sink& sink, const std::string& path, const Records& records) {
  std::string text;
  for (const auto& [keyword, value] : records) text += pax_record(keyword, value);
  Header header = empty_header();
  const std::string name = fmt::format("PaxHeaders.0/{}", base_name(path));
  put_text(header.name, std::string_view(name).substr(0, k_name_size));
  put_octal(header.mode, 0644);
  put_octal(header.uid, 0);
  put_octal(header.gid, 0);
  put_octal(header.size, text.size());
  put_octal(header.mtime, 0);
  header.type = 'x';
  put_checksum(header);
  TRY(sink.write(bytes_of(header)));
  TRY(sink.write(as_bytes(text)));
  return write_zero_bytes(sink, (k_block - text.size() % k_block) % k_block);
}

}  // namespace

Result<> TarWriter::add(const TarEntry& entry) {
  if (m_listener) m_listener(entry);
  if (m_pending > 0) {
    return fail(ErrorKind::invalid, "the tar entry before '{}' lacks {} bytes of data", printable(entry.path),
                m_pending);
  }
  TRY(check_entry(entry));
  std::string path = entry.path;
  if (entry.type == EntryType::directory && !path.ends_with('/')) path += '/';
  Header header = empty_header();
  const Records records = fill_header(header, entry, path);
  put_checksum(header);
  if (!records.empty()) TRY(write_pax_header(m_sink, path, records));
  TRY(m_sink.write(bytes_of(header)));
  if (entry.type == EntryType::file) {
    m_pending = entry.size;
    m_padding = (k_block - entry.size % k_block) % k_block;
  }
  return {};
}

Result<> TarWriter::write_data(std::span<const std::byte> bytes) {
  if (bytes.size() > m_pending) {
    return fail(ErrorKind::invalid, "{} bytes more than the tar entry has", bytes.size() - m_pending);
  }
  TRY(m_sink.write(bytes));
  m_pending -= bytes.size();
  return m_pending == 0 ? pad() : Result<>{};
}

Result<> TarWriter::write_zeros(std::uint64_t count) {
  if (count > m_pending) {
    return fail(ErrorKind::invalid, "{} bytes more than the tar entry has", count - m_pending);
  }
  TRY(write_zero_bytes(m_sink, count));
  m_pending -= count;
  return m_pending == 0 ? pad() : Result<>{};
}

Result<> TarWriter::pad() {
  const std::uint64_t count = m_padding;
  m_padding = 0;
  return write_zero_bytes(m_sink, count);
}

Result<> TarWriter::finish() {
  if (m_pending > 0) return fail(ErrorKind::invalid, "the last tar entry lacks {} bytes of data", m_pending);
  return write_zero_bytes(m_sink, 2 * k_block);
}

}  // namespace ecrin::fs
