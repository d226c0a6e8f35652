#include "base/socket_relay.hpp"
#include "base/unix_socket.hpp"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;

namespace {

struct Directory {
  Directory() {
    char name[] = "/tmp/ecrin-test-XXXXXX";
    path = ::mkdtemp(name);
    fd = *posix::open(path, O_RDONLY | O_DIRECTORY);
  }
  ~Directory() {
    const auto entries = posix::list_directory(fd);
    for (const auto& entry : *entries) ::unlink((path + "/" + entry.name).c_str());
    ::rmdir(path.c_str());
  }
  std::string path;
  Fd fd;
};

Fd listen_at(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(socket.get(), 8) == 0);
  return socket;
}

std::string rest(const Fd& socket) {
  auto bytes = posix::read_fd(socket);
  return bytes ? std::move(*bytes) : bytes.error().message();
}

/// Sends back what it gets, until the other side has said all.
void echo(const Fd& listener, int connections) {
  for (int i = 0; i < connections; ++i) {
    const Fd connection(::accept(listener.get(), nullptr, nullptr));
    std::byte buffer[1000];
    while (true) {
      const auto size = posix::read_some(connection, buffer);
      if (!size || *size == 0) break;
      (void)posix::write_full(connection, std::span(buffer).first(*size));
    }
  }
}

}  // namespace

TEST_CASE("a relay passes bytes on both ways, and the ends of both") {
  Directory directory;
  const Fd listener = listen_at(directory.path + "/server");
  std::thread server([&] { echo(listener, 2); });
  {
    const auto relay = SocketRelay::start(directory.fd, "relay", directory.path + "/server");
    REQUIRE(relay);
    for (const std::size_t size : {std::size_t{5}, std::size_t{300'000}}) {
      const auto client = connect_unix_socket(directory.path + "/relay");
      REQUIRE(client);
      const std::string sent(size, 'x');
      std::thread writer([&] {
        (void)posix::write_full(*client, sent);
        ::shutdown(client->get(), SHUT_WR);
      });
      CHECK((rest(*client) == sent));
      writer.join();
    }
  }
  server.join();
  CHECK_FALSE(connect_unix_socket(directory.path + "/relay"));
}

TEST_CASE("a relay whose target is gone closes what it gets, and ends with connections open") {
  Directory directory;
  auto relay = SocketRelay::start(directory.fd, "relay", directory.path + "/nothing");
  REQUIRE(relay);
  const auto client = connect_unix_socket(directory.path + "/relay");
  REQUIRE(client);
  CHECK(rest(*client).empty());
  const Fd listener = listen_at(directory.path + "/nothing");
  const auto open = connect_unix_socket(directory.path + "/relay");
  REQUIRE(open);
  const Fd accepted(::accept(listener.get(), nullptr, nullptr));
  REQUIRE(accepted);
  relay->reset();
  CHECK(rest(*open).empty());
}
