// Trees of layers for reading that stay when the process that made them ends: what `ecrin image mount` shows.
// All are at <scratch>/merged. Called inside our user namespace.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/fd.hpp"

namespace ecrin::fs {

struct LastingRequest {
  std::vector<std::string> layers;  // absolute paths, bottom first
  std::string scratch;              // absolute path of an empty directory, which stays as long as the tree
};

/// Kernel overlay, in this process's mount namespace; it lives as long as that.
Result<> mount_lasting_overlay(const LastingRequest& request);

/// Leaves a fuse-overlayfs behind that answers on `connection`, mounted elsewhere. It shows owners and modes
/// as they are in the image, and lets the one user who may look at the mount read everything. It keeps
/// `lease` open, and writes its complaints to <scratch>/log.
Result<> serve_lasting_tree(const LastingRequest& request, const Fd& connection, const Fd& lease,
                            const std::string& search_path);

/// Real files, reflinked where possible.
Result<> copy_lasting_tree(const LastingRequest& request, const CancelToken* cancel);

}  // namespace ecrin::fs
