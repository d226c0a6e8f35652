// An ImageView mounted in this process's own mount namespace: one directory that has the whole image, to be
// the lower side of an overlay (fs/mount.hpp). It goes with the object, and with the process.
#pragma once

#include <memory>
#include <string>

#include "fs/fuse/image_server.hpp"
#include "fs/mount.hpp"

namespace ecrin::fs {

class ImageMount {
public:
  /// Who looks at the mount itself is to be checked by the kernel; the overlay above one checks by itself.
  enum class Permissions { unchecked, checked };
  /// On `target`, an existing directory. Needs a user namespace of our own, and /dev/fuse.
  static Result<ImageMount> create(const std::string& target, const ImageServer::Options& options,
                                   Permissions permissions = Permissions::unchecked);
  const std::string& path() const { return m_mounted.path(); }

private:
  ImageMount(std::unique_ptr<ImageServer> server, Mounted mounted)
      : m_server(std::move(server)), m_mounted(std::move(mounted)) {}
  // Unmounted first, while there is still somebody who answers.
  std::unique_ptr<ImageServer> m_server;
  Mounted m_mounted;
};

}  // namespace ecrin::fs
