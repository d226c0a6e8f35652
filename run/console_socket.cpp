#include "run/console_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/message_socket.hpp"

namespace ecrin::run {

Result<Fd> connect_console_socket(const std::string& path) {
  // Through a descriptor, as the address of a socket is short.
  const Fd place = TRY(posix::open(path, O_PATH));
  if (!S_ISSOCK(TRY(posix::stat_fd(place)).st_mode))
    return fail(ErrorKind::invalid, "the console socket '{}' is not a socket", printable(path));
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("cannot make a socket");
  const sockaddr_un address = TRY(socket_address(posix::fd_path(place)));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot connect to the console socket '{}'", printable(path));
  return socket;
}

Result<> send_console(const Fd& socket, const Fd& master, const std::string& name) {
  return send_message(socket, name, &master);
}

}  // namespace ecrin::run
