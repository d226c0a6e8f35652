// A console socket: who starts a container with a terminal through an OCI runtime listens on a unix socket,
// and gets the terminal's master end there (SCM_RIGHTS) in a message whose text is the terminal's name.
#pragma once

#include <string>

#include "base/fd.hpp"

namespace ecrin::run {

/// Connects to the listening socket at this path, of any length.
Result<Fd> connect_console_socket(const std::string& path);
Result<> send_console(const Fd& socket, const Fd& master, const std::string& name);

}  // namespace ecrin::run
