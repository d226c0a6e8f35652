#include "fs/driver_parts.hpp"
#include "fs/mount.hpp"

namespace ecrin::fs {

namespace {

class OverlayTree final : public MountedTree {
public:
  OverlayTree(Mounted mounted, Fd upper, RootMetadata root)
      : m_path(mounted.path()),
        m_upper(std::move(upper)),
        m_root(std::move(root)),
        m_mounted(std::move(mounted)) {}

  const std::string& path() const override { return m_path; }
  Result<> finish() override {
    TRY(m_mounted.unmount());
    return m_upper ? settle_upper_root(m_upper, m_root) : Result<>{};
  }

private:
  std::string m_path;
  Fd m_upper;
  RootMetadata m_root;
  Mounted m_mounted;
};

class OverlayDriver final : public LayerDriver {
public:
  DriverKind kind() const override { return DriverKind::overlay; }

  Result<std::unique_ptr<MountedTree>> mount(const TreeRequest& request) override {
    return mount_stack(TRY(open_stack(request)), request.scratch);
  }
};

}  // namespace

Result<std::unique_ptr<MountedTree>> mount_stack(Stack stack, const std::string& scratch) {
  OverlayParts parts{.lowers = std::move(stack.lowers), .is_mixed = stack.is_mixed};
  if (stack.upper) {
    parts.upper = TRY(stack.upper.duplicate());
    parts.work = TRY(scratch_directory(scratch, "work"));
  }
  TRY(scratch_directory(scratch, "merged"));
  Mounted mounted = TRY(mount_overlay(parts, scratch + "/merged"));
  return std::make_unique<OverlayTree>(std::move(mounted), std::move(stack.upper), std::move(stack.root));
}

std::unique_ptr<LayerDriver> make_overlay_driver() {
  return std::make_unique<OverlayDriver>();
}

}  // namespace ecrin::fs
