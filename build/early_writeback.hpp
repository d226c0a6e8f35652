// EarlyWriteback: has the disk begin with what steps write while they still run. A build waits for the disk
// when it is done; the kernel by itself begins half a minute after a write, or when a tenth of the memory is
// dirty. Nothing depends on it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/fd.hpp"

namespace ecrin::build {

/// Bytes of files in memory that the disk does not have yet: "Dirty" of proc_meminfo(5). 0: not told.
std::uint64_t dirty_bytes(std::string_view meminfo);

class EarlyWriteback {
public:
  /// For the file system of `directory`.
  explicit EarlyWriteback(Fd directory);
  /// Waits for what it has begun: whoever wants all of it on the disk would wait for that too.
  ~EarlyWriteback();

private:
  void work();
  Fd m_directory;
  std::mutex m_mutex;
  std::condition_variable m_wake;
  bool m_is_ending = false;
  std::thread m_thread;
};

}  // namespace ecrin::build
