#include "run/gate.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "run/message_socket.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_name = "gate";

// Through a descriptor, as the address of a socket is short.
Result<sockaddr_un> gate_address(const Fd& state_directory) {
  return socket_address(posix::fd_path(state_directory) + "/" + k_name);
}

Result<Fd> make_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("cannot make a socket");
  return socket;
}

Result<Fd> connect_to_gate(const Fd& state_directory) {
  Fd socket = TRY(make_socket());
  const sockaddr_un address = TRY(gate_address(state_directory));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return socket;
  if (errno == ECONNREFUSED || errno == ENOENT)
    return fail(ErrorKind::conflict, "the container is not in the state created");
  return fail_errno("cannot reach the container that waits to be started");
}

}  // namespace

Result<Fd> make_gate(const Fd& state_directory) {
  Fd socket = TRY(make_socket());
  const sockaddr_un address = TRY(gate_address(state_directory));
  if (auto removed = posix::unlink_at(state_directory, k_name);
      !removed && removed.error().kind() != ErrorKind::not_found)
    return std::unexpected(std::move(removed).error());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot make the socket '{}' in the state directory of the container", k_name);
  if (::listen(socket.get(), 16) != 0) return fail_errno("cannot listen for the container's start");
  return socket;
}

Result<> open_gate(const Fd& state_directory) {
  const Fd connection = TRY(connect_to_gate(state_directory));
  if (auto sent = send_message(connection, StageMessage::start); !sent)
    return fail(ErrorKind::conflict, "the container is not in the state created");
  bool ready = false;
  while (std::optional<Message> message = TRY(receive_message(connection))) {
    if (message->kind == StageMessage::ready) ready = true;
    if (message->kind != StageMessage::error) continue;
    (void)posix::unlink_at(state_directory, k_name);
    std::optional<Error> error = Error::parse(message->payload);
    if (error) return std::unexpected(std::move(*error));
    return fail(ErrorKind::invalid, "the stage of the container failed and cannot say why");
  }
  // Only who was answered: a start of somebody else's may be under way.
  if (!ready) return fail(ErrorKind::conflict, "the container ended, or was started by another command");
  (void)posix::unlink_at(state_directory, k_name);
  return {};
}

bool waits_at_gate(const Fd& state_directory) {
  return connect_to_gate(state_directory).has_value();
}

}  // namespace ecrin::run
