#include "base/log.hpp"
#include "base/posix.hpp"
#include "fs/changeset.hpp"
#include "fs/driver_parts.hpp"
#include "fs/lower_tree.hpp"
#include "fs/tree.hpp"

namespace ecrin::fs {

namespace {

constexpr const char* k_merged = "merged";
constexpr const char* k_clock = "clock";

class CopiedTree final : public MountedTree {
public:
  CopiedTree(const TreeRequest& request, Fd scratch)
      : m_path(request.scratch + "/" + k_merged), m_request(request), m_scratch(std::move(scratch)) {}
  ~CopiedTree() override {
    if (!m_scratch) return;
    if (auto removed = remove_tree(m_scratch, k_merged); !removed) {
      log::warning("cannot remove '{}': {}", m_path, removed.error().message());
    }
  }

  const std::string& path() const override { return m_path; }

  Result<> fill() {
    const Fd merged = TRY(scratch_directory(m_request.scratch, k_merged));
    LowerTree lower = TRY(LowerTree::of_layers(m_request.lowers));
    const bool writable = !m_request.upper.empty();
    TRY(materialise(lower, merged, writable ? Hardlinks::split : Hardlinks::keep));
    // The clock of this file system, read where it counts: what is touched from now on has at least this
    // ctime.
    TRY(posix::mkdir_at(m_scratch, k_clock, 0700));
    m_filled = TRY(posix::lstat_at(m_scratch, k_clock)).st_ctim;
    return posix::unlink_at(m_scratch, k_clock, AT_REMOVEDIR);
  }

  Result<> finish() override {
    if (!m_request.upper.empty()) {
      const Fd merged = TRY(posix::open(m_path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
      const Fd upper = TRY(posix::open(m_request.upper, O_PATH | O_DIRECTORY | O_NOFOLLOW));
      LowerTree lower = TRY(LowerTree::of_layers(m_request.lowers));
      TRY(extract_changes(lower, merged, upper, m_filled));
    }
    const Fd scratch = std::exchange(m_scratch, Fd());
    return remove_tree(scratch, k_merged);
  }

private:
  std::string m_path;
  TreeRequest m_request;
  Fd m_scratch;  // empty: taken down
  struct timespec m_filled = {};
};

class CopyDriver final : public LayerDriver {
public:
  DriverKind kind() const override { return DriverKind::copy; }

  Result<std::unique_ptr<MountedTree>> mount(const TreeRequest& request) override {
    Fd scratch = TRY(posix::open(request.scratch, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    auto tree = std::make_unique<CopiedTree>(request, std::move(scratch));
    TRY(tree->fill());
    return tree;
  }
};

}  // namespace

std::unique_ptr<LayerDriver> make_copy_driver() {
  return std::make_unique<CopyDriver>();
}

}  // namespace ecrin::fs
