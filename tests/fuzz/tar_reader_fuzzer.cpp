// Any bytes are a tar or one error. Data comes in order and within its file's size; what was read, written by
// us, is read as the same entries.
#include "fs/tar.hpp"

#include <algorithm>

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using ecrin::fuzz::require;

namespace {

constexpr std::size_t k_most_entries = 500;
constexpr std::uint64_t k_most_data = 1u << 20;  // that is written again

// Nothing: an error in it.
std::optional<std::vector<TarEntry>> read(std::string bytes) {
  auto reader = TarReader::open(std::make_unique<MemorySource>(std::move(bytes)));
  if (!reader) return std::nullopt;
  std::vector<TarEntry> entries;
  while (entries.size() < k_most_entries) {
    auto entry = (*reader)->next();
    if (!entry) return std::nullopt;
    if (!*entry) return entries;
    require((*entry)->mode <= 07777 && ((*entry)->type == EntryType::file || (*entry)->size == 0));
    require(std::ranges::is_sorted((*entry)->xattrs, {}, &posix::Xattr::name));
    if ((*entry)->type == EntryType::file) {
      std::uint64_t end = 0;
      for (;;) {
        const auto block = (*reader)->next_block();
        if (!block) return std::nullopt;
        if (!*block) break;
        require((*block)->offset >= end && (*block)->bytes.size() <= (*entry)->size &&
                (*block)->offset <= (*entry)->size - (*block)->bytes.size());
        end = (*block)->offset + (*block)->bytes.size();
      }
    }
    entries.push_back(std::move(**entry));
  }
  return std::nullopt;
}

bool same(const TarEntry& one, const TarEntry& other) {
  const auto plain = [](std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return path;
  };
  return plain(one.path) == plain(other.path) && one.type == other.type && one.mode == other.mode &&
         one.uid == other.uid && one.gid == other.gid && one.size == other.size && one.mtime == other.mtime &&
         one.link_target == other.link_target;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto entries = read(std::string(fuzz::text_of(data, size)));
  if (!entries) return 0;
  StringSink bytes;
  TarWriter writer(bytes);
  std::vector<TarEntry> written;
  std::uint64_t data_size = 0;
  for (const TarEntry& entry : *entries) {
    data_size += entry.size;
    if (entry.size > k_most_data || data_size > k_most_data) return 0;
    if (entry.mtime == INT64_MIN) return 0;  // libarchive reads it back as the next one
    const std::size_t before = bytes.bytes().size();
    if (!writer.add(entry)) {
      require(bytes.bytes().size() == before);
      continue;
    }
    require(writer.write_zeros(entry.size).has_value());
    written.push_back(entry);
  }
  require(writer.finish().has_value());
  const auto again = read(std::move(bytes.bytes()));
  require(again && std::ranges::equal(*again, written, same));
  return 0;
}
