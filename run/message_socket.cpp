#include "run/message_socket.hpp"

#include <array>

#include "base/unix_socket.hpp"

namespace ecrin::run {

Result<> send_message(const Fd& socket, StageMessage kind, std::string_view payload, const Fd* descriptor) {
  if (payload.size() > k_stage_message_limit && kind != StageMessage::error)
    return fail(ErrorKind::limit, "a message to or from the stage is longer than {} bytes",
                k_stage_message_limit);
  const std::array<const Fd*, 1> carried = {descriptor};
  return send_packet(socket, static_cast<char>(kind), payload.substr(0, k_stage_message_limit),
                     std::span(carried).first(descriptor ? 1 : 0));
}

Result<std::optional<Message>> receive_message(const Fd& socket) {
  auto packet = TRY(receive_packet(socket, k_stage_message_limit));
  if (!packet) return std::nullopt;
  Message message{.kind = static_cast<StageMessage>(packet->kind), .payload = std::move(packet->payload)};
  if (!packet->descriptors.empty()) message.descriptor = std::move(packet->descriptors.front());
  return message;
}

Error error_of(const Message& message) {
  std::optional<Error> error = Error::parse(message.payload);
  if (error) return std::move(*error);
  return Error(ErrorKind::invalid, "the stage of the container failed and cannot say why");
}

}  // namespace ecrin::run
