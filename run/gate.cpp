#include "run/gate.hpp"

#include <cerrno>

#include "base/posix.hpp"
#include "base/unix_socket.hpp"
#include "run/message_socket.hpp"

namespace ecrin::run {
namespace {

Result<Fd> connect_to_gate(const Fd& state_directory) {
  auto socket = connect_unix_socket(state_directory, k_gate_name, SocketKind::packets);
  if (socket) return socket;
  if (socket.error().code() == ECONNREFUSED || socket.error().code() == ENOENT)
    return fail(ErrorKind::conflict, "the container is not in the state created");
  return std::unexpected(
      std::move(socket).error().context("reaching the container that waits to be started"));
}

}  // namespace

Result<Fd> make_gate(const Fd& state_directory) {
  return TRY_WHILE(listen_unix_socket(state_directory, k_gate_name, SocketKind::packets),
                   "making the gate of the container");
}

Result<> open_gate(const Fd& state_directory) {
  const Fd connection = TRY(connect_to_gate(state_directory));
  if (auto sent = send_message(connection, StageMessage::start); !sent)
    return fail(ErrorKind::conflict, "the container is not in the state created");
  bool ready = false;
  while (std::optional<Message> message = TRY(receive_message(connection))) {
    if (message->kind == StageMessage::ready) ready = true;
    if (message->kind != StageMessage::error) continue;
    (void)posix::unlink_at(state_directory, k_gate_name);
    std::optional<Error> error = Error::parse(message->payload);
    if (error) return std::unexpected(std::move(*error));
    return fail(ErrorKind::invalid, "the stage of the container failed and cannot say why");
  }
  // Only who was answered: a start of somebody else's may be under way.
  if (!ready) return fail(ErrorKind::conflict, "the container ended, or was started by another command");
  (void)posix::unlink_at(state_directory, k_gate_name);
  return {};
}

bool waits_at_gate(const Fd& state_directory) {
  return connect_to_gate(state_directory).has_value();
}

}  // namespace ecrin::run
