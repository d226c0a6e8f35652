// A scope of systemd's for this process: a cgroup that the user's service manager hands over to us, with the
// controllers that the administrator gave to users. It is gone when its last process is.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace ecrin::run {

/// Moves this process into a new scope, by a call over D-Bus to the manager behind the first of these
/// addresses
/// ("unix:path=...") that answers. ErrorKind::not_found: none does, or libsystemd is not installed.
/// libsystemd is loaded when this is called and not before: what needs no limit pays nothing for it.
Result<> enter_systemd_scope(const std::vector<std::string>& addresses);

}  // namespace ecrin::run
