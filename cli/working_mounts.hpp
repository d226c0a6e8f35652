// How `ecrin mount` shows a working container: inside `ecrin unshare` a mount of the kernel's overlay, which
// that session sees; elsewhere, or where the overlay cannot be used, a copy. What works on mounted containers
// has their locks.
#pragma once

#include <optional>
#include <string>

#include "base/cancel.hpp"
#include "build/working_mounts.hpp"
#include "cli/image_mounts.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

/// Can this process see the mount?
bool is_visible(const build::WorkingMount& mount, const std::optional<SharedNamespace>& shared);

/// Mounts the container, or finds that it is mounted; the directory where its tree is.
Result<std::string> mount_working(Session& session, const std::string& name, const CancelToken& cancel);

/// Takes the mount down and makes a step of what was written. One that is not mounted is left alone.
Result<> unmount_working(Session& session, const std::string& name, const CancelToken& cancel);

/// Takes the mount of a container that is going down, and what was written with it.
Result<> drop_mount(Session& session, const std::string& name);

}  // namespace ecrin::cli
