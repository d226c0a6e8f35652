// A FUSE mount of an image where all of the user's programs see it. Two processes are needed: this one stays
// outside, because only there fusermount3 can mount for everybody; its child enters the user namespace, where
// the layers' files can be read, and leaves the server behind.
#pragma once

#include <string>

#include "cli/session.hpp"

namespace ecrin::cli {

enum class FuseServer { fuse_overlayfs, ecrin };

/// Forks: to be called while there is one thread and nothing of the store is open.
Result<std::string> mount_outside(Session& session, const std::string& image, FuseServer server,
                                  const CancelToken& cancel);

}  // namespace ecrin::cli
