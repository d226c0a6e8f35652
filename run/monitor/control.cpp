#include "run/monitor/control.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/unix_socket.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_name = "control";

Error ended() {
  return Error(ErrorKind::not_found, "the container ended");
}

// A monitor that ends leaves those alone who connected to it in its last moment.
Error unless_gone(const Error& error) {
  return error.code() == EPIPE || error.code() == ECONNRESET ? ended() : error;
}

}  // namespace

Result<> send_control(const Fd& socket, PacketKind kind, std::string_view payload,
                      const std::vector<const Fd*>& descriptors) {
  if (payload.size() > k_packet_limit || descriptors.size() > k_socket_descriptors)
    return fail(ErrorKind::limit, "a message of {} bytes is too long for a container's monitor",
                payload.size());
  return send_packet(socket, static_cast<char>(kind), payload, descriptors);
}

Result<std::optional<Packet>> receive_control(const Fd& socket) {
  auto packet = TRY(receive_packet(socket, k_packet_limit));
  if (!packet) return std::nullopt;
  return Packet{.kind = static_cast<PacketKind>(packet->kind),
                .payload = std::move(packet->payload),
                .descriptors = std::move(packet->descriptors)};
}

PacketKind waiting_packet(const Fd& socket) {
  for (;;) {
    char kind = static_cast<char>(PacketKind::ended);
    const ssize_t size = ::recv(socket.get(), &kind, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return PacketKind::answer;
    if (size <= 0 || static_cast<PacketKind>(kind) != PacketKind::answer)
      return static_cast<PacketKind>(kind);
    if (::recv(socket.get(), &kind, 1, MSG_DONTWAIT) < 0) return PacketKind::ended;
  }
}

std::string encode_failure(const Error& error, int exit_code) {
  std::string text(1, static_cast<char>(exit_code));
  text += error.serialise();
  if (text.size() <= k_packet_limit) return text;
  return std::string(1, static_cast<char>(exit_code)) +
         Error(error.kind(), printable(error.message(), 4096)).serialise();
}

std::pair<Error, int> decode_failure(std::string_view payload) {
  const int code = payload.empty() ? 0 : static_cast<unsigned char>(payload.front());
  auto error = payload.empty() ? std::nullopt : Error::parse(payload.substr(1));
  if (!error) return {Error(ErrorKind::system, "the container's monitor failed and cannot say why"), code};
  return {std::move(*error), code};
}

Result<Fd> listen_for_control(const Fd& directory) {
  Fd socket = TRY_WHILE(listen_unix_socket(directory, k_name, SocketKind::packets),
                        "making the control socket of the container");
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0)
    return fail_errno("cannot set up the control socket of the container");
  return socket;
}

Result<Fd> connect_to_control(const Fd& directory) {
  auto socket = connect_unix_socket(directory, k_name, SocketKind::packets);
  if (!socket) {
    if (socket.error().code() == ECONNREFUSED || socket.error().code() == ENOENT)
      return fail(ErrorKind::not_found, "the container is not running");
    return std::unexpected(std::move(socket).error().context("connecting to the container's monitor"));
  }
  TRY(check_peer(*socket));
  return socket;
}

Result<> check_peer(const Fd& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail_errno("cannot see who is at the other end of a socket");
  if (peer.uid != ::geteuid())
    return fail(ErrorKind::denied, "the process at the other end of the control socket is another user's");
  return {};
}

Result<Json> ask(const Fd& socket, const Json& request, const std::vector<const Fd*>& descriptors,
                 std::vector<Fd>& received) {
  const auto sent = send_control(socket, PacketKind::request, dump_json(request), descriptors);
  if (!sent) return std::unexpected(unless_gone(sent.error()));
  auto answer = receive_control(socket);
  if (!answer) return std::unexpected(unless_gone(answer.error()));
  auto& packet = *answer;
  if (!packet) return std::unexpected(ended());
  if (packet->kind == PacketKind::error) return std::unexpected(decode_failure(packet->payload).first);
  if (packet->kind != PacketKind::answer)
    return fail(ErrorKind::invalid, "the container's monitor gave an answer that is none");
  received = std::move(packet->descriptors);
  return parse_json(packet->payload, "the answer of a container's monitor");
}

Result<Json> ask(const Fd& socket, const Json& request, const std::vector<const Fd*>& descriptors) {
  std::vector<Fd> received;
  return ask(socket, request, descriptors, received);
}

}  // namespace ecrin::run
