#include "base/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;

TEST_CASE("packets keep their borders and carry descriptors") {
  const SocketPair pair = SocketPair::create(SOCK_SEQPACKET).value();
  const Fd null = posix::open("/dev/null", O_RDONLY).value();
  REQUIRE(send_packet(pair.ours, 'a', "one", std::array{&null, &null}));
  REQUIRE(send_packet(pair.ours, 'b', ""));
  const auto first = receive_packet(pair.theirs, 16).value();
  REQUIRE(first);
  CHECK(first->kind == 'a');
  CHECK(first->payload == "one");
  REQUIRE(first->descriptors.size() == 2);
  CHECK((::fcntl(first->descriptors[1].get(), F_GETFD) & FD_CLOEXEC) != 0);
  const auto second = receive_packet(pair.theirs, 16).value();
  REQUIRE(second);
  CHECK(second->kind == 'b');
  CHECK(second->payload.empty());
  CHECK(second->descriptors.empty());
}

TEST_CASE("packets that are too long, and too many descriptors, are errors") {
  SocketPair pair = SocketPair::create(SOCK_SEQPACKET).value();
  REQUIRE(send_packet(pair.ours, 'a', std::string(17, 'x')));
  CHECK(receive_packet(pair.theirs, 16).error().kind() == ErrorKind::limit);
  REQUIRE(send_packet(pair.ours, 'a', std::string(16, 'x')));
  CHECK(receive_packet(pair.theirs, 16).value()->payload.size() == 16);
  const Fd& any = pair.ours;
  CHECK(send_packet(pair.ours, 'a', "", std::array{&any, &any, &any, &any, &any}).error().kind() ==
        ErrorKind::limit);
  pair.ours.reset();
  CHECK_FALSE(receive_packet(pair.theirs, 16).value());
  CHECK(send_packet(pair.theirs, 'a', "").error().code() == EPIPE);
}

TEST_CASE("a socket is reached by a way of any length and one that a dead process left is replaced") {
  const test::TempDirectory directory;
  std::string path = directory.path();
  for (int i = 0; i < 12; ++i) {
    path += "/a-rather-long-name";
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  }
  const Fd place = posix::open(path, O_PATH | O_DIRECTORY).value();
  CHECK(connect_unix_socket(place, "s", SocketKind::packets).error().code() == ENOENT);
  Fd listener = listen_unix_socket(place, "s", SocketKind::packets).value();
  CHECK(connect_unix_socket(place, "s", SocketKind::packets));
  listener.reset();
  CHECK(connect_unix_socket(place, "s", SocketKind::packets).error().code() == ECONNREFUSED);
  listener = listen_unix_socket(place, "s", SocketKind::stream).value();
  CHECK(connect_unix_socket(path + "/s"));
}

TEST_CASE("what is not a socket is told as that") {
  const test::TempDirectory directory;
  const Fd place = posix::open(directory.path(), O_PATH | O_DIRECTORY).value();
  REQUIRE(posix::open_at(place, "file", O_CREAT | O_WRONLY, 0600));
  CHECK(connect_unix_socket(directory.path() + "/file").error().message().find("is not a socket") !=
        std::string::npos);
}
