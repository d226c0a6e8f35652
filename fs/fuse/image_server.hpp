// ImageServer: answers the kernel's questions about a FUSE mount out of an ImageView, which makes the view a
// file system. The kernel remembers all answers for good, so that each is given once.
//
// Ids and modes are those of the layers; the mount's own user namespace says whose they are. Permissions are
// not checked here: the mount is the lower side of an overlay, which does, or one that a single user can
// enter.
#pragma once

#include <functional>
#include <memory>

#include "base/fd.hpp"
#include "fs/fuse/image_usage.hpp"
#include "fs/fuse/image_view.hpp"

namespace ecrin::fs {

class ImageServer {
public:
  /// `recorder`: may be nullptr; then the kernel is also told of files while their directory is listed, which
  /// it would otherwise look up one by one. Both must outlive the server.
  struct Options {
    ImageView* view = nullptr;
    UsageRecorder* recorder = nullptr;
    unsigned threads = 2;
  };
  /// Answers on `connection`, a descriptor of /dev/fuse that is mounted already, or is about to be.
  static Result<std::unique_ptr<ImageServer>> start(Fd connection, const Options& options);
  /// Answers no more, which ends the connection: what is still mounted is dead.
  virtual ~ImageServer() = default;
  /// Until it is unmounted. Not in the destructor's way: call it in the thread that owns the server.
  virtual void wait() = 0;

protected:
  ImageServer() = default;
};

}  // namespace ecrin::fs
