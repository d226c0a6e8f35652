// Named networks: containers of one user that find each other by name, and what is left when they are gone.
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/ports.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

Invocation server(const Ecrin& ecrin, Arguments flags) {
  Arguments arguments = {"run", "--rm"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {"busybox", "test-init", "serve", "80"});
  return ecrin.invocation(arguments);
}

// The image has no C library that asks name servers: nslookup asks them itself.
enum class Family { v4, v6 };
std::string ask_by_name(const std::string& name, Family family) {
  const std::string pattern = family == Family::v4 ? "[0-9.]*" : ".*:.*";
  return "address=$(nslookup " + name + " | sed -n 's/^Address: \\(" + pattern +
         "\\)$/\\1/p' | tail -n 1); test-init ask tcp \"$address\" 80 hello";
}

Outcome ask(const Ecrin& ecrin, Arguments flags, const std::string& name, Family family = Family::v4) {
  Arguments arguments = {"run", "--rm"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {"busybox", "sh", "-c", ask_by_name(name, family)});
  return ecrin(arguments);
}

bool keeper_is_gone(const Ecrin& ecrin) {
  for (int tries = 0; tries < 200; ++tries) {
    if (!exists(ecrin.root() + "/networks/keeper.socket")) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

// The keeper of this store: it holds the directory of its networks. 0: there is none.
pid_t pid_of_keeper(const Ecrin& ecrin) {
  const std::filesystem::path directory = std::filesystem::canonical(ecrin.root() + "/networks");
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(process.path() / "fd/4", gone) != directory) continue;
    std::ifstream name(process.path() / "comm");
    std::string text;
    if (std::getline(name, text) && text == "ecrin-networks") return std::stoi(process.path().filename());
  }
  return 0;
}

}  // namespace

TEST_CASE("networks: created, listed, shown, removed", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  CHECK(ecrin.must({"network", "create", "front"}) == "front");
  CHECK(ecrin.must({"network", "create", "--subnet", "10.77.0.0/24", "--gateway", "10.77.0.254", "--ip-range",
                    "10.77.0.128/25", "--ipv6", "--internal", "--disable-dns", "--label", "a=b", "-o",
                    "mtu=1400", "back"}) == "back");
  CHECK(ecrin.must({"network", "ls", "-q"}) == "back\nbridge\nfront");
  CHECK(ecrin.must({"network", "ls", "-q", "--filter", "label=a"}) == "back");
  CHECK(ecrin.must({"network", "ls", "--filter", "name=ron", "--format", "{{.Name}} {{.Driver}}"}) ==
        "front bridge");
  const nlohmann::json back = ecrin.json({"network", "inspect", "back"})[0];
  CHECK(back["name"] == "back");
  CHECK(back["driver"] == "bridge");
  CHECK(back["internal"] == true);
  CHECK(back["dns_enabled"] == false);
  CHECK(back["ipv6_enabled"] == true);
  CHECK(back["labels"]["a"] == "b");
  CHECK(back["options"]["mtu"] == "1400");
  CHECK(back["subnets"].size() == 2);
  CHECK(back["subnets"][0]["subnet"] == "10.77.0.0/24");
  CHECK(back["subnets"][0]["gateway"] == "10.77.0.254");
  CHECK(back["subnets"][0]["lease_range"]["end_ip"] == "10.77.0.255");
  CHECK(ecrin({"network", "exists", "front"}).code == 0);
  CHECK(ecrin({"network", "exists", "no"}).code == 1);
  CHECK(ecrin.must({"network", "inspect", "--format", "{{.name}}",
                    back["id"].get<std::string>().substr(0, 12)}) == "back");
  // By its name and by its ID is twice.
  const Outcome twice = ecrin({"run", "--rm", "--network", "back", "--network",
                               back["id"].get<std::string>().substr(0, 12), "busybox", "true"});
  CHECK(twice.code == 125);
  CHECK(contains(twice.err, "named twice"));
  const Outcome again = ecrin({"network", "create", "front"});
  CHECK(again.code == 125);
  CHECK(one_error(again));
  CHECK(ecrin({"network", "create", "--ignore", "front"}).code == 0);
  for (const Arguments& flags :
       {Arguments{"none"}, Arguments{"a b"}, Arguments{"--subnet", "10.77.0.0/16", "x"},
        Arguments{"--subnet", "10.78.0.0/24", "--gateway", "10.79.0.1", "x"},
        Arguments{"--interface-name", "ecrin0", "x"}, Arguments{"--driver", "macvlan", "x"},
        Arguments{"--gateway", "10.1.0.1", "x"}, Arguments{"--subnet", "10.78.0.0/32", "x"}}) {
    Arguments arguments = {"network", "create"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome refused = ecrin(arguments);
    INFO(refused.description);
    CHECK(refused.code == 125);
    CHECK(one_error(refused));
  }
  CHECK(ecrin({"network", "rm", "no"}).code == 1);
  CHECK(ecrin({"network", "rm", "-f", "no"}).code == 0);
  CHECK(ecrin({"network", "rm", "bridge"}).code == 125);
  CHECK(ecrin.must({"network", "rm", "front"}) == "front");
  CHECK(ecrin.must({"network", "prune", "-f"}) == "back");
  CHECK(ecrin.must({"network", "ls", "-q"}) == "bridge");
}

TEST_CASE("two containers on a named network find each other by name", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"network", "create", "--ipv6", "shared"});
  Running first(server(
      ecrin, {"--name", "web", "--network", "shared", "--network-alias", "www", "--hostname", "machine"}));
  REQUIRE(first.wait_for_output("ready"));
  for (const char* name : {"web", "www", "machine"}) {
    const Outcome outcome = ask(ecrin, {"--network", "shared"}, name);
    INFO(outcome.description);
    CHECK(contains(outcome.out, "tcp 80 hello from 10."));
  }
  const Outcome six = ask(ecrin, {"--network", "shared"}, "web", Family::v6);
  INFO(six.description);
  CHECK(contains(six.out, "tcp 80 hello from fd"));
  // Who is on another network finds nobody.
  ecrin.must({"network", "create", "other"});
  Running alone(server(ecrin, {"--name", "alone", "--network", "other"}));
  REQUIRE(alone.wait_for_output("ready"));
  CHECK(contains(ask(ecrin, {"--network", "other"}, "alone").out, "hello"));
  CHECK_FALSE(contains(ask(ecrin, {"--network", "other"}, "web").out, "hello"));
  CHECK(contains(ask(ecrin, {"--network", "other", "--network", "shared"}, "web").out, "hello"));
  // A network that is used stays.
  const Outcome refused = ecrin({"network", "rm", "shared"});
  CHECK(refused.code == 2);
  CHECK(contains(refused.err, "in use"));
  for (Running* running : {&first, &alone}) {
    running->signal(SIGTERM);
    running->wait();
  }
  CHECK(keeper_is_gone(ecrin));
  CHECK(ecrin({"network", "rm", "shared"}).code == 0);
}

