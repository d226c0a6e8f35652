#include "fs/driver_parts.hpp"

#include "base/posix.hpp"
#include "fs/layer_roots.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {
constexpr int k_directory_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
}

Result<Fd> scratch_directory(const std::string& scratch, const std::string& name) {
  const Fd parent = TRY(posix::open(scratch, k_directory_flags));
  auto made = posix::mkdir_at(parent, name, 0700);
  if (!made && made.error().code() != EEXIST) return std::unexpected(std::move(made).error());
  return posix::open_at(parent, name, k_directory_flags);
}

Result<Stack> open_stack(const TreeRequest& request) {
  Stack stack;
  LayerRoots layers = TRY(open_layer_roots(request.lowers));
  stack.root = std::move(layers.metadata);
  if (request.upper.empty()) {
    stack.lowers.push_back(TRY(scratch_directory(request.scratch, "root")));
    TRY(set_root_metadata(stack.lowers.back(), stack.root));
  } else {
    stack.upper = TRY(posix::open(request.upper, k_directory_flags));
    TRY(set_root_metadata(stack.upper, stack.root));
  }
  for (LayerRoot& layer : layers.visible) stack.lowers.push_back(std::move(layer.directory));
  if (layers.visible.empty()) stack.lowers.push_back(TRY(scratch_directory(request.scratch, "empty")));
  return stack;
}

Result<> settle_upper_root(const Fd& upper, const RootMetadata& before) {
  const bool changed = TRY(root_metadata(upper)) != before;
  return put_root_mark(upper, changed ? RootMark::present : RootMark::absent);
}

}  // namespace ecrin::fs
