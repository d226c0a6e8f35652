#include "build/directories_ahead.hpp"

#include <utility>

#include "base/posix.hpp"
#include "build/root_path.hpp"
#include "fs/file_owners.hpp"

namespace ecrin::build {
namespace {

constexpr std::size_t k_worth_a_thread = 8;  // directories
constexpr std::size_t k_waiting_limit = 50'000;

}  // namespace

DirectoriesAhead::~DirectoriesAhead() {
  {
    const std::lock_guard lock(m_mutex);
    m_is_ending = true;
  }
  m_changed.notify_all();
  if (m_thread.joinable()) m_thread.join();
}

void DirectoriesAhead::expect(std::vector<std::string> directories) {
  if (directories.empty()) return;
  {
    const std::lock_guard lock(m_mutex);
    std::list<Expected> before;
    for (std::string& path : directories) before.push_back({.path = std::move(path), .found = {}});
    m_expected.splice(m_expected.begin(), before);
  }
  if (m_thread.joinable())
    m_changed.notify_all();
  else if (m_expected.size() >= k_worth_a_thread && std::thread::hardware_concurrency() > 1)
    m_thread = std::thread([this] { work(); });
}

Result<DirectoryChildren> DirectoriesAhead::children(const std::string& directory) {
  std::unique_lock lock(m_mutex);
  const bool is_expected = !m_expected.empty() && m_expected.front().path == directory;
  if (!is_expected || m_taken != m_expected.begin()) {
    if (is_expected) m_expected.pop_front();
    lock.unlock();
    return read(directory);
  }
  Expected& taken = m_expected.front();
  m_changed.wait(lock, [&] { return taken.found.has_value(); });
  Result<DirectoryChildren> found = *std::move(taken.found);
  if (found) m_waiting -= found->size();
  ++m_taken;
  m_expected.pop_front();
  m_changed.notify_all();
  return found;
}

Result<DirectoryChildren> DirectoriesAhead::read(const std::string& directory) const {
  if (m_cancel) TRY(m_cancel->check());
  const Fd opened = TRY(open_real_directory(*m_tree.root, directory));
  DirectoryChildren children;
  for (posix::DirectoryEntry& entry : TRY(posix::list_directory(opened))) {
    auto status = fs::status_at(opened, entry.name);
    if (!status) {
      if (status.error().code() == ENOENT) continue;
      return std::unexpected(std::move(status).error());
    }
    children.push_back({std::move(entry.name), *status});
  }
  return children;
}

void DirectoriesAhead::work() {
  std::unique_lock lock(m_mutex);
  for (;;) {
    m_changed.wait(lock, [this] {
      return m_is_ending || (m_taken != m_expected.begin() && m_waiting < k_waiting_limit);
    });
    if (m_is_ending) return;
    Expected& last = *--m_taken;
    lock.unlock();
    auto found = read(last.path);
    lock.lock();
    if (found) m_waiting += found->size();
    last.found = std::move(found);
    m_changed.notify_all();
  }
}

}  // namespace ecrin::build
