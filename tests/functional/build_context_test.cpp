// Where the files of a build come from, and what COPY and ADD make of them.
#include <arpa/inet.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

std::string built(const Ecrin& ecrin, Arguments arguments) {
  arguments.insert(arguments.begin(), "build");
  const Outcome outcome = ecrin(arguments);
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return full_id(lines_of(outcome.out).back());
}

// "mode owner:group name" of what is below a directory.
std::string listing(const Ecrin& ecrin, const std::string& image, const std::string& directory) {
  const std::string script =
      "cd " + directory + " && find . | sort | while read f; do stat -c '%a %u:%g %n' \"$f\"; done";
  return ecrin.in_container(image, {"sh", "-c", script});
}

void must(Arguments command) {
  const Outcome outcome = run(host_command(std::move(command)));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
}
void git(const std::string& directory, Arguments arguments) {
  Arguments all = {"git", "-C", directory, "-c", "user.name=t", "-c", "user.email=t@localhost"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  must(std::move(all));
}

int loopback(int port, bool connects) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool done = (connects ? ::connect(socket, generic, size) : ::bind(socket, generic, size)) == 0;
  if (done && !connects) ::getsockname(socket, generic, &size);
  ::close(socket);
  return done ? ntohs(address.sin_port) : -1;
}

}  // namespace

