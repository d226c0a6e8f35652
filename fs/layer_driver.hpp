// Layer drivers: how a stack of layer directories becomes one tree that a container can write to.
//   overlay         kernel overlayfs, mounted with userxattr and volatile (Linux 5.11; lowerdir+ from 6.5)
//   fuse-overlayfs  the program of that name, found on PATH
//   copy            real files, reflinked where possible; works everywhere
// All run inside our user and mount namespace. Chosen by probing, never by version.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

namespace ecrin::fs {

enum class DriverKind { overlay, fuse_overlayfs, copy };
std::string_view to_string(DriverKind kind);
Result<DriverKind> parse_driver(std::string_view name);

/// A mounted (or copied) tree. finish() or the destructor takes it down.
class MountedTree {
public:
  virtual ~MountedTree() = default;
  virtual const std::string& path() const = 0;  // absolute path of the merged root
  /// Takes the tree down; afterwards the request's `upper` holds the changes in overlay form or in the
  /// driver's own form that fs::canonicalise knows. Nothing uses the tree any more when this is called.
  virtual Result<> finish() = 0;
};

struct TreeRequest {
  std::vector<std::string> lowers;  // absolute paths of layer directories, bottom first; may be empty
  std::string upper;                // absolute path of an existing directory; "" = read-only tree
  std::string scratch;  // absolute path of an empty directory for work and mount point, same file system
  /// Absolute path of a directory in which a driver may keep a tree after its finish(), for the next one,
  /// till drop_kept() or the driver's end; "" = nothing is kept.
  std::string keep = "";
  /// Read-only, and no program gets it, only this process: then its files may be those of the layers.
  bool is_private = false;
};

class LayerDriver {
public:
  virtual ~LayerDriver() = default;
  virtual DriverKind kind() const = 0;
  virtual Result<std::unique_ptr<MountedTree>> mount(const TreeRequest& request) = 0;
  /// Removes the trees that were kept (TreeRequest::keep): none like them follows.
  virtual void drop_kept() {}
};

struct DriverProbe {
  DriverKind kind;
  std::string problem;  // "" = works here
  std::string hint;
};
/// Tries each driver once in `scratch` (an empty directory of the store). In our user and mount namespace.
std::vector<DriverProbe> probe_drivers(const std::string& scratch);
/// The wanted driver, or the first that works. Fails with the probe's reason when the wanted one does not.
/// `cache_file` (in the store) remembers a probe's success for this boot and this kernel, so that a start
/// does not probe.
Result<std::unique_ptr<LayerDriver>> make_driver(std::optional<DriverKind> wanted, const std::string& scratch,
                                                 const std::string& cache_file);

}  // namespace ecrin::fs
