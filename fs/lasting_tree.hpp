// Trees of layers that stay when the process that made them ends: what `ecrin image mount` shows for reading,
// and `ecrin mount` for writing. All are at <scratch>/merged. Called inside our user namespace.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/fd.hpp"

namespace ecrin::fs {

struct LastingRequest {
  std::vector<std::string> layers;  // absolute paths, bottom first
  std::string scratch;              // absolute path of an empty directory, which stays as long as the tree
  std::string upper = "";           // absolute path of a directory for what is written; "" = for reading only
};

/// Kernel overlay, in this process's mount namespace; it lives as long as that.
Result<> mount_lasting_overlay(const LastingRequest& request);

/// Leaves a fuse-overlayfs behind that answers on `connection`, mounted elsewhere. It shows owners and modes
/// as they are in the image, and lets the one user who may look at the mount read everything. It keeps
/// `lease` open, and writes its complaints to <scratch>/log.
Result<> serve_lasting_tree(const LastingRequest& request, const Fd& connection, const Fd& lease,
                            const std::string& search_path);

/// The same with a file system of ecrin's own (fs/fuse): a process that this one leaves behind. To be called
/// while there is one thread. Its complaints go to <scratch>/log too. What it needs is made by the first one,
/// which tells what stands against it.
Result<> prepare_lasting_image(const LastingRequest& request, const CancelToken* cancel);
Result<> serve_lasting_image(const LastingRequest& request, const Fd& connection, const Fd& lease);

/// Real files, reflinked where possible.
Result<> copy_lasting_tree(const LastingRequest& request, const CancelToken* cancel);

/// Afterwards `upper` has what was written, in a form that fs::canonicalise knows. Of an overlay that was
/// unmounted; of a copy to which nobody writes any more. Both may be done again.
Result<> settle_lasting_overlay(const LastingRequest& request);
Result<> collect_lasting_copy(const LastingRequest& request, const CancelToken* cancel);

}  // namespace ecrin::fs
