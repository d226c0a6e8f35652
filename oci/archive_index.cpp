#include "oci/archive_index.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/range_source.hpp"
#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr std::uint64_t k_block = 512;
constexpr std::size_t k_member_limit = 100'000;
constexpr std::size_t k_extension_count_limit = 16;    // extended headers before one member
constexpr std::uint64_t k_extension_limit = 1u << 20;  // one PAX record block or GNU long name
constexpr std::size_t k_name_limit = 4096;             // PATH_MAX
constexpr std::size_t k_names_limit = 64u << 20;       // bytes of all names together
constexpr int k_link_limit = 16;

using Block = std::array<char, k_block>;

std::string_view field(const Block& block, std::size_t offset, std::size_t size) {
  const std::string_view text(block.data() + offset, size);
  return text.substr(0, text.find('\0'));
}

// Octal text, or GNU's base 256 when the first bit is set.
std::optional<std::uint64_t> number(const Block& block, std::size_t offset, std::size_t size) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(block[offset + i]); };
  std::uint64_t value = 0;
  if (byte(0) & 0x80) {
    if (byte(0) != 0x80) return std::nullopt;  // negative, or beyond 64 bits
    for (std::size_t i = 1; i < size; ++i) {
      if (value >> 55) return std::nullopt;
      value = value << 8 | byte(i);
    }
    return value;
  }
  const std::string_view text = trim(field(block, offset, size));
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

bool checksum_matches(const Block& block) {
  const auto stored = number(block, 148, 8);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < k_block; ++i)
    sum += i >= 148 && i < 156 ? std::uint64_t{' '} : static_cast<unsigned char>(block[i]);
  return stored && *stored == sum;
}

// "./a//b/../c" is "a/c". What would leave the archive has no name in it.
std::optional<std::string> normalise(std::string_view path) {
  std::vector<std::string> parts;
  for (std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
      continue;
    }
    if (parts.empty()) return std::nullopt;
    parts.pop_back();
  }
  return join(parts, "/");
}

struct Extension {  // what PAX and GNU headers say about the next member
  std::optional<std::string> path;
  std::optional<std::string> link;
  std::optional<std::uint64_t> size;
};

}  // namespace

class ArchiveIndexReader {
public:
  ArchiveIndexReader(ArchiveIndex& index, std::uint64_t file_size, const std::string& what)
      : m_index(index), m_file_size(file_size), m_what(what) {}

  Result<> run() {
    // Data after the last whole block is not looked at; archives without the two zero blocks end at the
    // file's end.
    while (m_file_size - m_position >= k_block) {
      const Block block = TRY(read_block());
      if (std::all_of(block.begin(), block.end(), [](char c) { return c == '\0'; })) return {};
      if (!checksum_matches(block)) return refuse(ErrorKind::invalid, "is damaged, or not a tar archive");
      TRY(take(block));
    }
    return {};
  }

private:
  std::unexpected<Error> refuse(ErrorKind kind, std::string_view why) const {
    return fail(kind, "'{}' {} (at offset {})", m_what, why, m_position);
  }

  Result<Block> read_block() {
    Block block;
    RangeSource source(m_index.m_file, m_position, k_block);
    const auto bytes = std::as_writable_bytes(std::span(block));
    for (std::size_t done = 0; done < k_block;) done += TRY(source.read(bytes.subspan(done)));
    m_position += k_block;
    return block;
  }

