// RUN steps: mounts, secrets, networks, what stays out of layers.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

/// Does any file of the store or of what is given hold this text? (As all ids, so that nothing is
/// unreadable.)
std::string files_with(const std::string& text, const std::string& directory) {
  return run(host_command(
                 {"unshare", "--map-root-user", "--map-auto", "--", "grep", "-rlaF", text, directory}))
      .out;
}

}  // namespace

TEST_CASE("secrets are there for their step and nowhere else") {
  Ecrin ecrin;
  const std::string value = "s3cret-" + std::to_string(getpid()) + "-value";
  write_file(ecrin.scratch() / "token", value);
  ecrin.environment["TOKEN_VARIABLE"] = value + "-env";
  const std::string recipe = R"yaml(
from: localhost/busybox
steps:
  - run:
      command: |
        test "$(wc -c < /run/secrets/token)" = SIZE
        grep -q env /run/secrets/other && test "$(stat -c %a /run/secrets/other)" = 400
      mounts:
        - secret: token
        - secret: other
        - secret: not-given
          required: false
  - run: test ! -e /run/secrets/token
)yaml";
  const std::string id = ecrin.build(
      std::string(recipe).replace(recipe.find("SIZE"), 4, std::to_string(value.size())),
      {"--secret", "id=token,src=" + (ecrin.scratch() / "token"), "--secret", "id=other,env=TOKEN_VARIABLE"});
  run(host_command({"rm", ecrin.scratch() / "token"}));
  CHECK(files_with(value, ecrin.root()).empty());
  ecrin.must({"export", "-o", ecrin.scratch() / "tree.tar", id});
  const std::string names = run(host_command({"tar", "tf", ecrin.scratch() / "tree.tar"})).out;
  CHECK_FALSE(contains(names, "run/secrets"));
  CHECK_FALSE(contains(read_file(ecrin.scratch() / "tree.tar"), value));
}

TEST_CASE("steps take locked caches in one order, whatever theirs is", "[any-driver]") {
  Ecrin ecrin;
  const auto recipe = [](const std::string& command, const std::string& first, const std::string& second) {
    return "from: localhost/busybox\nsteps:\n  - run:\n      command: " + command +
           "\n      mounts:\n        - {cache: /1, id: " + first +
           ", sharing: locked}\n        - {cache: /2, id: " + second +
           ", sharing: locked}\n        - {cache: /3, id: " + second + ", sharing: locked}\n";
  };
  // One cache twice: a step does not wait for itself.
  ecrin.build(recipe("'true'", "x", "y"));
  const auto lock_of = [&](const std::string& digest) {
    const std::string path = ecrin.root() + "/cache/" + digest + "/data.lock";
    return ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  };
  const int before = lock_of("2d711642b726b04401627ca9fbac32f5");  // what SHA-256 makes of "x"
  const int after = lock_of("a1fce4363854ff888cff4b8e7875d600");   // of "y"
  REQUIRE(before >= 0);
  REQUIRE(after >= 0);
  for (const auto& [first, second] : {std::pair("x", "y"), std::pair("y", "x")}) {
    REQUIRE(::flock(before, LOCK_EX | LOCK_NB) == 0);
    Invocation build =
        ecrin.build_invocation(recipe(std::string("echo ") + first, first, second), {"--progress=plain"});
    build.argv.insert(build.argv.begin(), {"sh", "-c", "exec \"$0\" \"$@\" 2>&1"});
    Running running(build);
    REQUIRE(running.wait_for_output("waiting for the cache 'x'"));
    CHECK(::flock(after, LOCK_EX | LOCK_NB) == 0);
    CHECK(::flock(after, LOCK_UN) == 0);
    CHECK(::flock(before, LOCK_UN) == 0);
    const Outcome outcome = running.wait();
    INFO(outcome.description);
    CHECK(outcome.code == 0);
  }
  ::close(before);
  ::close(after);
}

TEST_CASE("a secret that is required and not given is refused") {
  Ecrin ecrin;
  const Outcome outcome = ecrin.try_build(
      "from: localhost/busybox\nsteps:\n  - run: {command: 'true', mounts: [{secret: token}]}\n");
  INFO(outcome.description);
  CHECK(outcome.code == 125);
  CHECK(one_error(outcome));
  CHECK(contains(outcome.err, "token"));
}

