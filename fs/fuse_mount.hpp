// FUSE mounts outside of our own namespaces, where the user's other programs see them. An ordinary user
// mounts through fusermount3, which is setuid; it hands over the connection, and whoever has that is the
// server.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace ecrin::fs {

/// Mounts on `target`, read-only. The connection is sent over `socket`; whoever has its other end takes it
/// with receive_connection(). Not inside a user namespace. `server`: who answers, as the list of mounts
/// tells.
Result<> mount_fuse(const std::string& target, const Fd& socket, std::string_view server,
                    const std::string& search_path);
Result<Fd> receive_connection(const Fd& socket);

/// lazy: also while it is in use; it goes with its last user.
enum class Unmount { when_idle, lazy };
Result<> unmount_fuse(const std::string& target, Unmount how, const std::string& search_path);

}  // namespace ecrin::fs
