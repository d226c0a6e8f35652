#include "run/network/keeper_socket.hpp"

#include <array>
#include <cerrno>

#include "base/posix.hpp"
#include "base/unix_socket.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_socket_name = "keeper.socket";
constexpr std::size_t k_largest_packet = 128 * 1024;

}  // namespace

Result<> send_keeper_packet(const Fd& socket, KeeperMessage kind, std::string_view text,
                            const Fd* descriptor) {
  if (text.size() > k_largest_packet) return fail(ErrorKind::limit, "a message about networks is too long");
  const std::array<const Fd*, 1> carried = {descriptor};
  TRY_WHILE(send_packet(socket, static_cast<char>(kind), text, std::span(carried).first(descriptor ? 1 : 0)),
            "speaking about networks");
  return {};
}

Result<std::optional<KeeperPacket>> receive_keeper_packet(const Fd& socket) {
  auto packet = TRY_WHILE(receive_packet(socket, k_largest_packet), "listening to news of networks");
  if (!packet) return std::nullopt;
  KeeperPacket received{
      .kind = static_cast<KeeperMessage>(packet->kind), .text = std::move(packet->payload), .descriptor = {}};
  if (!packet->descriptors.empty()) received.descriptor = std::move(packet->descriptors.front());
  return received;
}

Result<Fd> listen_for_containers(const Fd& directory) {
  return TRY_WHILE(listen_unix_socket(directory, k_socket_name, SocketKind::packets),
                   "making the socket of the keeper of networks");
}

Result<std::optional<Fd>> connect_to_keeper(const Fd& directory) {
  auto socket = connect_unix_socket(directory, k_socket_name, SocketKind::packets);
  if (socket) return std::move(*socket);
  if (socket.error().code() == ENOENT || socket.error().code() == ECONNREFUSED) return std::nullopt;
  return std::unexpected(std::move(socket).error().context("connecting to the keeper of networks"));
}

Result<> remove_keeper_socket(const Fd& directory) {
  return posix::unlink_at(directory, k_socket_name);
}

}  // namespace ecrin::run