TEST_CASE("cache mounts persist from build to build and stay out of the image") {
  Ecrin ecrin;
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - run:
      command: echo line >> /var/my-cache/log && wc -l < /var/my-cache/log > /count
      mounts: [{cache: /var/my-cache}]
)";
  CHECK(ecrin.in_container(ecrin.build(recipe), {"cat", "/count"}) == "1\n");
  const std::string second = ecrin.build(recipe, {"--no-cache"});
  CHECK(ecrin.in_container(second, {"cat", "/count"}) == "2\n");
  CHECK(ecrin({"run", "--rm", second, "test", "-e", "/var/my-cache"}).code == 1);
}

TEST_CASE("bind mounts from the context and from a stage cannot be written to") {
  Ecrin ecrin;
  ecrin.context("data/file", "from the context\n");
  const std::string id = ecrin.build(R"(
stages:
  source:
    from: localhost/busybox
    steps:
      - write: {dest: /kept, content: "from the stage\n"}
  main:
    from: localhost/busybox
    steps:
      - run:
          command: |
            cat /context/file /stage/kept > /seen
            if echo bad > /context/file 2>/dev/null; then exit 1; fi
            if touch /context/new 2>/dev/null; then exit 2; fi
            if echo bad > /stage/kept 2>/dev/null; then exit 3; fi
            if rm /context/file 2>/dev/null; then exit 4; fi
          mounts:
            - {bind: /context, source: data}
            - {bind: /stage, from: source}
)");
  CHECK(ecrin.in_container(id, {"cat", "/seen"}) == "from the context\nfrom the stage\n");
  CHECK(read_file(ecrin.context_directory() + "/data/file") == "from the context\n");
  CHECK(names_in(ecrin.context_directory() + "/data").size() == 1);
  CHECK(ecrin({"run", "--rm", id, "test", "-e", "/context"}).code == 1);
}

TEST_CASE("a writable bind mount is thrown away") {
  Ecrin ecrin;
  ecrin.context("data/file", "unchanged\n");
  ecrin.build(R"(
from: localhost/busybox
steps:
  - run:
      command: echo changed > /context/file && touch /context/new
      mounts: [{bind: /context, source: data, read_only: false}]
)");
  CHECK(read_file(ecrin.context_directory() + "/data/file") == "unchanged\n");
  CHECK(names_in(ecrin.context_directory() + "/data") == std::vector<std::string>{"file"});
}

TEST_CASE("a bind mount's source cannot leave the context") {
  Ecrin ecrin;
  write_file(ecrin.scratch() / "outside/secret", "outside-secret\n");
  ecrin.context("file", "x");
  run(host_command({"ln", "-s", ecrin.scratch() / "outside", ecrin.context_directory() + "/way"}));
  for (const std::string source : {"way", "../outside", "way/secret"}) {
    const Outcome outcome = ecrin.try_build(
        "from: localhost/busybox\nsteps:\n  - run: {command: 'cat /m/secret || cat /m', "
        "mounts: [{bind: /m, source: \"" +
        source + "\"}]}\n");
    INFO(outcome.description);
    CHECK(outcome.code != 0);
    CHECK_FALSE(contains(outcome.err + outcome.out, "outside-secret"));
  }
}

TEST_CASE("tmpfs mounts leave nothing behind") {
  Ecrin ecrin;
  const std::string id = ecrin.build(R"(
from: localhost/busybox
steps:
  - run:
      command: echo x > /scratch-space/file && grep -q ' /scratch-space tmpfs ' /proc/mounts
      mounts: [{tmpfs: /scratch-space, size: 1m}]
)");
  CHECK(ecrin({"run", "--rm", id, "test", "-e", "/scratch-space"}).code == 1);
}

TEST_CASE("what the tool puts into a container is not in the layer") {
  Ecrin ecrin;
  const std::string id = ecrin.build(
      "from: localhost/busybox\nsteps:\n  - run: cat /etc/resolv.conf /etc/hosts > /dev/null; echo x > /x\n");
  const auto changes = ecrin.json({"diff", "--format", "json", id});
  INFO(changes.dump());
  std::vector<std::string> paths;
  for (const char* kind : {"added", "changed", "deleted"})
    if (changes.contains(kind) && !changes.at(kind).is_null())
      for (const auto& path : changes.at(kind)) paths.push_back(path.get<std::string>());
  CHECK(std::count(paths.begin(), paths.end(), "/x") == 1);
  for (const auto& path : paths) {
    CHECK_FALSE(contains(path, "/etc"));
    CHECK_FALSE(contains(path, "/dev"));
    CHECK_FALSE(contains(path, "/proc"));
    CHECK_FALSE(contains(path, "/run"));
  }
  const auto layers = ecrin.diff_ids(id);
  CHECK(layers.size() == 2);
}

