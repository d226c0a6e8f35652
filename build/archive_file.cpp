#include "build/archive_file.hpp"

#include <vector>

#include "base/compression.hpp"
#include "base/posix.hpp"
#include "base/sparse_file.hpp"

namespace ecrin::build {

namespace {
constexpr std::size_t k_tar_block = 512;
constexpr std::size_t k_checksum_offset = 148;
constexpr std::size_t k_checksum_size = 8;

Result<std::unique_ptr<Source>> read_from_start(const Fd& file) {
  return std::make_unique<FdSource>(TRY(posix::open(posix::fd_path(file), O_RDONLY)));
}
}  // namespace

bool begins_tar(std::span<const std::byte> block) {
  if (block.size() < k_tar_block) return false;
  block = block.first(k_tar_block);
  if (all_zero(block)) return false;
  long written = 0;
  bool any = false;
  for (const std::byte byte : block.subspan(k_checksum_offset, k_checksum_size)) {
    const auto c = std::to_integer<char>(byte);
    if (c >= '0' && c <= '7') {
      written = written * 8 + (c - '0');
      any = true;
    } else if (c != ' ' && c != '\0') {
      return false;
    } else if (any) {
      break;
    }
  }
  if (!any) return false;
  // Some old programs summed signed characters.
  long sum = 0, signed_sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool is_checksum = i >= k_checksum_offset && i < k_checksum_offset + k_checksum_size;
    const auto byte = is_checksum ? std::byte{' '} : block[i];
    sum += std::to_integer<unsigned char>(byte);
    signed_sum += std::to_integer<signed char>(byte);
  }
  return written == sum || written == signed_sum;
}

Result<FileContent> content_of(const Fd& file) {
  auto plain = decompress_any(TRY(read_from_start(file)));
  if (!plain) return FileContent::other;  // too short, or not what its first bytes say
  std::vector<std::byte> head(k_tar_block);
  std::size_t size = 0;
  while (size < head.size()) {
    const auto more = (*plain)->read(std::span(head).subspan(size));
    if (!more || *more == 0) return FileContent::other;
    size += *more;
  }
  return begins_tar(head) ? FileContent::archive : FileContent::other;
}

Result<std::unique_ptr<Source>> open_archive(const Fd& file) {
  const auto size = static_cast<std::uint64_t>(TRY(posix::stat_fd(file)).st_size);
  Compression compression = Compression::none;
  auto plain = TRY(decompress_any(TRY(read_from_start(file)), &compression));
  if (compression == Compression::none) return plain;
  return std::make_unique<LimitSource>(std::move(plain), expansion_limit(size), "the archive");
}

}  // namespace ecrin::build
