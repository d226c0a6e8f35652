// Changes of tar archives that a reader does not throw away at once: whole blocks stay where they are, and
// headers have the checksum that they should. For libFuzzer only.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

constexpr std::size_t k_block = 512;

// ustar: the sum of all bytes, with blanks in the place of the sum itself, as six octal digits, NUL and a
// blank.
void put_checksum(std::uint8_t* header) {
  constexpr std::size_t k_place = 148, k_length = 8;
  std::memset(header + k_place, ' ', k_length);
  unsigned sum = 0;
  for (std::size_t i = 0; i < k_block; ++i) sum += header[i];
  for (std::size_t i = 6; i-- > 0; sum /= 8) header[k_place + i] = static_cast<std::uint8_t>('0' + sum % 8);
  header[k_place + 6] = 0;
}

void mutate_block(std::uint8_t* block) {
  const std::size_t left = LLVMFuzzerMutate(block, k_block, k_block);
  std::fill(block + left, block + k_block, std::uint8_t{0});
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  const std::size_t blocks = size / k_block;
  const unsigned choice = seed % 8;
  seed /= 8;
  if (choice == 0 || blocks == 0) {
    size = LLVMFuzzerMutate(data, size, max_size);
  } else if (choice == 1) {  // one block in the place of another
    std::memmove(data + seed % blocks * k_block, data + seed / 7 % blocks * k_block, k_block);
  } else if (choice == 2 && size + k_block <= max_size) {  // one more
    std::uint8_t* place = data + seed % blocks * k_block;
    std::memmove(place + k_block, place, size - static_cast<std::size_t>(place - data));
    size += k_block;
  } else if (choice == 3 && blocks > 1) {  // one less
    std::uint8_t* place = data + seed % blocks * k_block;
    std::memmove(place, place + k_block, size - static_cast<std::size_t>(place - data) - k_block);
    size -= k_block;
  } else {
    mutate_block(data + seed % blocks * k_block);
  }
  constexpr std::array<std::uint8_t, 5> k_magic = {'u', 's', 't', 'a', 'r'};
  for (std::size_t at = 0; at + k_block <= size; at += k_block)
    if (std::equal(k_magic.begin(), k_magic.end(), data + at + 257)) put_checksum(data + at);
  return size;
}
