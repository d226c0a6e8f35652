#include "run/console_socket.hpp"

#include <array>

#include "base/text.hpp"
#include "base/unix_socket.hpp"

namespace ecrin::run {

Result<Fd> connect_console_socket(const std::string& path) {
  return TRY_WHILE(connect_unix_socket(path), "connecting to the console socket '{}'", printable(path));
}

Result<> send_console(const Fd& socket, const Fd& master, const std::string& name) {
  return send_with_descriptors(socket, name, std::array{&master});
}

Result<Fd> connect_pidfd_socket(const std::string& path) {
  return TRY_WHILE(connect_unix_socket(path), "connecting to the pidfd socket '{}'", printable(path));
}

Result<> send_pidfd(const Fd& socket, const Fd& process) {
  return send_with_descriptors(socket, "pidfd", std::array{&process});
}

}  // namespace ecrin::run
