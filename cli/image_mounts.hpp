// How `ecrin image mount` shows an image, depending on where it is called:
//   outside       a FUSE mount that all of the user's programs see, served by fuse-overlayfs or, with --fuse,
//   by
//                 ecrin; where there is no fuse-overlayfs, a copy
//   in `ecrin unshare`  a mount of the kernel's overlay, which that shell and its programs see
#pragma once

#include <optional>
#include <string>

#include "build/image_mounts.hpp"
#include "cli/outside_mount.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

/// The session of `ecrin unshare` that this process is in.
struct SharedNamespace {
  std::string lease;
  std::string name;  // of the mount namespace, as the kernel tells it
  std::string to_string() const { return lease + " " + name; }
};
inline constexpr const char* k_shared_namespace_variable = "ECRIN_UNSHARE";
Result<std::string> mount_namespace_name();
std::optional<SharedNamespace> shared_namespace(const Environment& environment);

/// Mounts the image, or finds that it is mounted; the directory where its tree is.
Result<std::string> mount_image(Session& session, const std::string& image, FuseServer server,
                                const CancelToken& cancel);

enum class Force { no, yes };
/// Takes a mount down and gives up what it held.
Result<> unmount_image(Session& session, build::ImageMounts& mounts, const build::ImageMount& mount,
                       Force force);

/// Takes away what is left of mounts whose server or session is gone. Before a user namespace is entered,
/// because a FUSE mount without a server can be taken down only from where it was made.
Result<> clear_dead_mounts(Session& session);

/// Can this process see the mount?
bool is_visible(const build::ImageMount& mount, const std::optional<SharedNamespace>& shared);

}  // namespace ecrin::cli