TEST_CASE("a step that changes nothing adds an empty layer or none, and nothing else") {
  Ecrin ecrin;
  const std::string base = ecrin.build("from: localhost/busybox\nsteps:\n  - run: echo x > /x\n");
  const std::string same = ecrin.build(
      "from: localhost/busybox\nsteps:\n  - run: echo x > /x\n  - run: cat /x && chmod 644 /x && touch /x && "
      "echo x > /x\n");
  ecrin.must({"export", "-o", ecrin.scratch() / "a.tar", base});
  ecrin.must({"export", "-o", ecrin.scratch() / "b.tar", same});
  CHECK(read_file(ecrin.scratch() / "a.tar") == read_file(ecrin.scratch() / "b.tar"));
}

TEST_CASE("network none has the loopback device only") {
  Ecrin ecrin;
  const std::string count = "tail -n +3 /proc/net/dev | wc -l";
  const std::string of_step = ecrin.build("from: localhost/busybox\nsteps:\n  - run: {command: '" + count +
                                          " > /devices', network: none}\n");
  CHECK(ecrin.in_container(of_step, {"cat", "/devices"}) == "1\n");
  const std::string of_build = ecrin.build(
      "from: localhost/busybox\nsteps:\n  - run: " + count + " > /devices2\n", {"--network", "none"});
  CHECK(ecrin.in_container(of_build, {"cat", "/devices2"}) == "1\n");
}

TEST_CASE("RUN has the image's user, working directory, variables and shell") {
  Ecrin ecrin;
  const std::string id = ecrin.build(R"(
from: localhost/busybox
steps:
  - workdir: /home/someone/here
  - user: someone
  - env: {GREETING: hello}
  - run: {command: 'echo $GREETING $EXTRA $(id -un) $(pwd) > /tmp/shell', env: {EXTRA: extra}}
  - run: [/bin/sh, -c, 'echo "exec $0 $1" > /tmp/exec', zero, one two]
  - run: {command: id -u > /tmp/root, user: "0"}
)");
  CHECK(ecrin.in_container(id, {"cat", "/tmp/shell", "/tmp/exec", "/tmp/root"}) ==
        "hello extra someone /home/someone/here\nexec zero one two\n0\n");
}

TEST_CASE("RUN is as confined as a container") {
  Ecrin ecrin;
  const std::string id = ecrin.build(R"(
from: localhost/busybox
steps:
  - run: |
      grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status > /status
      test-init try mount-tmpfs >> /status; test-init try keyctl >> /status
      test-init descriptors > /descriptors
)");
  const std::string status = ecrin.in_container(id, {"cat", "/status"});
  INFO(status);
  CHECK(contains(status, "Seccomp:\t2"));
  CHECK_FALSE(contains(status, "ok"));
  CHECK(ecrin.in_container(id, {"cat", "/descriptors"}) == " 0 1 2\n");
}

TEST_CASE("steps of stages that do not need each other run at the same time", "[any-driver]") {
  Ecrin ecrin;
  // Each waits for a sign of the other in a shared cache: one after the other would never end.
  const auto half = [](const std::string& own, const std::string& other) {
    return "  " + own +
           ":\n    from: localhost/busybox\n    steps:\n      - run:\n"
           "          command: 'touch /meet/" +
           own + "; for i in $(seq 100); do test -e /meet/" + other +
           " && exit 0; sleep 0.1; done; exit 1'\n          mounts: [{cache: /meet}]\n";
  };
  ecrin.build(
      "stages:\n" + half("left", "right") + half("right", "left") +
          "  main:\n    from: scratch\n    steps:\n      - copy: {from: left, src: /bin/busybox, dest: /a}\n"
          "      - copy: {from: right, src: /bin/busybox, dest: /b}\n",
      {"--jobs", "2"});
}
