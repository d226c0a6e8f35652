#include <algorithm>
#include <mutex>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/random.hpp"
#include "fs/changeset.hpp"
#include "fs/driver_parts.hpp"
#include "fs/lower_tree.hpp"
#include "fs/tree.hpp"
#include "fs/tree_copy.hpp"

namespace ecrin::fs {

namespace {

constexpr const char* k_merged = "merged";
constexpr std::size_t k_kept = 2;  // the tree of a step, and that of a stage beside it

Result<Fd> open_directory(const std::string& path) {
  return posix::open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

// A tree that a step has left. The next step's has most of the same files.
struct KeptCopy {
  Fd directory;  // where it is
  std::string name;
  std::vector<std::string> layers;
  CopyRecord record;
};

class KeptCopies {
public:
  KeptCopies() = default;
  KeptCopies(const KeptCopies&) = delete;
  KeptCopies& operator=(const KeptCopies&) = delete;
  ~KeptCopies() { drop(); }

  void drop() {
    const std::scoped_lock lock(m_mutex);
    for (const KeptCopy& copy : m_copies) discard(copy);
    m_copies.clear();
  }

  /// The one that has the most layers in common, if any.
  std::optional<KeptCopy> take(const std::vector<std::string>& layers) {
    const std::scoped_lock lock(m_mutex);
    auto best = m_copies.end();
    std::size_t most = 0;
    for (auto copy = m_copies.begin(); copy != m_copies.end(); ++copy) {
      const std::size_t common =
          static_cast<std::size_t>(std::ranges::mismatch(copy->layers, layers).in1 - copy->layers.begin());
      if (common <= most || !std::ranges::all_of(copy->layers, is_there)) continue;
      most = common;
      best = copy;
    }
    if (best == m_copies.end()) return std::nullopt;
    KeptCopy taken = std::move(*best);
    m_copies.erase(best);
    return taken;
  }

  void keep(KeptCopy copy) {
    const std::scoped_lock lock(m_mutex);
    m_copies.push_back(std::move(copy));
    if (m_copies.size() <= k_kept) return;
    discard(m_copies.front());
    m_copies.erase(m_copies.begin());
  }

private:
  // The inodes of a layer that was removed may be another one's by now.
  static bool is_there(const std::string& layer) { return open_directory(layer).has_value(); }
  static void discard(const KeptCopy& copy) {
    if (auto removed = remove_tree(copy.directory, copy.name); !removed)
      log::warning("cannot remove '{}': {}", copy.name, removed.error().message());
  }
  std::mutex m_mutex;
  std::vector<KeptCopy> m_copies;  // oldest first
};

class CopiedTree final : public MountedTree {
public:
  CopiedTree(const TreeRequest& request, Fd scratch, std::shared_ptr<KeptCopies> kept)
      : m_path(request.scratch + "/" + k_merged),
        m_request(request),
        m_scratch(std::move(scratch)),
        m_kept(std::move(kept)) {}
  ~CopiedTree() override {
    if (!m_scratch) return;
    if (auto removed = remove_tree(m_scratch, k_merged); !removed) {
      log::warning("cannot remove '{}': {}", m_path, removed.error().message());
    }
  }

  const std::string& path() const override { return m_path; }

  Result<> fill() {
    LowerTree lower = TRY(LowerTree::of_layers(m_request.lowers));
    if (m_request.upper.empty()) {
      const Fd merged = TRY(scratch_directory(m_request.scratch, k_merged));
      return materialise(lower, merged, Hardlinks::keep, nullptr,
                         m_request.is_private ? FileData::linked : FileData::copied);
    }
    take_kept();
    return renew_copy(lower, TRY(scratch_directory(m_request.scratch, k_merged)), m_scratch, m_record);
  }

  Result<> finish() override {
    if (!m_request.upper.empty()) {
      const Fd merged = TRY(open_directory(m_path));
      const Fd upper = TRY(open_directory(m_request.upper));
      LowerTree lower = TRY(LowerTree::of_layers(m_request.lowers));
      TRY(extract_changes(lower, merged, upper, &m_record));
    }
    const Fd scratch = std::exchange(m_scratch, Fd());
    if (keep(scratch)) return {};
    return remove_tree(scratch, k_merged);
  }

private:
  void take_kept() {
    auto copy = m_kept->take(m_request.lowers);
    if (!copy) return;
    if (auto moved = posix::rename_at(copy->directory, copy->name, m_scratch, k_merged); !moved) {
      log::debug("a tree that was kept cannot be used: {}", moved.error().message());
      m_kept->keep(std::move(*copy));
      return;
    }
    m_record = std::move(copy->record);
  }

  bool keep(const Fd& scratch) {
    if (m_request.upper.empty() || m_request.keep.empty()) return false;
    const auto kept = [&]() -> Result<> {
      KeptCopy copy{.directory = TRY(open_directory(m_request.keep)),
                    .name = "copy-" + random_hexadecimal(16),
                    .layers = m_request.lowers,
                    .record = std::move(m_record)};
      TRY(posix::rename_at(scratch, k_merged, copy.directory, copy.name));
      m_kept->keep(std::move(copy));
      return {};
    }();
    if (!kept) log::debug("a tree is not kept: {}", kept.error().message());
    return kept.has_value();
  }

  std::string m_path;
  TreeRequest m_request;
  Fd m_scratch;  // empty: taken down
  std::shared_ptr<KeptCopies> m_kept;
  CopyRecord m_record;
};

class CopyDriver final : public LayerDriver {
public:
  DriverKind kind() const override { return DriverKind::copy; }

  Result<std::unique_ptr<MountedTree>> mount(const TreeRequest& request) override {
    Fd scratch = TRY(open_directory(request.scratch));
    auto tree = std::make_unique<CopiedTree>(request, std::move(scratch), m_kept);
    TRY(tree->fill());
    return tree;
  }

  void drop_kept() override { m_kept->drop(); }

private:
  std::shared_ptr<KeptCopies> m_kept = std::make_shared<KeptCopies>();
};

}  // namespace

std::unique_ptr<LayerDriver> make_copy_driver() {
  return std::make_unique<CopyDriver>();
}

}  // namespace ecrin::fs
