// ecrin run: who the program is, and what it finds about that in its container.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

std::string id(const char* flag) {
  return trimmed(run(host_command({"id", flag})).out);
}

}  // namespace

TEST_CASE("with keep-id the program is the user") {
  Ecrin ecrin;
  const std::string uid = id("-u");
  const std::string gid = id("-g");
  CHECK(out_of(ecrin, {"--userns=keep-id"}, {"sh", "-c", "id -u; id -g; id -G; id -un"}) ==
        uid + "\n" + gid + "\n" + gid + "\n" + id("-un") + "\n");
  const std::string host = ecrin.scratch() / "host";
  write_file(host + "/mine", "x", 0600);
  CHECK(out_of(ecrin, {"--userns=keep-id", "-v", host + ":/in"},
               {"sh", "-c", "cat /in/mine; touch /in/new; stat -c %u /in/new"}) == "x" + uid + "\n");
  struct stat info {};
  REQUIRE(stat((host + "/new").c_str(), &info) == 0);
  CHECK(info.st_uid == getuid());
  // Home is where it is mounted, else the working directory.
  ecrin.environment["HOME"] = host;
  CHECK(out_of(ecrin, {"--userns=keep-id", "-v", host + ":" + host}, {"sh", "-c", "echo $HOME"}) ==
        host + "\n");
  CHECK(out_of(ecrin, {"--userns=keep-id", "-w", "/etc"}, {"sh", "-c", "echo $HOME"}) == "/etc\n");
}

TEST_CASE("with keep-id other numbers and other users can be had") {
  Ecrin ecrin;
  CHECK(out_of(ecrin, {"--userns=keep-id:uid=1000,gid=2000"},
               {"sh", "-c", "id -u; id -g; id -un; echo $HOME"}) == "1000\n2000\nsomeone\n/home/someone\n");
  CHECK(out_of(ecrin, {"--userns=keep-id", "-u", "0"}, {"id", "-u"}) == "0\n");
  CHECK(out_of(ecrin, {"--userns=keep-id", "-u", "someone"}, {"id", "-u"}) == "1000\n");
  CHECK(out_of(ecrin, {"--userns=host"}, {"id", "-u"}) == "0\n");
  const std::string host = ecrin.scratch() / "given";
  write_file(host + "/file", "x");
  // Given away to whom the program is: nothing changes outside.
  CHECK(out_of(ecrin, {"--userns=keep-id", "-v", host + ":/in:U"}, {"stat", "-c", "%u", "/in/file"}) ==
        id("-u") + "\n");
  struct stat info {};
  REQUIRE(stat((host + "/file").c_str(), &info) == 0);
  CHECK(info.st_uid == getuid());
  for (const char* mode : {"nomap", "auto", "container:x", "keep-id:x=1", "what"}) {
    INFO(mode);
    const Outcome refused = run_in(ecrin, {std::string("--userns=") + mode}, {"true"});
    CHECK(refused.code == 125);
    CHECK(one_error(refused));
  }
}

TEST_CASE("programs of a kept user can be added, and it is started again") {
  Ecrin ecrin;
  ecrin.must(
      {"run", "-d", "--name", "kept", "--userns=keep-id", "--stop-timeout", "0", "busybox", "sleep", "1000"});
  CHECK(ecrin.must({"exec", "kept", "id", "-u"}) == id("-u"));
  CHECK(ecrin.must({"exec", "-u", "root", "kept", "id", "-u"}) == "0");
  CHECK(ecrin.must({"exec", "kept", "id", "-un"}) == id("-un"));
  ecrin.must({"restart", "kept"});
  CHECK(ecrin.must({"exec", "kept", "id", "-u"}) == id("-u"));
  ecrin.must({"rm", "-f", "kept"});
}

TEST_CASE("a number without a name has an entry in passwd and group") {
  Ecrin ecrin;
  CHECK(out_of(ecrin, {"-u", "4242:4243", "-w", "/etc"},
               {"sh", "-c", "id -un; id -gn; grep 4242 /etc/passwd; head -n 1 /etc/passwd | cut -d: -f1"}) ==
        "4242\n4243\n4242:*:4242:4243:container user:/etc:/bin/sh\nroot\n");
  CHECK(run_in(ecrin, {"-u", "4242", "--passwd=false"}, {"grep", "4242", "/etc/passwd"}).code == 1);
  // Who is there already stays as they are, and their file is the image's.
  CHECK(out_of(ecrin, {"-u", "1000"}, {"sh", "-c", "id -un; grep -c passwd /proc/mounts || true"}) ==
        "someone\n0\n");
}
