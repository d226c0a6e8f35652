#include "fs/fuse/traced_tree.hpp"

#include <sys/stat.h>

#include <optional>

#include "base/posix.hpp"
#include "fs/driver_parts.hpp"
#include "fs/fuse/image_mount.hpp"

namespace ecrin::fs {
namespace {

class TracedOverlay final : public TracedTree {
public:
  TracedOverlay(std::unique_ptr<ImageView> view, std::string upper)
      : m_view(std::move(view)), m_recorder(*m_view), m_upper(std::move(upper)) {}

  Result<> mount(const TreeRequest& request) {
    Stack stack = TRY(open_stack(request));
    TRY(scratch_directory(request.scratch, "image"));
    m_image.emplace(
        TRY(ImageMount::create(request.scratch + "/image", {.view = m_view.get(), .recorder = &m_recorder})));
    stack.lowers.clear();
    stack.lowers.push_back(TRY(posix::open(m_image->path(), O_PATH | O_DIRECTORY)));
    stack.is_mixed = true;
    m_overlay = TRY(mount_stack(std::move(stack), request.scratch));
    return {};
  }

  const std::string& path() const override { return m_overlay->path(); }

  Result<> finish() override {
    auto finished = m_overlay->finish();
    m_image.reset();
    return finished;
  }

  Result<ImageTrace> trace(const ContentDigest& digest, const CancelToken* cancel) override {
    const auto upper = [this](const std::string& path) -> std::uint32_t {
      struct stat status;
      return ::lstat((m_upper + "/" + path).c_str(), &status) == 0 ? status.st_mode & S_IFMT : 0;
    };
    return trace_usage(m_recorder.usage(), *m_view, digest, upper, cancel);
  }

private:
  std::unique_ptr<ImageView> m_view;
  UsageRecorder m_recorder;
  std::string m_upper;
  std::optional<ImageMount> m_image;
  std::unique_ptr<MountedTree> m_overlay;  // unmounted before what it stands on
};

}  // namespace

Result<std::unique_ptr<TracedTree>> TracedTree::mount(const TreeRequest& request,
                                                      std::unique_ptr<ImageView> view) {
  auto tree = std::make_unique<TracedOverlay>(std::move(view), request.upper);
  TRY(tree->mount(request));
  return tree;
}

}  // namespace ecrin::fs
