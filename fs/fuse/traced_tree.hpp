// TracedTree: a writable overlay over layers that tells what programs used of them: its lower side is an
// ImageMount. What they write goes to the upper directory at full speed.
#pragma once

#include <memory>
#include <string>

#include "base/cancel.hpp"
#include "fs/fuse/image_trace.hpp"
#include "fs/layer_driver.hpp"

namespace ecrin::fs {

class TracedTree : public MountedTree {
public:
  /// As the overlay driver mounts `request` (LayerDriver), whose lower layers are those of `view`; there is
  /// an upper directory. Needs kernel overlay and /dev/fuse.
  static Result<std::unique_ptr<TracedTree>> mount(const TreeRequest& request,
                                                   std::unique_ptr<ImageView> view);
  /// Of all that was done before finish(); call it afterwards.
  virtual Result<ImageTrace> trace(const ContentDigest& digest, const CancelToken* cancel = nullptr) = 0;
};

}  // namespace ecrin::fs