  Result<> take(const Block& block) {
    auto size = number(block, 124, 12);
    const char type = block[156];
    if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
      if (!size || *size > k_extension_limit)
        return refuse(ErrorKind::limit, "has an oversized extended header");
      if (++m_extensions > k_extension_count_limit)
        return refuse(ErrorKind::limit, "has too many extended headers before one member");
      return take_extension(type, *size);
    }
    if (++m_members > k_member_limit) return refuse(ErrorKind::limit, "has too many members");
    m_extensions = 0;
    const Extension extension = std::exchange(m_extension, {});
    if (extension.size) size = extension.size;
    if (!size) return refuse(ErrorKind::invalid, "has a member with an unreadable size");
    const bool is_file = type == '0' || type == '\0' || type == '7';
    const bool is_link = type == '1' || type == '2';
    if (type == 'S')
      return refuse(ErrorKind::unsupported, "has a sparse member, which image archives never have");
    // Links and directories have no data, whatever their size field says (GNU tar agrees).
    const bool has_data = is_file || !((type >= '1' && type <= '6'));
    const std::uint64_t data = has_data ? *size : 0;
    if (data > m_file_size - m_position) return refuse(ErrorKind::invalid, "ends in the middle of a member");
    const std::uint64_t padded = data + (k_block - data % k_block) % k_block;
    if (is_file || is_link) TRY(record(block, extension, is_link, data));
    m_position += std::min(padded, m_file_size - m_position);
    return {};
  }

  Result<> take_extension(char type, std::uint64_t size) {
    if (size > m_file_size - m_position) return refuse(ErrorKind::invalid, "ends in the middle of a header");
    RangeSource source(m_index.m_file, m_position, size);
    std::string text = TRY(read_all(source, size));
    m_position += std::min(size + (k_block - size % k_block) % k_block, m_file_size - m_position);
    if (type == 'x') return take_pax(text);
    if (type == 'g') return {};  // global headers carry comments (git), nothing that finds a member
    text.resize(std::min(text.find('\0'), text.size()));
    (type == 'L' ? m_extension.path : m_extension.link) = std::move(text);
    return {};
  }

  // "LENGTH KEY=VALUE\n", where the length counts the whole record.
  Result<> take_pax(std::string_view rest) {
    while (!rest.empty()) {
      const std::size_t space = rest.find(' ');
      const auto length = space == std::string_view::npos
                              ? Result<std::uint64_t>(0u)
                              : parse_unsigned(rest.substr(0, space), rest.size());
      if (!length || *length <= space + 1 || rest[*length - 1] != '\n')
        return refuse(ErrorKind::invalid, "has a damaged PAX header");
      const std::string_view record = rest.substr(space + 1, *length - space - 2);
      rest.remove_prefix(*length);
      const std::size_t equals = record.find('=');
      if (equals == std::string_view::npos) return refuse(ErrorKind::invalid, "has a damaged PAX header");
      const std::string_view key = record.substr(0, equals);
      const std::string_view value = record.substr(equals + 1);
      if (key == "path") m_extension.path = value;
      if (key == "linkpath") m_extension.link = value;
      if (key == "size") {
        const auto size = parse_unsigned(value, INT64_MAX);
        if (!size) return refuse(ErrorKind::invalid, "has a PAX header with an unreadable size");
        m_extension.size = *size;
      }
      if (key.starts_with("GNU.sparse."))
        return refuse(ErrorKind::unsupported, "has a sparse member, which image archives never have");
    }
    return {};
  }

  Result<> record(const Block& block, const Extension& extension, bool is_link, std::uint64_t size) {
    std::string path = extension.path.value_or(std::string(field(block, 0, 100)));
    // GNU's own format ("ustar  ") keeps other things where ustar has the prefix.
    const std::string_view prefix = field(block, 345, 155);
    if (!extension.path && !prefix.empty() && field(block, 257, 6) == "ustar")
      path = std::string(prefix) + "/" + path;
    const std::string link = is_link ? extension.link.value_or(std::string(field(block, 157, 100))) : "";
    if (path.size() > k_name_limit || link.size() > k_name_limit)
      return refuse(ErrorKind::limit, "has a member with an oversized name");
    const auto name = normalise(path);
    if (!name || name->empty()) return {};  // outside the archive: nothing that we read is there
    ArchiveIndex::Entry entry;
    entry.member = {m_position, size};
    if (is_link) {
      const std::size_t slash = name->rfind('/');
      // A symbolic link starts from its own directory, a hard link from the archive's root.
      const bool from_root = block[156] == '1' || slash == std::string::npos;
      const auto target = normalise(from_root ? link : name->substr(0, slash + 1) + link);
      if (!target || target->empty()) return {};
      entry.target = *target;
    }
    m_name_bytes += name->size() + entry.target.size();
    if (m_name_bytes > k_names_limit) return refuse(ErrorKind::limit, "has too many long names");
    m_index.m_entries.insert_or_assign(*name, std::move(entry));
    return {};
  }

  ArchiveIndex& m_index;
  std::uint64_t m_file_size;
  const std::string& m_what;
  std::uint64_t m_position = 0;
  std::size_t m_members = 0;
  std::size_t m_extensions = 0;  // since the last member
  std::size_t m_name_bytes = 0;
  Extension m_extension;
};

Result<ArchiveIndex> ArchiveIndex::read(std::shared_ptr<const Fd> file, std::uint64_t file_size,
                                        const std::string& what) {
  ArchiveIndex index;
  index.m_file = std::move(file);
  TRY(ArchiveIndexReader(index, file_size, what).run());
  return index;
}

std::optional<ArchiveIndex::Member> ArchiveIndex::find(std::string_view name) const {
  std::optional<std::string> key = normalise(name);
  for (int links = 0; key && links <= k_link_limit; ++links) {
    const auto found = m_entries.find(*key);
    if (found == m_entries.end()) return std::nullopt;
    if (found->second.target.empty()) return found->second.member;
    key = found->second.target;
  }
  return std::nullopt;
}

std::unique_ptr<Source> ArchiveIndex::open(const Member& member) const {
  return std::make_unique<RangeSource>(m_file, member.offset, member.size);
}

}  // namespace ecrin::oci
