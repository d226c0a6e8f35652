// Files that stand in a tree while a program runs in it, in the place of mounts (chroot_plan.hpp). What they
// cover is moved aside, next to the tree, and back at the end.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/file_lock.hpp"
#include "run/chroot/chroot_plan.hpp"

namespace ecrin::run {

class PlacedFiles {
public:
  static Result<PlacedFiles> place(const std::string& rootfs, const std::vector<Placement>& placements);
  PlacedFiles(PlacedFiles&&) noexcept = default;
  PlacedFiles& operator=(PlacedFiles&&) = delete;
  ~PlacedFiles();  // restores what restore() did not

  /// Names that were not in the tree and are now, as mount points would be (without a leading slash).
  const std::vector<std::string>& created() const { return m_created; }
  /// No program uses the tree any more when this is called.
  Result<> restore();

private:
  struct Placed {
    Fd parent;            // O_PATH
    std::string name;     // in it
    std::string covered;  // name of the original in the directory beside the tree; "": there was none
    bool is_directory = false;
    bool is_inside = false;  // another one, which is taken away as a whole
    std::string kept_as;     // path that takes over what is there now
  };
  PlacedFiles() = default;
  Result<> lock_kept(const std::vector<Placement>& placements);
  Result<> add(const Placement& placement);
  Result<Fd> open_parent(const std::string& path, bool is_inside);
  Result<> put(const Fd& parent, const std::string& name, const Placement& placement);
  Result<> take_away(const Placed& placed);
  bool is_inside_another(const std::string& target) const;

  Fd m_root;
  Fd m_beside;                // the directory that the tree is in
  std::string m_beside_name;  // of the directory in it with what is covered
  Fd m_covered;
  std::vector<std::string> m_directories;  // placed ones
  std::vector<Placed> m_placed;
  std::vector<std::string> m_created;
  std::vector<FileLock> m_locks;
};

}  // namespace ecrin::run
