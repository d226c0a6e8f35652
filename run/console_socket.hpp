// Sockets on which who starts a container through an OCI runtime listens for descriptors (SCM_RIGHTS).
//
// A console socket gets the master end of the container's terminal in a message whose text is the terminal's
// name; a pidfd socket the descriptor of the program's process in one with the text "pidfd".
#pragma once

#include <string>

#include "base/fd.hpp"

namespace ecrin::run {

/// Connects to the listening socket at this path, of any length.
Result<Fd> connect_console_socket(const std::string& path);
Result<> send_console(const Fd& socket, const Fd& master, const std::string& name);

Result<Fd> connect_pidfd_socket(const std::string& path);
Result<> send_pidfd(const Fd& socket, const Fd& process);

}  // namespace ecrin::run
