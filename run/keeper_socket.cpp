#include "run/keeper_socket.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_socket_name = "keeper.socket";
constexpr std::size_t k_largest_packet = 128 * 1024;
constexpr int k_backlog = 128;

struct KeeperAddress {
  sockaddr_un name{};
  socklen_t size = sizeof name;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

// By the directory's descriptor: the store may lie deeper than a socket's name is long.
KeeperAddress keeper_address(const Fd& directory) {
  KeeperAddress address;
  address.name.sun_family = AF_UNIX;
  const std::string path = posix::fd_path(directory) + "/" + k_socket_name;
  std::memcpy(address.name.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Result<Fd> new_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("cannot make a socket");
  return socket;
}

}  // namespace

Result<> send_packet(const Fd& socket, KeeperMessage kind, std::string_view text, const Fd* descriptor) {
  if (text.size() >= k_largest_packet) return fail(ErrorKind::limit, "a message about networks is too long");
  char letter = static_cast<char>(kind);
  std::array<iovec, 2> parts = {iovec{.iov_base = &letter, .iov_len = 1},
                                iovec{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  if (descriptor) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* carried = CMSG_FIRSTHDR(&header);
    carried->cmsg_level = SOL_SOCKET;
    carried->cmsg_type = SCM_RIGHTS;
    carried->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = descriptor->get();
    std::memcpy(CMSG_DATA(carried), &number, sizeof number);
  }
  ssize_t sent = 0;
  do sent = ::sendmsg(socket.get(), &header, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return fail_errno("cannot send a message about networks");
  return {};
}

Result<std::optional<KeeperPacket>> receive_packet(const Fd& socket) {
  std::string buffer(k_largest_packet, '\0');
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do size = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno != ECONNRESET) return fail_errno("cannot receive a message about networks");
  if (size <= 0) return std::nullopt;
  KeeperPacket packet{.kind = static_cast<KeeperMessage>(buffer[0]),
                      .text = buffer.substr(1, static_cast<std::size_t>(size) - 1),
                      .descriptor = {}};
  const cmsghdr* carried = CMSG_FIRSTHDR(&header);
  if (carried && carried->cmsg_level == SOL_SOCKET && carried->cmsg_type == SCM_RIGHTS) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(carried), sizeof number);
    packet.descriptor = Fd(number);
  }
  return packet;
}

Result<Fd> listen_for_containers(const Fd& directory) {
  if (const auto there = TRY(posix::exists_at(directory, k_socket_name)); there == posix::Exists::yes)
    TRY(remove_keeper_socket(directory));  // of a keeper that was killed
  Fd socket = TRY(new_socket());
  const KeeperAddress address = keeper_address(directory);
  if (::bind(socket.get(), address.get(), address.size) != 0 || ::listen(socket.get(), k_backlog) != 0)
    return fail_errno("cannot make the socket of the keeper of networks");
  return socket;
}

Result<std::optional<Fd>> connect_to_keeper(const Fd& directory) {
  Fd socket = TRY(new_socket());
  const KeeperAddress address = keeper_address(directory);
  int status = 0;
  do status = ::connect(socket.get(), address.get(), address.size);
  while (status != 0 && errno == EINTR);
  if (status == 0) return socket;
  if (errno == ENOENT || errno == ECONNREFUSED) return std::nullopt;
  return fail_errno("cannot connect to the keeper of networks");
}

Result<> remove_keeper_socket(const Fd& directory) {
  return posix::unlink_at(directory, k_socket_name);
}

}  // namespace ecrin::run
