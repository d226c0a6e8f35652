// Images shown in directories: for all programs of the user, as copies, and inside `ecrin unshare`.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

std::string build_owned(const Ecrin& ecrin) {
  return ecrin.build(R"(
from: localhost/busybox
steps:
  - run: mkdir /own && echo secret > /own/file && chmod 600 /own/file && chown 42:43 /own/file && echo x > /own/other
  - run: rm /own/other
)",
                     {"-t", "owned"});
}

bool has_fuse(const Ecrin& ecrin) {
  return ::access("/dev/fuse", R_OK | W_OK) == 0 &&
         run(host_command({"sh", "-c", "command -v fuse-overlayfs && command -v fusermount3"})).code == 0 &&
         ecrin.driver.empty();
}

}  // namespace

TEST_CASE("a mounted image is seen by all programs of the user, with its owners", "[any-driver]") {
  Ecrin ecrin;
  if (!has_fuse(ecrin)) ECRIN_SKIP("no fuse-overlayfs, fusermount3 or /dev/fuse");
  build_owned(ecrin);
  const std::string path = ecrin.must({"image", "mount", "owned"});
  INFO(path);
  CHECK(read_file(path + "/own/file") == "secret\n");
  CHECK_FALSE(exists(path + "/own/other"));
  CHECK(trimmed(run(host_command({"stat", "-c", "%u:%g %a", path + "/own/file"})).out) == "42:43 600");
  CHECK(run(host_command({"touch", path + "/new"})).code != 0);
  CHECK(ecrin.must({"image", "mount", "owned"}) == path);
  CHECK(contains(ecrin.must({"image", "mount"}), "localhost/owned:latest  " + path));
  CHECK(ecrin.json({"image", "mount", "--format", "json"}).at(0).at("kind") == "fuse");

  // It holds the image and its layers, also when no name does any more.
  ecrin.must({"untag", "owned"});
  ecrin.must({"prune", "-f"});
  ecrin.must({"prune", "-f", "-a"});
  CHECK(read_file(path + "/own/file") == "secret\n");
  ecrin.must({"image", "unmount", path});
  CHECK_FALSE(exists(path));
  CHECK(ecrin.must({"image", "mount"}).empty());
  ecrin.must({"prune", "-f"});
  CHECK(ecrin.json({"images", "-a", "--format", "json"}).empty());
  CHECK(names_in(ecrin.root() + "/mounts").empty());
  CHECK(one_error(ecrin({"image", "unmount", path})));
}

TEST_CASE("an image mounted with ecrin's own file system is seen by all programs, with its owners",
          "[any-driver]") {
  Ecrin ecrin;
  if (!has_fuse(ecrin)) ECRIN_SKIP("no fusermount3 or /dev/fuse");
  build_owned(ecrin);
  const std::string path = ecrin.must({"image", "mount", "--fuse", "owned"});
  INFO(path);
  CHECK(contains(read_file("/proc/self/mountinfo"), path + " ro,nosuid,nodev"));
  CHECK(contains(read_file("/proc/self/mountinfo"), "fuse.ecrin"));
  CHECK(read_file(path + "/own/file") == "secret\n");
  CHECK_FALSE(exists(path + "/own/other"));
  CHECK(trimmed(run(host_command({"stat", "-c", "%u:%g %a", path + "/own/file"})).out) == "42:43 600");
  CHECK(run(host_command({"touch", path + "/new"})).code != 0);
  CHECK(run(host_command({"find", path})).code == 0);
  CHECK(ecrin.must({"image", "mount", "owned"}) == path);
  ecrin.must({"untag", "owned"});
  ecrin.must({"prune", "-f", "-a"});
  CHECK(read_file(path + "/own/file") == "secret\n");
  ecrin.must({"image", "unmount", path});
  CHECK_FALSE(exists(path));
  ecrin.must({"prune", "-f"});
  CHECK(ecrin.json({"images", "-a", "--format", "json"}).empty());
  CHECK(names_in(ecrin.root() + "/mounts").empty());
  CHECK(one_error(
      ecrin({"unshare", setting().ecrin, "--root", ecrin.root(), "image", "mount", "--fuse", "busybox"})));
}

TEST_CASE("a mount in use is unmounted by force only", "[any-driver]") {
  Ecrin ecrin;
  if (!has_fuse(ecrin)) ECRIN_SKIP("no fuse-overlayfs, fusermount3 or /dev/fuse");
  const std::string path = ecrin.must({"image", "mount", "busybox"});
  {
    Invocation inside = host_command({"sh", "-c", "echo there; read x"});
    inside.directory = path;
    Running shell(inside);
    REQUIRE(shell.wait_for_output("there"));
    const Outcome busy = ecrin({"image", "unmount", "busybox"});
    INFO(busy.description);
    CHECK(one_error(busy));
    CHECK(contains(busy.err, "--force"));
    ecrin.must({"image", "umount", "-f", "busybox"});
    CHECK(ecrin.must({"image", "mount"}).empty());
  }
}

