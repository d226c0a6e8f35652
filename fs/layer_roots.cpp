#include "fs/layer_roots.hpp"

#include <ctime>
#include <map>
#include <mutex>
#include <optional>

#include "base/posix.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

struct Known {
  bool is_opaque = false;
  bool has_mark = false;
  bool has_many_names = false;
  std::shared_ptr<const Names> names;
};

std::int64_t nanoseconds(const struct timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// The kernel's clock for change times ticks every 10 ms at least: within one tick there may be another
// change.
bool is_settled(std::int64_t changed) {
  struct timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now) - changed > 20'000'000;
}

Result<> read_names(const Fd& directory, Known& known) {
  constexpr std::size_t k_most_names = 256;
  Names names;
  for (posix::DirectoryEntry& entry : TRY(posix::list_directory(directory)))
    names.push_back(std::move(entry.name));
  known.has_many_names = names.size() > k_most_names;
  if (!known.has_many_names) known.names = std::make_shared<const Names>(std::move(names));
  return {};
}

// Roots by inode, as long as the change time is the same.
class SeenRoots {
public:
  Result<Known> look_at(const Fd& directory) {
    const struct stat status = TRY(posix::stat_fd(directory));
    const Inode inode = inode_of(status);
    const std::int64_t changed = nanoseconds(status.st_ctim);
    std::optional<Known> seen = find(inode, changed);
    if (seen && (seen->names || seen->has_many_names)) return std::move(*seen);
    Known known;
    if (seen) {
      known = std::move(*seen);
      TRY(read_names(directory, known));
    } else {
      known.is_opaque = TRY(is_opaque(directory, "."));
      known.has_mark = TRY(has_root_mark(directory));
    }
    if (is_settled(changed)) keep(inode, changed, known);
    return known;
  }

private:
  static constexpr std::size_t k_most = 8192;
  struct Seen {
    std::int64_t changed = 0;
    Known known;
  };

  std::optional<Known> find(const Inode& inode, std::int64_t changed) {
    const std::scoped_lock lock(m_mutex);
    const auto seen = m_seen.find(inode);
    if (seen == m_seen.end() || seen->second.changed != changed) return std::nullopt;
    return seen->second.known;
  }
  void keep(const Inode& inode, std::int64_t changed, const Known& known) {
    const std::scoped_lock lock(m_mutex);
    if (m_seen.size() >= k_most) m_seen.clear();
    m_seen[inode] = {changed, known};
  }

  std::mutex m_mutex;
  std::map<Inode, Seen> m_seen;
};

}  // namespace

Result<LayerRoots> open_layer_roots(const std::vector<std::string>& layers) {
  static SeenRoots seen;
  LayerRoots roots;
  for (std::size_t i = layers.size(); i-- > 0 && !(roots.hides_below && roots.has_mark);) {
    Fd directory = TRY(posix::open(layers[i], O_PATH | O_DIRECTORY | O_NOFOLLOW));
    Known root = TRY(seen.look_at(directory));
    if (root.has_mark && !roots.has_mark) roots.metadata = TRY(root_metadata(directory));
    roots.has_mark = roots.has_mark || root.has_mark;
    if (roots.hides_below) continue;
    roots.hides_below = root.is_opaque;
    roots.visible.push_back({std::move(directory), std::move(root.names)});
  }
  return roots;
}

}  // namespace ecrin::fs
