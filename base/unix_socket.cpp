#include "base/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin {
namespace {

constexpr int k_backlog = 128;
using Control = std::array<char, CMSG_SPACE(k_socket_descriptors * sizeof(int))>;

Result<sockaddr_un> address_of(const Fd& directory, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = posix::fd_path(directory) + "/" + name;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::limit, "the name of the socket '{}' is too long", printable(name));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Result<Fd> new_socket(SocketKind kind) {
  const int type = kind == SocketKind::stream ? SOCK_STREAM : SOCK_SEQPACKET;
  Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("cannot make a socket");
  return socket;
}

Result<> send_parts(const Fd& socket, std::span<iovec> parts, std::span<const Fd* const> descriptors) {
  if (descriptors.size() > k_socket_descriptors)
    return fail(ErrorKind::limit, "a message cannot carry {} descriptors", descriptors.size());
  alignas(cmsghdr) Control control{};
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* carried = CMSG_FIRSTHDR(&header);
    carried->cmsg_level = SOL_SOCKET;
    carried->cmsg_type = SCM_RIGHTS;
    carried->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int number = descriptors[i]->get();
      std::memcpy(CMSG_DATA(carried) + i * sizeof number, &number, sizeof number);
    }
  }
  while (::sendmsg(socket.get(), &header, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return fail_errno("cannot send a message");
  return {};
}

iovec part_of(std::string_view bytes) {
  return {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
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

Result<Fd> listen_unix_socket(const Fd& directory, const std::string& name, SocketKind kind) {
  const sockaddr_un address = TRY(address_of(directory, name));
  Fd socket = TRY(new_socket(kind));
  if (auto removed = posix::unlink_at(directory, name);
      !removed && removed.error().kind() != ErrorKind::not_found)
    return std::unexpected(std::move(removed).error());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot make the socket '{}'", printable(name));
  if (::listen(socket.get(), k_backlog) != 0) return fail_errno("cannot listen on '{}'", printable(name));
  return socket;
}

Result<Fd> connect_unix_socket(const Fd& directory, const std::string& name, SocketKind kind) {
  const sockaddr_un address = TRY(address_of(directory, name));
  Fd socket = TRY(new_socket(kind));
  int status = 0;
  do status = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  while (status != 0 && errno == EINTR);
  if (status != 0) return fail_errno("cannot connect to the socket '{}'", printable(name));
  return socket;
}

Result<Fd> connect_unix_socket(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const Fd directory = TRY(posix::open(parent, O_PATH | O_DIRECTORY));
  const std::string name = path.substr(slash + 1);
  auto socket = connect_unix_socket(directory, name, SocketKind::stream);
  if (socket || socket.error().code() != ECONNREFUSED) return socket;
  const auto status = posix::lstat_at(directory, name);
  if (status && !S_ISSOCK(status->st_mode) && !S_ISLNK(status->st_mode))
    return fail(ErrorKind::invalid, "'{}' is not a socket", printable(path));
  return socket;
}

Result<> send_with_descriptors(const Fd& socket, std::string_view bytes,
                               std::span<const Fd* const> descriptors) {
  iovec part = part_of(bytes);
  return send_parts(socket, std::span(&part, 1), descriptors);
}

Result<> send_packet(const Fd& socket, char kind, std::string_view payload,
                     std::span<const Fd* const> descriptors) {
  std::array<iovec, 2> parts = {part_of({&kind, 1}), part_of(payload)};
  return send_parts(socket, parts, descriptors);
}

Result<std::optional<SocketPacket>> receive_packet(const Fd& socket, std::size_t limit) {
  std::string buffer(limit + 1, '\0');
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  alignas(cmsghdr) Control control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do size = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno != ECONNRESET) return fail_errno("cannot receive a message");
  if (size <= 0) return std::nullopt;
  SocketPacket packet{.kind = buffer[0], .payload = {}, .descriptors = take_descriptors(header)};
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return fail(ErrorKind::limit, "a message is longer than {} bytes", limit);
  packet.payload = buffer.substr(1, static_cast<std::size_t>(size) - 1);
  return packet;
}

}  // namespace ecrin
