// Mounts that layer drivers make in this process's own mount namespace.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace ecrin::fs {

/// A file system mounted at a path of ours; taken down at scope exit.
class Mounted {
public:
  Mounted() = default;
  explicit Mounted(std::string path) : m_path(std::move(path)) {}
  Mounted(Mounted&& other) noexcept : m_path(std::exchange(other.m_path, {})) {}
  Mounted& operator=(Mounted&& other) noexcept {
    std::swap(m_path, other.m_path);
    return *this;
  }
  ~Mounted();
  const std::string& path() const { return m_path; }
  /// A mount that is still in use is detached: it goes when its last user does.
  Result<> unmount();
  /// Leaves it mounted.
  void keep() { m_path.clear(); }

private:
  std::string m_path;
};

struct OverlayParts {
  std::vector<Fd> lowers;  // top first; at least one
  Fd upper;                // empty: read-only, which kernels before 6.5 refuse with fewer than two lowers
  Fd work;
  // They are not all of one file system. With "xino" the tree has one device all the same, as trees of one
  // file system have, and no two files in it the same number.
  bool is_mixed = false;
};
/// Kernel overlayfs with userxattr (Linux 5.11), volatile when it has an upper directory: nothing is synced,
/// which the store does once for all layers.
Result<Mounted> mount_overlay(const OverlayParts& parts, const std::string& target);

}  // namespace ecrin::fs
