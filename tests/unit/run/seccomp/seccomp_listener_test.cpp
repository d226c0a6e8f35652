#include "run/seccomp/seccomp_listener.hpp"

#include <fcntl.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/unix_socket.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/descriptor_socket.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

TEST_CASE("an agent gets the listener with the state of the container") {
  const test::TempDirectory scratch;
  oci::SeccompConfig config;
  config.listener_path = scratch.path() + "/agent";
  config.listener_metadata = "words";
  const tests::DescriptorSocket server(config.listener_path);
  const Fd socket = connect_seccomp_agent(config).value();
  const Fd listener = posix::open("/dev/null", O_RDONLY).value();
  const auto state = seccomp_listener_state(config, 42, R"({"id":"box","status":"creating"})");
  REQUIRE(state);
  CHECK(parse_json(*state, "state").value() ==
        Json::parse(R"({"ociVersion":"1.2.0","fds":["seccompFd"],"pid":42,"metadata":"words",
                        "state":{"id":"box","status":"creating"}})"));
  REQUIRE(send_with_descriptors(socket, *state, std::array{&listener}));

  const tests::ReceivedDescriptor message = server.receive();
  CHECK(message.text == *state);
  REQUIRE(message.descriptor >= 0);
  const Fd received(message.descriptor);
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
