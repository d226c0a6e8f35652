#include "run/seccomp_listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_spec_version = "1.2.0";
// As the spec's seccompFdName says.
constexpr const char* k_descriptor_name = "seccompFd";

Result<Fd> connect_to(const std::string& path) {
  const Fd place = TRY(posix::open(path, O_PATH));
  if (!S_ISSOCK(TRY(posix::stat_fd(place)).st_mode))
    return fail(ErrorKind::invalid, "the listenerPath '{}' of linux.seccomp is not a socket",
                printable(path));
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("cannot make a socket");
  // Through the descriptor, as addresses of sockets are short.
  const std::string name = posix::fd_path(place);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.c_str(), std::min(name.size() + 1, sizeof address.sun_path));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot connect to the listenerPath '{}' of linux.seccomp", printable(path));
  return socket;
}

// The descriptor goes with the first byte; the rest may take more calls.
Result<> send_with(const Fd& socket, std::string text, const Fd& descriptor) {
  iovec part{.iov_base = text.data(), .iov_len = text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = descriptor.get();
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  while (part.iov_len > 0) {
    const ssize_t sent = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail_errno("cannot hand the seccomp listener over");
    part.iov_base = static_cast<char*>(part.iov_base) + sent;
    part.iov_len -= static_cast<std::size_t>(sent);
    message.msg_control = nullptr;
    message.msg_controllen = 0;
  }
  return {};
}

}  // namespace

Result<> send_seccomp_listener(const oci::SeccompConfig& config, const Fd& listener, pid_t pid,
                               const std::string& state) {
  Json document = {{"ociVersion", k_spec_version},
                   {"fds", Json::array({k_descriptor_name})},
                   {"pid", pid},
                   {"state", TRY(parse_json(state, "state of the container"))}};
  if (!config.listener_metadata.empty()) document["metadata"] = config.listener_metadata;
  const Fd socket = TRY(connect_to(config.listener_path));
  return send_with(socket, dump_json(document), listener);
}

}  // namespace ecrin::run
