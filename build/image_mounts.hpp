// ImageMounts: which images `ecrin image mount` has made visible, and where. Table `image_mounts`; a mount's
// files are in <store>/mounts/<id>/, the tree is `merged` there.
//
// A mount holds its image and layers through a lease that outlives the process that made it: the server of a
// FUSE mount keeps the lease's lock open, a mount inside `ecrin unshare` is tied to that session's lease. A
// copy needs neither process nor layers; its row is good until the next boot.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/store.hpp"
#include "oci/digest.hpp"

namespace ecrin::build {

struct ImageMount {
  enum class Kind { fuse, overlay, copy };
  std::string id;
  std::string manifest;  // digest
  std::string image;     // its ID: the config's digest
  Kind kind = Kind::copy;
  std::string lease;       // "" for a copy that is complete
  std::string name_space;  // overlay: the mount namespace that sees it
};
std::string_view to_string(ImageMount::Kind kind);

class ImageMounts {
public:
  static Result<ImageMounts> open(Store& store);

  /// A directory for a new mount, 0700.
  Result<std::string> make_directory(const std::string& id);
  std::string directory(const std::string& id) const;
  std::string path(const ImageMount& mount) const { return directory(mount.id) + "/merged"; }
  /// Records it, or what is new about it. A mount is recorded before its directory is made, so that whatever
  /// stops the work leaves nothing that prune does not find.
  Result<> put(const ImageMount& mount);
  /// Those that are there: their lease lives, or they are copies of this boot.
  Result<std::vector<ImageMount>> list();
  /// Those whose lease is gone; their files are left-overs.
  Result<std::vector<ImageMount>> dead();
  /// Gives up what the mount held and removes its files and its row. It must be unmounted.
  Result<> remove(const ImageMount& mount);
  /// Manifests of images that are mounted: no garbage.
  Result<std::set<std::string>> mounted_manifests();

private:
  explicit ImageMounts(Store& store) : m_store(&store) {}
  enum class State { alive, dead };
  Result<std::vector<ImageMount>> list_where(State wanted);
  Store* m_store;
};

}  // namespace ecrin::build
