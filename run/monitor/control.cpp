#include "run/monitor/control.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_name = "control";
constexpr int k_backlog = 64;

Result<sockaddr_un> address_in(const Fd& directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("{}/{}", posix::fd_path(directory), k_name);
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::limit, "the path of a socket is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Result<Fd> make_socket(int flags) {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!socket) return fail_errno("cannot make a socket for the container");
  return socket;
}

std::vector<Fd> take_descriptors(msghdr& header) {
  std::vector<Fd> descriptors;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof number, sizeof number);
      descriptors.emplace_back(number);
    }
  }
  return descriptors;
}

}  // namespace

Result<> send_control(const Fd& socket, PacketKind kind, std::string_view payload,
                      const std::vector<const Fd*>& descriptors) {
  if (payload.size() > k_packet_limit || descriptors.size() > k_packet_descriptors)
    return fail(ErrorKind::limit, "a message of {} bytes is too long for a container's monitor",
                payload.size());
  char word = static_cast<char>(kind);
  std::array<iovec, 2> parts = {
      iovec{.iov_base = &word, .iov_len = 1},
      iovec{.iov_base = const_cast<char*>(payload.data()), .iov_len = payload.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(k_packet_descriptors * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int number = descriptors[i]->get();
      std::memcpy(CMSG_DATA(part) + i * sizeof number, &number, sizeof number);
    }
  }
  while (::sendmsg(socket.get(), &header, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return fail_errno("cannot send a message about a container");
  }
  return {};
}

Result<std::optional<Packet>> receive_control(const Fd& socket) {
  std::string buffer(k_packet_limit + 1, '\0');
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(k_packet_descriptors * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do size = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno != ECONNRESET) return fail_errno("cannot receive a message about a container");
  if (size <= 0) return std::nullopt;
  Packet packet{
      .kind = static_cast<PacketKind>(buffer[0]), .payload = {}, .descriptors = take_descriptors(header)};
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return fail(ErrorKind::limit, "a message about a container is too long");
  buffer.resize(static_cast<std::size_t>(size));
  buffer.erase(0, 1);
  packet.payload = std::move(buffer);
  return packet;
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
  const int code = payload.empty() ? 125 : static_cast<unsigned char>(payload.front());
  auto error = payload.empty() ? std::nullopt : Error::parse(payload.substr(1));
  if (!error) return {Error(ErrorKind::system, "the container's monitor failed and cannot say why"), code};
  return {std::move(*error), code};
}

Result<Fd> listen_for_control(const Fd& directory) {
  Fd socket = TRY(make_socket(SOCK_NONBLOCK));
  // What a dead one left; whoever listens has the container's lock.
  const auto removed = posix::unlink_at(directory, k_name);
  if (!removed && removed.error().kind() != ErrorKind::not_found) return std::unexpected(removed.error());
  const sockaddr_un address = TRY(address_in(directory));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot make the control socket of the container");
  if (::listen(socket.get(), k_backlog) != 0)
    return fail_errno("cannot listen on the control socket of the container");
  return socket;
}

Result<Fd> connect_to_control(const Fd& directory) {
  Fd socket = TRY(make_socket(0));
  const sockaddr_un address = TRY(address_in(directory));
  int result = 0;
  do result = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  while (result != 0 && errno == EINTR);
  if (result != 0) {
    if (errno == ECONNREFUSED || errno == ENOENT)
      return fail(ErrorKind::not_found, "the container is not running");
    return fail_errno("cannot connect to the container's monitor");
  }
  TRY(check_peer(socket));
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
  TRY(send_control(socket, PacketKind::request, dump_json(request), descriptors));
  auto packet = TRY(receive_control(socket));
  if (!packet) return fail(ErrorKind::not_found, "the container ended");
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
