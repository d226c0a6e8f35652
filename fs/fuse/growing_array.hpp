// GrowingArray: values by number, at addresses that never change, so that they can be read while others are
// added. Values begin as T().
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace ecrin::fs {

template <class T>
class GrowingArray {
public:
  static constexpr std::size_t k_chunk = 1 << 13;
  static constexpr std::size_t k_capacity = k_chunk << 13;

  GrowingArray() = default;
  GrowingArray(const GrowingArray&) = delete;
  GrowingArray& operator=(const GrowingArray&) = delete;
  ~GrowingArray() {
    for (std::atomic<T*>& chunk : m_chunks) delete[] chunk.load(std::memory_order_relaxed);
  }

  /// The place of a number below k_capacity; made when it is missing, also by several threads at once.
  T& make(std::size_t number) {
    std::atomic<T*>& place = m_chunks[number / k_chunk];
    T* chunk = place.load(std::memory_order_acquire);
    if (!chunk) {
      auto fresh = std::make_unique<T[]>(k_chunk);
      if (place.compare_exchange_strong(chunk, fresh.get(), std::memory_order_acq_rel)) {
        chunk = fresh.release();
      }
    }
    return chunk[number % k_chunk];
  }
  /// nullptr: nothing near this number was ever made.
  T* find(std::size_t number) {
    T* chunk = number < k_capacity ? m_chunks[number / k_chunk].load(std::memory_order_acquire) : nullptr;
    return chunk ? &chunk[number % k_chunk] : nullptr;
  }
  const T* find(std::size_t number) const { return const_cast<GrowingArray*>(this)->find(number); }

private:
  std::array<std::atomic<T*>, k_capacity / k_chunk> m_chunks = {};
};

}  // namespace ecrin::fs