TEST_CASE("a container is connected to networks while it runs, and at its later starts", "[any-driver]") {
  Ecrin ecrin;
  const auto asks = [&](const std::string& container, const std::string& name) {
    return contains(ecrin({"exec", container, "sh", "-c", ask_by_name(name, Family::v4)}).out,
                    "tcp 80 hello from");
  };
  ecrin.must({"network", "create", "one"});
  ecrin.must({"network", "create", "--subnet", "10.99.7.0/24", "two"});
  ecrin.must({"run", "-d", "--name", "web", "--network", "two", "busybox", "test-init", "serve", "80"});
  ecrin.must({"run", "-d", "--name", "guest", "--network", "one", "--network-alias", "known", "busybox",
              "sleep", "1000"});
  CHECK_FALSE(asks("guest", "web"));
  ecrin.must({"network", "connect", "--ip", "10.99.7.77", "--alias", "visitor", "two", "guest"});
  CHECK(asks("guest", "web"));
  CHECK(contains(ecrin.must({"exec", "guest", "cat", "/proc/net/fib_trie"}), "10.99.7.77"));
  CHECK(contains(ecrin.must({"exec", "guest", "cat", "/etc/resolv.conf"}), "10.99.7.1"));
  CHECK(ecrin({"network", "connect", "two", "guest"}).code == 125);
  CHECK(ecrin({"network", "rm", "two"}).code == 2);
  CHECK(ecrin.inspect("guest")["NetworkSettings"]["Networks"].size() == 2);
  ecrin.must({"stop", "-t", "0", "guest"});
  ecrin.must({"start", "guest"});
  CHECK(asks("guest", "web"));
  // From one of those that it was started with.
  ecrin.must({"network", "disconnect", "one", "guest"});
  CHECK(asks("guest", "web"));
  CHECK_FALSE(contains(ecrin.must({"exec", "guest", "cat", "/proc/net/dev"}), "eth0"));
  const Outcome last = ecrin({"network", "disconnect", "two", "guest"});
  CHECK(one_error(last));
  CHECK(contains(last.err, "only network"));
  ecrin.must({"network", "connect", "one", "guest"});
  ecrin.must({"network", "disconnect", "two", "guest"});
  CHECK_FALSE(asks("guest", "web"));
  CHECK(one_error(ecrin({"network", "disconnect", "two", "guest"})));
  ecrin.must({"rm", "-f", "web"});
  CHECK(ecrin({"network", "rm", "two"}).code == 0);
  ecrin.must({"run", "-d", "--name", "apart", "busybox", "sleep", "1000"});
  const Outcome refused = ecrin({"network", "connect", "one", "apart"});
  CHECK(one_error(refused));
  CHECK(contains(refused.err, "no named network"));
  ecrin.must({"rm", "-fa"});
  CHECK(keeper_is_gone(ecrin));
}

