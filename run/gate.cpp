#include "run/gate.hpp"

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
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
    return std::unexpected(error_of(*message));
  }
  // Only who was answered: a start of somebody else's may be under way.
  if (!ready) return fail(ErrorKind::conflict, "the container ended, or was started by another command");
  (void)posix::unlink_at(state_directory, k_gate_name);
  return {};
}

Result<Entrance> ask_at_gate(const Fd& state_directory) {
  const Fd connection = TRY(connect_to_gate(state_directory));
  TRY(send_message(connection, StageMessage::enter));
  Entrance entrance;
  while (std::optional<Message> message = TRY(receive_message(connection))) {
    if (message->kind == StageMessage::error) return std::unexpected(error_of(*message));
    if (message->kind != StageMessage::enter || !message->descriptor) break;
    const auto flag = parse_unsigned(message->payload);
    if (!flag) break;
    if (*flag == 0)
      entrance.root = std::move(message->descriptor);
    else
      entrance.namespaces.push_back({.flag = *flag, .file = std::move(message->descriptor)});
  }
  if (!entrance.root)
    return fail(ErrorKind::conflict, "the container that waits to be started does not let anybody in");
  return entrance;
}

}  // namespace ecrin::run
