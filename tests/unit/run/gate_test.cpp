#include "run/gate.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <thread>

#include "base/posix.hpp"
#include "base/unix_socket.hpp"
#include "run/console_socket.hpp"
#include "run/message_socket.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

// Does a stage wait there? Asks without starting it.
bool waits_at(const Fd& state_directory) {
  return connect_unix_socket(state_directory, k_gate_name, SocketKind::packets).has_value();
}

struct State {
  test::TempDirectory directory;
  Fd fd = posix::open(directory.path(), O_RDONLY | O_DIRECTORY).value();
};

// Answers the next connection that says start.
std::thread stage(const Fd& gate, const std::optional<Error>& error, bool ready) {
  return std::thread([&gate, error, ready] {
    for (;;) {
      const Fd connection(::accept4(gate.get(), nullptr, nullptr, SOCK_CLOEXEC));
      const auto word = receive_message(connection);
      if (!word || !*word || (*word)->kind != StageMessage::start) continue;
      if (ready) (void)send_message(connection, StageMessage::ready);
      if (error) (void)send_message(connection, StageMessage::error, error->serialise());
      return;
    }
  });
}

}  // namespace

TEST_CASE("a container that waits at no gate is in another state") {
  const State state;
  CHECK_FALSE(waits_at(state.fd));
  const auto opened = open_gate(state.fd);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind() == ErrorKind::conflict);
  CHECK(opened.error().message() == "the container is not in the state created");
  // The rest of one that ended.
  { const Fd gate = make_gate(state.fd).value(); }
  CHECK_FALSE(waits_at(state.fd));
  CHECK(open_gate(state.fd).error().kind() == ErrorKind::conflict);
}

TEST_CASE("a start is told how it went, and asking starts nothing") {
  const State state;
  for (const bool works : {true, false}) {
    const Fd gate = make_gate(state.fd).value();
    const std::optional<Error> error =
        works ? std::nullopt : std::optional(Error(ErrorKind::program_not_found, "there is no such program"));
    std::thread other = stage(gate, error, works);
    CHECK(waits_at(state.fd));
    const auto opened = open_gate(state.fd);
    other.join();
    CHECK(opened.has_value() == works);
    if (!works) CHECK(opened.error().kind() == ErrorKind::program_not_found);
    CHECK_FALSE(posix::open_at(state.fd, "gate", O_PATH));
  }
}

TEST_CASE("a container that ends while it is started is told as such") {
  const State state;
  const Fd gate = make_gate(state.fd).value();
  std::thread other = stage(gate, std::nullopt, false);
  const auto opened = open_gate(state.fd);
  other.join();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind() == ErrorKind::conflict);
}

TEST_CASE("a gate's directory may have any length") {
  const test::TempDirectory directory;
  std::string path = directory.path();
  for (int i = 0; i < 3; ++i) path += "/" + std::string(100, 'x');
  REQUIRE(posix::make_directories(path, 0700));
  const Fd fd = posix::open(path, O_RDONLY | O_DIRECTORY).value();
  const Fd gate = make_gate(fd).value();
  CHECK(waits_at(fd));
}

TEST_CASE("a console socket is a socket") {
  const test::TempDirectory directory;
  const std::string path = directory.path() + "/console";
  CHECK(connect_console_socket(path).error().kind() == ErrorKind::not_found);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(connect_console_socket(path).error().kind() == ErrorKind::invalid);  // and does not wait for a peer
}

TEST_CASE("a console is sent with its name") {
  SocketPair pair = SocketPair::create(SOCK_STREAM).value();
  const Fd file = posix::open("/dev/null", O_RDWR).value();
  REQUIRE(send_console(pair.ours, file, "/dev/pts/3"));
  pair.ours.reset();
  const auto message = receive_message(pair.theirs).value();
  REQUIRE(message);
  CHECK(static_cast<char>(message->kind) + message->payload == "/dev/pts/3");
  CHECK(message->descriptor);
}
