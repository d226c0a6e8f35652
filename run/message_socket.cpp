#include "run/message_socket.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"

namespace ecrin::run {

Result<> send_message(const Fd& socket, std::string_view text, const Fd* descriptor) {
  iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (descriptor) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = descriptor->get();
    std::memcpy(CMSG_DATA(header), &number, sizeof number);
  }
  while (::sendmsg(socket.get(), &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return fail_errno("cannot send a message");
  return {};
}

Result<> send_message(const Fd& socket, StageMessage kind, std::string_view payload, const Fd* descriptor) {
  std::string text(1, static_cast<char>(kind));
  text += payload.substr(0, k_stage_message_limit - 1);
  return send_message(socket, text, descriptor);
}

Result<std::optional<Message>> receive_message(const Fd& socket) {
  std::string buffer(k_stage_message_limit, '\0');
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
  if (size < 0 && errno != ECONNRESET) return fail_errno("cannot receive a message");
  if (size <= 0) return std::nullopt;
  Message message{.kind = static_cast<StageMessage>(buffer[0]),
                  .payload = buffer.substr(1, static_cast<std::size_t>(size) - 1)};
  const cmsghdr* carried = CMSG_FIRSTHDR(&header);
  if (carried && carried->cmsg_level == SOL_SOCKET && carried->cmsg_type == SCM_RIGHTS) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(carried), sizeof number);
    message.descriptor = Fd(number);
  }
  return message;
}

Result<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::invalid, "the name '{}' is too long for a socket", printable(path));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

}  // namespace ecrin::run
