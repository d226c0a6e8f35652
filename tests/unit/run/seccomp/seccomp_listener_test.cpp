#include "run/seccomp/seccomp_listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/unix_socket.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

Fd listen_on(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(socket.get(), 1) == 0);
  return socket;
}

}  // namespace

TEST_CASE("an agent gets the listener with the state of the container") {
  const test::TempDirectory scratch;
  oci::SeccompConfig config;
  config.listener_path = scratch.path() + "/agent";
  config.listener_metadata = "words";
  const Fd server = listen_on(config.listener_path);
  const Fd socket = connect_seccomp_agent(config).value();
  const Fd listener = posix::open("/dev/null", O_RDONLY).value();
  const auto state = seccomp_listener_state(config, 42, R"({"id":"box","status":"creating"})");
  REQUIRE(state);
  CHECK(parse_json(*state, "state").value() ==
        Json::parse(R"({"ociVersion":"1.2.0","fds":["seccompFd"],"pid":42,"metadata":"words",
                        "state":{"id":"box","status":"creating"}})"));
  REQUIRE(send_with_descriptors(socket, *state, std::array{&listener}));

  const Fd connection(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::array<char, 4096> text{};
  iovec part{.iov_base = text.data(), .iov_len = text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC);
  REQUIRE(size > 0);
  CHECK(std::string_view(text.data(), static_cast<std::size_t>(size)) == *state);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  REQUIRE(header != nullptr);
  int number = -1;
  std::memcpy(&number, CMSG_DATA(header), sizeof number);
  const Fd received(number);
  CHECK(posix::stat_fd(received)->st_rdev == posix::stat_fd(listener)->st_rdev);
}

TEST_CASE("an agent that is not there is an error") {
  const test::TempDirectory scratch;
  oci::SeccompConfig config;
  config.listener_path = scratch.path() + "/nobody";
  CHECK(connect_seccomp_agent(config).error().kind() == ErrorKind::not_found);
  config.listener_path = scratch.path();
  CHECK(connect_seccomp_agent(config).error().kind() == ErrorKind::invalid);
  CHECK_FALSE(seccomp_listener_state(config, 1, "no JSON"));
}
