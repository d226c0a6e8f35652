#include "tests/support/descriptor_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "tests/support/catch.hpp"

namespace ecrin::tests {

DescriptorSocket::DescriptorSocket(const std::string& path)
    : m_socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  REQUIRE(::bind(m_socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(m_socket, 1) == 0);
}

DescriptorSocket::~DescriptorSocket() {
  ::close(m_socket);
}

ReceivedDescriptor DescriptorSocket::receive() const {
  const int connection = ::accept4(m_socket, nullptr, nullptr, SOCK_CLOEXEC);
  std::array<char, 65536> text{};
  iovec part{.iov_base = text.data(), .iov_len = text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ReceivedDescriptor received;
  const ssize_t size = ::recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  if (size > 0) {
    received.text.assign(text.data(), static_cast<std::size_t>(size));
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message))
      std::memcpy(&received.descriptor, CMSG_DATA(header), sizeof received.descriptor);
  }
  ::close(connection);
  return received;
}

void DescriptorSocket::stop() const {
  ::shutdown(m_socket, SHUT_RDWR);
}

}  // namespace ecrin::tests
