// Killed builds, and several at once: nothing that finished is lost, nothing stays that prune does not find.
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <filesystem>
#include <memory>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

std::string busy_recipe(const std::string& salt) {
  return "from: localhost/busybox\nsteps:\n"
         "  - write: {dest: /salt, content: \"" +
         salt +
         "\"}\n"
         "  - run: for i in $(seq 200); do echo $i > /file-$i; done\n"
         "  - run: dd if=/dev/zero of=/big bs=1M count=8 2>/dev/null; rm /file-1*\n"
         "  - copy: {src: tree, dest: /tree}\n"
         "  - run: mkdir /done && mv /file-2* /done/ && sync\n";
}

void fill_context(const Ecrin& ecrin) {
  for (int index = 0; index < 50; ++index)
    ecrin.context("tree/" + std::to_string(index), std::string(20'000, 'x'));
}

/// A server that takes connections and never says a word.
class SilentServer {
public:
  SilentServer() : m_socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(m_socket, generic, size) == 0);
    REQUIRE(::listen(m_socket, 8) == 0);
    REQUIRE(::getsockname(m_socket, generic, &size) == 0);
    m_url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  ~SilentServer() {
    ::close(m_socket);
    if (m_client >= 0) ::close(m_client);
  }
  const std::string& url() const { return m_url; }
  bool wait_for_client() {
    pollfd waiting{.fd = m_socket, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 60'000) != 1) return false;
    m_client = ::accept4(m_socket, nullptr, nullptr, SOCK_CLOEXEC);
    return m_client >= 0;
  }

private:
  int m_socket;
  int m_client = -1;
  std::string m_url;
};

}  // namespace

TEST_CASE("a build killed at any point leaves a clean store", "[heavy]") {
  Ecrin ecrin;
  fill_context(ecrin);
  // How long a whole build takes here decides when to kill.
  const auto start = std::chrono::steady_clock::now();
  const std::string expected = ecrin.build(busy_recipe("fixed"));
  const auto whole =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  const int rounds = ecrin.driver == "copy" ? 8 : 16;  // copies take their time
  for (int round = 0; round < rounds; ++round) {
    const std::string salt = "round-" + std::to_string(round);
    {
      Running build(ecrin.build_invocation(busy_recipe(salt)));
      usleep(static_cast<useconds_t>(whole.count() * (round + 1) / (rounds + 1)));
      // Alone, as the kernel's out-of-memory killer would, or with all of its group, as a closed session
      // would.
      if (round % 2) {
        build.signal(SIGKILL);
      } else {
        build.signal_group(SIGKILL);
      }
      build.wait();
    }
    INFO("round " << round);
    CHECK(ecrin({"images"}).code == 0);
    if (round % 4 == 3) {
      CHECK(ecrin({"prune", "-f"}).code == 0);
      CHECK(ecrin.left_behind().empty());
    }
    CHECK(ecrin.in_container(ecrin.build(busy_recipe(salt)), {"sh", "-c", "cat /salt; ls /done | wc -l"}) ==
          salt + "12\n");
    CHECK(ecrin.build(busy_recipe("fixed")) == expected);
  }
  ecrin.must({"prune", "-f", "-a"});
  CHECK(names_in(ecrin.root() + "/layers").empty());
  CHECK(ecrin.left_behind().empty());
  CHECK(names_in(ecrin.root() + "/blobs/sha256").empty());
}

TEST_CASE("a killed load leaves a clean store", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  Ecrin source;
  source.must({"save", "-o", source.scratch() / "busybox.tar", "busybox"});
  for (int round = 0; round < 10; ++round) {
    {
      Running load(ecrin.invocation({"load", "-i", source.scratch() / "busybox.tar"}));
      usleep(static_cast<useconds_t>(round * 4000));
      load.signal_group(SIGKILL);
      load.wait();
    }
    CHECK(ecrin({"images"}).code == 0);
  }
  ecrin.must({"load", "-i", source.scratch() / "busybox.tar"});
  CHECK(ecrin.in_container("busybox", {"echo", "hi"}) == "hi\n");
  ecrin.must({"rmi", "busybox"});
  ecrin.must({"prune", "-f", "-a"});
  CHECK(names_in(ecrin.root() + "/blobs/sha256").empty());
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("two builds and a prune at once all succeed", "[heavy]") {
  Ecrin ecrin;
  fill_context(ecrin);
  for (int round = 0; round < 4; ++round) {
    const std::string one = "one-" + std::to_string(round), two = "two-" + std::to_string(round);
    Running first(ecrin.build_invocation(busy_recipe(one), {"-t", "one"}));
    Running second(ecrin.build_invocation(busy_recipe(two), {"-t", "two"}));
    for (int turn = 0; turn < 5; ++turn) {
      const Outcome prune = ecrin({"prune", "-f"});
      INFO(prune.description);
      CHECK(prune.code == 0);
    }
    const Outcome done_one = first.wait(), done_two = second.wait();
    INFO(done_one.description << done_two.description);
    CHECK(done_one.code == 0);
    CHECK(done_two.code == 0);
    CHECK(ecrin.in_container("one", {"cat", "/salt"}) == one);
    CHECK(ecrin.in_container("two", {"cat", "/salt"}) == two);
  }
}

TEST_CASE("the same build twice at once gives the same image", "[heavy]") {
  Ecrin ecrin;
  fill_context(ecrin);
  std::vector<std::unique_ptr<Running>> builds;
  for (int index = 0; index < 4; ++index)
    builds.push_back(std::make_unique<Running>(ecrin.build_invocation(busy_recipe("same"), {"-q"})));
  std::string id;
  for (auto& build : builds) {
    const Outcome outcome = build->wait();
    INFO(outcome.description);
    CHECK(outcome.code == 0);
    if (id.empty()) id = outcome.out;
    CHECK(outcome.out == id);
  }
}

TEST_CASE("control-C stops a build with one message and a clean store") {
  Ecrin ecrin;
  Running build(ecrin.build_invocation(
      "from: localhost/busybox\nsteps:\n  - run: echo kept > /kept\n"
      "  - run: {command: touch /cache/started && sleep 1000, mounts: [{cache: /cache}]}\n",
      {"--progress", "plain"}));
  const auto second_step_runs = [&] {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(ecrin.root() + "/cache", ignored))
      if (entry.path().filename() == "started") return true;
    return false;
  };
  for (int tries = 0; tries < 600 && !second_step_runs(); ++tries) usleep(50'000);
  build.signal(SIGINT);
  const Outcome outcome = build.wait();
  INFO(outcome.description);
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.code == 130);
  CHECK(ecrin.left_behind().empty());
  const Outcome again = ecrin.try_build("from: localhost/busybox\nsteps:\n  - run: echo kept > /kept\n",
                                        {"--progress", "json"});
  CHECK(count_state(step_reports(again), "done") == 0);
}

TEST_CASE("a store that cannot be written is refused with the fix", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  Invocation invocation = host_command({"true"});
  invocation = ecrin.invocation({"images"});
  for (auto& word : invocation.argv)
    if (word == ecrin.root()) word = "/usr/ecrin";
  const Outcome outcome = run(invocation);
  INFO(outcome.description);
  CHECK(outcome.code == 125);
  CHECK(one_error(outcome));
  CHECK(contains(outcome.err, "--root"));
}

TEST_CASE("a build that is stopped while its context comes gives the code of the signal") {
  Ecrin ecrin;
  SilentServer server;
  for (const int signal : {SIGINT, SIGTERM}) {
    Running build(ecrin.invocation({"build", server.url() + "context.tar"}));
    REQUIRE(server.wait_for_client());
    build.signal(signal);
    const Outcome outcome = build.wait();
    INFO(outcome.description);
    CHECK(outcome.code == 128 + signal);
    CHECK(contains(outcome.err, "stopped by the user"));
  }
  CHECK(ecrin.left_behind().empty());
}