TEST_CASE("copies with parents, modes, links and inline files") {
  Ecrin ecrin;
  ecrin.context("x/y/a.txt", "a\n", 0600);
  ecrin.context("x/b.sh", "b\n", 0700);
  ecrin.context("Containerfile", R"(FROM localhost/busybox
COPY --parents ./x/./y/*.txt /parents/
COPY --chmod=u=rwX,go=rX --chown=5:6 x /symbolic/
COPY --link --chown=7 x/b.sh /linked/
COPY --exclude=*.sh --exclude=nothing x /excluded
COPY <<EOF /inline/
text
EOF
)");
  const std::string id = built(ecrin, {ecrin.context_directory()});
  CHECK(listing(ecrin, id, "/parents") == "755 0:0 .\n755 0:0 ./y\n600 0:0 ./y/a.txt\n");
  CHECK(listing(ecrin, id, "/symbolic") == "755 5:6 .\n755 5:6 ./b.sh\n755 5:6 ./y\n644 5:6 ./y/a.txt\n");
  CHECK(listing(ecrin, id, "/linked") == "755 7:7 .\n700 7:7 ./b.sh\n");
  CHECK(listing(ecrin, id, "/excluded") == "755 0:0 .\n755 0:0 ./y\n600 0:0 ./y/a.txt\n");
  CHECK(listing(ecrin, id, "/inline") == "755 0:0 .\n644 0:0 ./EOF\n");
}

TEST_CASE("archives are unpacked through the symlinks of the image") {
  Ecrin ecrin;
  const std::string context = ecrin.context_directory();
  ecrin.context("tree/lib/from-archive", "a\n");
  for (const std::string how : {"bzip2", "xz", "gzip"}) {
    must({"tar", "--" + how, "-C", context + "/tree", "-cf", context + "/" + how + ".data",
          "lib/from-archive"});
  }
  ecrin.context("Containerfile", R"(FROM localhost/busybox
RUN mkdir /real && ln -s real /lib && mkdir /one /two
ADD bzip2.data /
ADD --chown=8:9 xz.data /one
ADD --unpack=false gzip.data /two/
)");
  const std::string id = built(ecrin, {context});
  CHECK(ecrin.in_container(id, {"cat", "/real/from-archive"}) == "a\n");
  CHECK(listing(ecrin, id, "/two") == "755 0:0 .\n644 0:0 ./gzip.data\n");
  CHECK(contains(listing(ecrin, id, "/one"), "8:9 ./lib/from-archive"));
}

TEST_CASE("an archive of the context that changes during the build is an error", "[any-driver]") {
  Ecrin ecrin;
  const std::string context = ecrin.context_directory();
  const auto pack = [&](const std::string& name, const std::string& content) {
    write_file(ecrin.scratch() / "tree/file", content);
    must({"tar", "-C", ecrin.scratch() / "tree", "-cf", context + "/" + name, "file"});
  };
  // The keys are made of the old files; then the first stage waits until there are others.
  const auto recipe = [](const std::string& name, const std::string& main) {
    return R"(
stages:
  first:
    from: localhost/busybox
    steps:
      - run:
          command: echo before )" +
           name + R"(; until test -e /signal/go; do sleep 0.1; done; touch /done
          mounts: [{bind: /signal, source: signal}]
  main:
)" + main;
  };
  const auto refused = [&](const std::string& name, const std::string& main) {
    make_directory(context + "/signal");
    pack(name, "old\n");
    Invocation build = ecrin.build_invocation(recipe(name, main), {"--jobs=1", "--progress=plain"});
    build.argv.insert(build.argv.begin(), {"sh", "-c", "exec \"$0\" \"$@\" 2>&1"});
    Running running(build);
    REQUIRE(running.wait_for_output("| before " + name));
    pack(name, "new\n");
    write_file(context + "/signal/go", "");
    const Outcome outcome = running.wait();
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(contains(outcome.out, "'" + name + "' in the context changed during the build"));
    must({"rm", "-r", context + "/signal"});
  };
  refused("added.tar", R"(
    from: localhost/busybox
    steps:
      - copy: {from: first, src: /done, dest: /done}
      - add: {src: added.tar, dest: /}
)");
  refused("base.tar", R"(
    from: {rootfs: base.tar}
    steps: [{copy: {from: first, src: /done, dest: /done}}]
)");
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("several files of ADD need a directory", "[any-driver]") {
  Ecrin ecrin;
  const std::string context = ecrin.context_directory();
  ecrin.context("a.txt", "a\n");
  ecrin.context("d/b.txt", "b\n");
  const auto containerfile = [&](const std::string& line) {
    ecrin.context("Containerfile",
                  "FROM localhost/busybox\nRUN mkdir /there\n" + line + "\n1\nEOF\n2\nEOT\n");
  };
  for (const char* line : {"ADD a.txt <<EOF <<EOT /new", "ADD d <<EOF <<EOT /new", "ADD <<EOF <<EOT /new",
                           "ADD <<EOF <<EOT /etc/passwd"}) {
    containerfile(line);
    const Outcome outcome = ecrin({"build", context});
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(contains(outcome.err, "several sources need a directory as destination"));
  }
  containerfile("ADD a.txt <<EOF <<EOT /there");
  CHECK(listing(ecrin, built(ecrin, {context}), "/there") ==
        "755 0:0 .\n644 0:0 ./EOF\n644 0:0 ./EOT\n644 0:0 ./a.txt\n");
  containerfile("ADD d <<EOF <<EOT /new/");
  CHECK(listing(ecrin, built(ecrin, {context}), "/new") ==
        "755 0:0 .\n644 0:0 ./EOF\n644 0:0 ./EOT\n644 0:0 ./b.txt\n");
}

TEST_CASE("a context from an archive, from standard input and from a recipe alone") {
  Ecrin ecrin;
  ecrin.context("file", "content\n");
  ecrin.context("Containerfile", "FROM localhost/busybox\nCOPY file /file\n");
  ecrin.context("sub/other", "FROM localhost/busybox\nCOPY file /elsewhere\n");
  const std::string archive = ecrin.scratch() / "context.tar.gz";
  must({"tar", "-C", ecrin.context_directory(), "-czf", archive, "."});
  const std::string id = built(ecrin, {archive});
  CHECK(id == built(ecrin, {ecrin.context_directory()}));
  CHECK(ecrin.in_container(built(ecrin, {"-f", "sub/other", archive}), {"cat", "/elsewhere"}) == "content\n");
  Invocation from_input = ecrin.invocation({"build", "-"});
  from_input.input = read_file(archive);
  const Outcome outcome = run(from_input);
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  CHECK(full_id(lines_of(outcome.out).back()) == id);
  Invocation recipe_only = ecrin.invocation({"build", "-"});
  recipe_only.input = "FROM localhost/busybox\nRUN echo alone > /alone\n";
  const Outcome alone = run(recipe_only);
  INFO(alone.description);
  CHECK(alone.code == 0);
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("named contexts stand in for images and stages") {
  Ecrin ecrin;
  const std::string named = ecrin.scratch() / "named";
  write_file(named + "/file", "named\n");
  write_file(named + "/ignored", "x\n");
  write_file(named + "/.dockerignore", "ignored\n");
  ecrin.context("Containerfile", R"(FROM nowhere.invalid/base AS base
FROM base
COPY --from=files . /files/
RUN --mount=type=bind,from=files,target=/m cat /m/file > /mounted
)");
  const std::string id =
      built(ecrin, {"--build-context", "nowhere.invalid/base=docker-image://localhost/busybox",
                    "--build-context", "files=" + named, ecrin.context_directory()});
  CHECK(ecrin.in_container(id, {"cat", "/mounted"}) == "named\n");
  CHECK(listing(ecrin, id, "/files") == "755 0:0 .\n644 0:0 ./.dockerignore\n644 0:0 ./file\n");
}

TEST_CASE("git repositories are contexts and sources", "[any-driver]") {
  Ecrin ecrin;
  const std::string repository = ecrin.scratch() / "git/repo.git";
  write_file(repository + "/docs/page", "first\n");
  write_file(repository + "/Containerfile", "FROM localhost/busybox\nCOPY docs /docs\n");
  git(repository, {"init", "-q", "-b", "main"});
  git(repository, {"add", "."});
  git(repository, {"commit", "-qm", "1"});
  git(repository, {"tag", "v1"});
  write_file(repository + "/docs/page", "second\n");
  git(repository, {"commit", "-qam", "2"});
  const int port = loopback(0, false);
  REQUIRE(port > 0);
  const Running server(
      host_command({"git", "daemon", "--base-path=" + (ecrin.scratch() / "git"), "--export-all",
                    "--listen=127.0.0.1", "--port=" + std::to_string(port), "--reuseaddr"}));
  for (int i = 0; i < 200 && loopback(port, true) < 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const std::string url = "git://127.0.0.1:" + std::to_string(port) + "/repo.git";
  CHECK(ecrin.in_container(built(ecrin, {url}), {"cat", "/docs/page"}) == "second\n");
  CHECK(ecrin.in_container(built(ecrin, {url + "#v1"}), {"cat", "/docs/page"}) == "first\n");
  ecrin.context("Containerfile", "FROM localhost/busybox\nADD " + url +
                                     "#v1:docs /one/\nADD --keep-git-dir=true " + url +
                                     "?branch=main /two\n");
  const std::string id = built(ecrin, {ecrin.context_directory()});
  CHECK(listing(ecrin, id, "/one") == "755 0:0 .\n644 0:0 ./page\n");
  CHECK(ecrin.in_container(id, {"cat", "/one/page"}) == "first\n");
  CHECK(ecrin.in_container(id, {"cat", "/two/.git/HEAD"}).size() == 41);
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("a git server that says nothing does not keep a build from being stopped", "[any-driver]") {
  Ecrin ecrin;
  const int port = loopback(0, false);
  REQUIRE(port > 0);
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(silent, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::listen(silent, 1) == 0);
  const std::string url = "git://127.0.0.1:" + std::to_string(port) + "/repo.git";
  ecrin.context("Containerfile", "FROM localhost/busybox\nADD " + url + " /\n");
  Invocation build = ecrin.invocation({"build", ecrin.context_directory()});
  build.timeout = std::chrono::seconds(30);
  Running running(build);
  const int connection = ::accept(silent, nullptr, nullptr);
  REQUIRE(connection >= 0);
  running.signal(SIGINT);  // to ecrin alone
  const Outcome outcome = running.wait();
  INFO(outcome.description);
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.code == 130);
  // Its git is gone too: the other end of the connection is closed.
  char buffer[256];
  while (::read(connection, buffer, sizeof(buffer)) > 0) continue;
  ::close(connection);
  ::close(silent);
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("a build in which nothing changed opens no file of the context", "[any-driver]") {
  Ecrin ecrin;
  std::string text = "FROM localhost/busybox\n";
  for (int i = 0; i < 10; ++i) text += "COPY d" + std::to_string(i) + " /d" + std::to_string(i) + "/\n";
  for (int i = 0; i < 2'000; ++i) {
    ecrin.context("d" + std::to_string(i % 10) + "/f" + std::to_string(i), std::to_string(i));
  }
  ecrin.context("Containerfile", text);
  // What changed in the last two seconds is not trusted.
  std::this_thread::sleep_for(std::chrono::seconds(4));
  built(ecrin, {ecrin.context_directory()});
  const int watcher = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  REQUIRE(watcher >= 0);
  for (int i = 0; i < 10; ++i) {
    const std::string directory = ecrin.context_directory() + "/d" + std::to_string(i);
    REQUIRE(::inotify_add_watch(watcher, directory.c_str(), IN_OPEN) >= 0);
  }
  built(ecrin, {ecrin.context_directory()});
  std::size_t opened = 0;
  alignas(inotify_event) char buffer[64 * 1024];
  for (ssize_t size; (size = ::read(watcher, buffer, sizeof(buffer))) > 0;) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      if (!(event->mask & IN_ISDIR)) ++opened;
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
  ::close(watcher);
  CHECK(opened == 0);
}
