#include "run/seccomp_listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/message_socket.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_spec_version = "1.2.0";
// As the spec's seccompFdName says.
constexpr const char* k_descriptor_name = "seccompFd";

}  // namespace

Result<Fd> connect_seccomp_agent(const oci::SeccompConfig& config) {
  const std::string& path = config.listener_path;
  // Through a descriptor, as addresses of sockets are short.
  const Fd place = TRY(posix::open(path, O_PATH));
  if (!S_ISSOCK(TRY(posix::stat_fd(place)).st_mode))
    return fail(ErrorKind::invalid, "the listenerPath '{}' of linux.seccomp is not a socket",
                printable(path));
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("cannot make a socket");
  const sockaddr_un address = TRY(socket_address(posix::fd_path(place)));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot connect to the listenerPath '{}' of linux.seccomp", printable(path));
  return socket;
}

Result<std::string> seccomp_listener_state(const oci::SeccompConfig& config, pid_t pid,
                                           const std::string& state) {
  Json container = TRY(parse_json(state, "state of the container"));
  Json document = {{"ociVersion", k_spec_version},
                   {"fds", Json::array({k_descriptor_name})},
                   {"pid", pid},
                   {"state", std::move(container)}};
  if (!config.listener_metadata.empty()) document["metadata"] = config.listener_metadata;
  return dump_json(document);
}

}  // namespace ecrin::run
