#include "build/directories_ahead.hpp"

#include <utility>

#include "base/posix.hpp"
#include "build/ignore.hpp"
#include "build/pattern.hpp"
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

// The first one is left to the walk.
bool DirectoriesAhead::has_work() const {
  return m_taken != m_expected.begin() && std::prev(m_taken) != m_expected.begin() &&
         m_waiting < k_waiting_limit;
}

void DirectoriesAhead::expect(std::vector<std::string> directories, Below below) {
  std::list<ExpectedPointer> before;
  for (std::string& path : directories) {
    if (m_known.contains(path)) continue;
    before.push_back(std::make_shared<Expected>(Expected{.path = std::move(path), .goes_on = below}));
  }
  if (before.empty()) return;
  const std::lock_guard lock(m_mutex);
  m_expected.splice(m_expected.begin(), before);
  if (m_thread.joinable()) {
    if (has_work()) m_changed.notify_all();
  } else if (m_expected.size() >= k_worth_a_thread && std::thread::hardware_concurrency() > 1) {
    m_thread = std::thread([this] { work(); });
  }
}

Result<DirectoryChildren> DirectoriesAhead::children(const std::string& directory) {
  if (auto known = m_known.extract(directory)) {
    const std::lock_guard lock(m_mutex);
    m_waiting -= known.mapped().size();
    if (has_work()) m_changed.notify_all();
    return std::move(known.mapped());
  }
  std::unique_lock lock(m_mutex);
  const bool is_expected = !m_expected.empty() && m_expected.front()->path == directory;
  if (!is_expected || m_taken != m_expected.begin()) {
    if (is_expected) m_expected.pop_front();
    lock.unlock();
    return read(directory);
  }
  const ExpectedPointer taken = m_expected.front();
  m_changed.wait(lock, [&] { return taken->found.has_value(); });
  Result<DirectoryChildren> found = *std::move(taken->found);
  if (found) m_waiting -= found->size();
  taken->is_left = true;
  m_known.merge(taken->below);
  ++m_taken;
  m_expected.pop_front();
  if (has_work()) m_changed.notify_all();
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

std::vector<std::string> DirectoriesAhead::directories_in(const std::string& directory,
                                                          const DirectoryChildren& children) const {
  std::vector<std::string> entered;
  for (const DirectoryChild& child : children) {
    if (!S_ISDIR(child.status.st_mode)) continue;
    std::string path = join_path(directory, child.name);
    if (!m_tree.ignore || m_tree.ignore->takes_back() || !m_tree.ignore->ignores(path))
      entered.push_back(std::move(path));
  }
  return entered;
}

void DirectoriesAhead::read_all(std::unique_lock<std::mutex>& lock, Expected& expected,
                                const std::vector<std::string>& directories) {
  for (const std::string& path : directories) {
    lock.unlock();
    auto found = read(path);
    std::vector<std::string> below;
    if (found) below = directories_in(path, *found);
    lock.lock();
    if (expected.is_left || m_is_ending || m_waiting >= k_waiting_limit) return;
    if (!found) continue;  // the walk will be told
    m_waiting += found->size();
    expected.below.emplace(path, *std::move(found));
    read_all(lock, expected, below);
    if (expected.is_left) return;
  }
}

void DirectoriesAhead::work() {
  std::unique_lock lock(m_mutex);
  for (;;) {
    m_changed.wait(lock, [this] { return m_is_ending || has_work(); });
    if (m_is_ending) return;
    const ExpectedPointer last = *--m_taken;
    lock.unlock();
    auto found = read(last->path);
    std::vector<std::string> below;
    if (found && last->goes_on == Below::not_ignored) below = directories_in(last->path, *found);
    lock.lock();
    if (found) m_waiting += found->size();
    last->found = std::move(found);
    m_changed.notify_all();
    read_all(lock, *last, below);
  }
}

}  // namespace ecrin::build