TEST_CASE("addresses: asked for, and never given twice", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"network", "create", "--subnet", "10.77.3.0/29", "small"});
  Running first(
      server(ecrin, {"--network", "small", "--ip", "10.77.3.2", "--mac-address", "92:d0:c6:0a:29:33"}));
  REQUIRE(first.wait_for_output("ready"));
  const std::string show = "ip -o address show eth0; ip -o link show eth0";
  const std::string second =
      ecrin.must({"run", "--rm", "--network", "small:mac=92:d0:c6:0a:29:34", "busybox", "sh", "-c", show});
  CHECK(contains(second, "10.77.3.3/29"));
  CHECK(contains(second, "92:d0:c6:0a:29:34"));
  CHECK(contains(ecrin({"run", "--rm", "--network", "small:ip=10.77.3.2", "busybox", "true"}).err, "in use"));
  CHECK(contains(ecrin({"run", "--rm", "--network", "small:ip=10.99.3.2", "busybox", "true"}).err,
                 "no subnet"));
}

TEST_CASE("published ports of a container on a named network", "[any-driver]") {
  Ecrin ecrin;
  const std::string port = free_port();
  Running running(server(ecrin, {"--network", "bridge", "-p", port + ":80", "-p", port + ":80/udp"}));
  REQUIRE(running.wait_for_output("ready"));
  for (const char* address : {"127.0.0.1", "::1"}) {
    INFO(address);
    CHECK(answer_of_server("tcp", address, port) == "tcp 80 hello");
    CHECK(answer_of_server("udp", address, port) == "udp 80 hello");
  }
}

TEST_CASE("what a killed container had on a network is taken back", "[any-driver]") {
  Ecrin ecrin;
  {
    Running killed(server(ecrin, {"--name", "web", "--network", "bridge"}));
    REQUIRE(killed.wait_for_output("ready"));
    Running other(server(ecrin, {"--name", "db", "--network", "bridge"}));
    REQUIRE(other.wait_for_output("ready"));
    killed.signal(SIGKILL);
    killed.wait();
    // Its monitor, which was not killed, removes it.
    for (int tries = 0; tries < 200 && !ecrin.must({"ps", "-aq", "--filter", "name=^web$"}).empty(); ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    // What the killed one had is taken back: its name is nobody's, and another may have it.
    Running again(server(ecrin, {"--name", "web", "--network", "bridge"}));
    REQUIRE(again.wait_for_output("ready"));
    CHECK(contains(ask(ecrin, {"--network", "bridge"}, "web").out, "hello"));
    CHECK(contains(ask(ecrin, {"--network", "bridge"}, "db").out, "hello"));
    other.signal(SIGKILL);
    other.wait();
    again.signal(SIGKILL);
    again.wait();
  }
  CHECK(keeper_is_gone(ecrin));
}

TEST_CASE("a keeper that is killed is replaced", "[any-driver]") {
  Ecrin ecrin;
  Running before(server(ecrin, {"--name", "before", "--network", "bridge"}));
  REQUIRE(before.wait_for_output("ready"));
  const pid_t keeper = pid_of_keeper(ecrin);
  REQUIRE(keeper > 0);
  REQUIRE(::kill(keeper, SIGKILL) == 0);
  Running after(server(ecrin, {"--name", "after", "--network", "bridge"}));
  REQUIRE(after.wait_for_output("ready"));
  CHECK(pid_of_keeper(ecrin) != keeper);
  CHECK(contains(ask(ecrin, {"--network", "bridge"}, "after").out, "hello"));
  for (Running* running : {&before, &after}) {
    running->signal(SIGTERM);
    running->wait();
  }
  CHECK(keeper_is_gone(ecrin));
}

TEST_CASE("many containers join and leave one network at once", "[any-driver][heavy]") {
  Ecrin ecrin;
  ecrin.must({"network", "create", "busy"});
  for (int round = 0; round < 3; ++round) {
    std::vector<std::thread> threads;
    std::vector<int> codes(6, -1);
    for (std::size_t index = 0; index < codes.size(); ++index) {
      threads.emplace_back([&ecrin, &codes, index] {
        codes[index] = ecrin({"run", "--rm", "--network", "busy", "busybox", "true"}).code;
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const int code : codes) CHECK(code == 0);
  }
  CHECK(keeper_is_gone(ecrin));
  CHECK(ecrin({"network", "rm", "busy"}).code == 0);
}