TEST_CASE("a mounted image is removed by force only, and can be read until it is unmounted", "[any-driver]") {
  const std::string driver = GENERATE("", "copy");
  Ecrin ecrin;
  if (driver.empty() && !has_fuse(ecrin)) ECRIN_SKIP("no fuse-overlayfs, fusermount3 or /dev/fuse");
  build_owned(ecrin);
  ecrin.must({"tag", "owned", "second"});
  ecrin.must({"manifest", "create", "multi", "owned"});
  ecrin.driver = driver;
  const std::string path = ecrin.must({"image", "mount", "owned"});
  ecrin.must({"rmi", "second"});  // a name is nothing that is mounted
  const std::string id = full_id(ecrin.inspect("owned").at("Id")).substr(7, 12);
  for (const Arguments& words : std::vector<Arguments>{{"rmi", "owned"}, {"rmi", id}, {"rmi", "--all"}}) {
    const Outcome refused = ecrin(words);
    INFO(refused.description);
    CHECK(refused.code == 2);
    CHECK(contains(refused.err, "is in use: it is mounted at '" + path + "'"));
    CHECK(contains(refused.err, "-f"));
    CHECK(ecrin({"exists", "owned"}).code == 0);
  }
  CHECK(exists(path + "/bin/busybox"));
  ecrin.must({"rmi", "-f", "owned"});
  CHECK(ecrin({"exists", "owned"}).code == 1);
  ecrin.must({"prune", "-f"});
  CHECK(exists(path + "/bin/busybox"));
  ecrin.must({"image", "unmount", path});
  CHECK_FALSE(exists(path));
  ecrin.must({"prune", "-f"});
  CHECK(names_in(ecrin.root() + "/mounts").empty());
  CHECK(names_in(ecrin.root() + "/layers").empty());
}

TEST_CASE("an image that came with an index is not removed with it while it is mounted", "[any-driver]") {
  Ecrin maker;
  maker.must({"manifest", "create", "multi", "busybox"});
  maker.must({"save", "-o", maker.scratch() / "multi.tar", "multi"});
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.must({"load", "-i", maker.scratch() / "multi.tar"});
  ecrin.driver = "copy";
  const std::string path = ecrin.must({"image", "mount", "multi"});
  CHECK(ecrin({"rmi", "multi"}).code == 2);
  ecrin.must({"image", "unmount", path});
  ecrin.must({"rmi", "multi"});
  CHECK(ecrin.json({"images", "-a", "--format", "json"}).empty());
}

TEST_CASE("a copy that was killed half way is garbage, and the next one works", "[any-driver]") {
  Ecrin ecrin;
  // With directories that only the user namespace can empty.
  ecrin.build(R"(
from: localhost/busybox
steps:
  - run: for i in $(seq 300); do mkdir /d$i && echo $i > /d$i/file && chmod 700 /d$i && chown -R 42:43 /d$i; done
)",
              {"-t", "many"});
  ecrin.driver = "copy";
  const std::string mounts = ecrin.root() + "/mounts";
  const auto progress = [&] {  // files of the tree that there are, plus one for its directory
    const std::vector<std::string> ids = names_in(mounts);
    return ids.empty() ? 0 : 1 + names_in(mounts + "/" + ids.back() + "/merged").size();
  };
  for (const std::size_t wanted : {1u, 2u, 150u}) {
    INFO(wanted);
    {
      Running mounting(ecrin.invocation({"image", "mount", "many"}));
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      while (progress() < wanted && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      mounting.signal(SIGKILL);
      CHECK(mounting.wait().code == 128 + SIGKILL);
    }
    REQUIRE(progress() >= wanted);
    const bool lists_first = wanted == 2;
    if (lists_first) CHECK(ecrin.must({"image", "mount"}).empty());
    ecrin.must({"prune", "-f"});
    CHECK(names_in(mounts).empty());
    CHECK(ecrin.left_behind().empty());
    const std::string path = ecrin.must({"image", "mount", "many"});
    CHECK(names_in(path).size() > 300);
    CHECK(ecrin.json({"image", "mount", "--format", "json"}).size() == 1);
    ecrin.must({"image", "unmount", "many"});
  }
  CHECK(names_in(mounts).empty());
}

TEST_CASE("a copy can be read, and stays until it is unmounted", "[any-driver]") {
  Ecrin ecrin;
  build_owned(ecrin);
  ecrin.driver = "copy";
  const std::string path = ecrin.must({"image", "mount", "owned"});
  CHECK(exists(path + "/bin/busybox"));
  CHECK_FALSE(exists(path + "/own/other"));
  ecrin.must({"untag", "owned"});
  ecrin.must({"prune", "-f"});
  CHECK(exists(path + "/bin/busybox"));
  CHECK(contains(ecrin.must({"image", "mount"}), path));
  ecrin.must({"image", "unmount", "--all"});
  CHECK_FALSE(exists(path));
  CHECK(names_in(ecrin.root() + "/mounts").empty());
}

TEST_CASE("unshare is root over the user's ids, and mounts there go with it", "[any-driver]") {
  Ecrin ecrin;
  build_owned(ecrin);
  CHECK(ecrin.must({"unshare", "id", "-u"}) == "0");
  CHECK(ecrin({"unshare", "sh", "-c", "exit 7"}).code == 7);
  CHECK(ecrin({"unshare", "/nothing/here"}).code == 127);
  const std::string program = setting().ecrin + " --root " + ecrin.root();
  const std::string script = "p=$(" + program + " image mount owned) && stat -c %u:%g $p/own/file && " +
                             program + " untag owned && " + program + " prune -f >&2 && cat $p/own/file && " +
                             program + " image mount && echo $p";
  const std::string shown = ecrin.must({"unshare", "sh", "-c", script});
  INFO(shown);
  CHECK(shown.starts_with("42:43\nsecret\n"));
  CHECK(ecrin.must({"image", "mount"}).empty());
  ecrin.must({"prune", "-f"});
  CHECK(names_in(ecrin.root() + "/mounts").empty());
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("what cannot be mounted is one error and leaves nothing", "[any-driver]") {
  Ecrin ecrin;
  const Outcome missing = ecrin({"image", "mount", "nothing"});
  INFO(missing.description);
  CHECK(one_error(missing));
  ecrin.driver = "overlay";
  const Outcome overlay = ecrin({"image", "mount", "busybox"});
  CHECK(one_error(overlay));
  CHECK(contains(overlay.err, "ecrin unshare"));
  CHECK(names_in(ecrin.root() + "/mounts").empty());
}
