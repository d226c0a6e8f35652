#include "fs/fuse/image_mount.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::fs {

Result<ImageMount> ImageMount::create(const std::string& target, const ImageServer::Options& options,
                                      Permissions permissions) {
  // Opened here: the kernel wants the descriptor to be of the user namespace in which it is mounted.
  auto connection = posix::open("/dev/fuse", O_RDWR);
  if (!connection) {
    return std::unexpected(
        std::move(connection).error().hint("let this user open /dev/fuse, and load the module fuse"));
  }
  const std::string mount_options =
      fmt::format("fd={},rootmode=40755,user_id={},group_id={},allow_other{}", connection->get(), ::geteuid(),
                  ::getegid(), permissions == Permissions::checked ? ",default_permissions" : "");
  if (::mount("ecrin", target.c_str(), "fuse.ecrin", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOATIME,
              mount_options.c_str()) < 0) {
    return fail_errno("cannot mount an image at '{}'", printable(target));
  }
  Mounted mounted(target);
  auto server = TRY(ImageServer::start(std::move(*connection), options));
  return ImageMount(std::move(server), std::move(mounted));
}

}  // namespace ecrin::fs
