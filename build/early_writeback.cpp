#include "build/early_writeback.hpp"

#include <charconv>
#include <chrono>

#include "base/log.hpp"
#include "base/posix.hpp"

namespace ecrin::build {
namespace {

constexpr std::chrono::milliseconds k_interval(400);
// Less is written in no time at the end. And what a step removes again soon is not worth a write.
constexpr std::uint64_t k_worth_a_write = 48u << 20;

}  // namespace

std::uint64_t dirty_bytes(std::string_view meminfo) {
  constexpr std::string_view k_name = "\nDirty:";
  const std::size_t line = meminfo.find(k_name);
  if (line == std::string_view::npos) return 0;
  const std::size_t number = meminfo.find_first_not_of(' ', line + k_name.size());
  if (number == std::string_view::npos) return 0;
  std::uint64_t kibibytes = 0;
  std::from_chars(meminfo.data() + number, meminfo.data() + meminfo.size(), kibibytes);
  return kibibytes * 1024;
}

EarlyWriteback::EarlyWriteback(Fd directory)
    : m_directory(std::move(directory)), m_thread([this] { work(); }) {}

EarlyWriteback::~EarlyWriteback() {
  {
    const std::scoped_lock lock(m_mutex);
    m_is_ending = true;
  }
  m_wake.notify_all();
  m_thread.join();
}

void EarlyWriteback::work() {
  std::unique_lock lock(m_mutex);
  while (!m_wake.wait_for(lock, k_interval, [this] { return m_is_ending; })) {
    lock.unlock();
    const auto meminfo = posix::read_file("/proc/meminfo");
    if (meminfo && dirty_bytes(*meminfo) >= k_worth_a_write)
      if (const auto written = posix::syncfs(m_directory); !written)
        log::debug("cannot write back early: {}", written.error().message());
    lock.lock();
  }
}

}  // namespace ecrin::build
