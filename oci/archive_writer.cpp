#include "oci/archive_writer.hpp"

#include <array>
#include <cstring>

namespace ecrin::oci {

namespace {

constexpr std::size_t k_block = 512;
constexpr std::size_t k_name_size = 100;
constexpr std::uint64_t k_size_limit = 1ull << 33;  // eleven octal digits

// The length of a PAX record counts its own digits.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;  // " ", "=", "\n"
  std::size_t length = rest + 1;
  while (length != rest + std::to_string(length).size()) length = rest + std::to_string(length).size();
  return fmt::format("{} {}={}\n", length, key, value);
}

void put(std::array<char, k_block>& block, std::size_t offset, std::string_view text) {
  std::memcpy(block.data() + offset, text.data(), text.size());
}

}  // namespace

Result<> ArchiveWriter::header(const std::string& name, char type, std::uint64_t size, unsigned mode) {
  std::string pax;
  if (name.size() > k_name_size) pax += pax_record("path", name);
  if (size >= k_size_limit) pax += pax_record("size", std::to_string(size));
  if (!pax.empty()) {
    TRY(header("pax_header", 'x', pax.size(), 0644));
    TRY(m_sink.write(as_bytes(pax)));
    TRY(pad(pax.size()));
  }
  std::array<char, k_block> block = {};
  put(block, 0, std::string_view(name).substr(0, k_name_size));
  put(block, 100, fmt::format("{:07o}", mode));
  put(block, 108, "0000000");
  put(block, 116, "0000000");
  put(block, 124, fmt::format("{:011o}", size < k_size_limit ? size : 0));
  put(block, 136, "00000000000");
  put(block, 148, "        ");
  block[156] = type;
  put(block, 257, std::string_view("ustar\00000", 8));
  put(block, 329, "0000000");
  put(block, 337, "0000000");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(block, 148, fmt::format("{:06o}", sum));
  block[154] = '\0';
  return m_sink.write(std::as_bytes(std::span(block)));
}

Result<> ArchiveWriter::pad(std::uint64_t size) {
  static constexpr std::array<std::byte, k_block> k_zeros = {};
  const std::size_t rest = static_cast<std::size_t>(size % k_block);
  if (rest == 0) return {};
  return m_sink.write(std::span(k_zeros).first(k_block - rest));
}

Result<> ArchiveWriter::add_directory(const std::string& name) {
  return header(name + "/", '5', 0, 0755);
}

Result<> ArchiveWriter::add_file(const std::string& name, std::string_view bytes) {
  MemorySource source{std::string(bytes)};
  return add_file(name, bytes.size(), source);
}

Result<> ArchiveWriter::add_file(const std::string& name, std::uint64_t size, Source& source) {
  TRY(header(name, '0', size, 0644));
  const std::uint64_t copied = TRY(copy_stream(source, m_sink));
  if (copied != size)
    return fail(ErrorKind::invalid, "archive member '{}' has {} bytes instead of {}", name, copied, size);
  return pad(size);
}

Result<> ArchiveWriter::finish() {
  const std::array<std::byte, 2 * k_block> zeros = {};
  TRY(m_sink.write(zeros));
  return m_sink.finish();
}

}  // namespace ecrin::oci
