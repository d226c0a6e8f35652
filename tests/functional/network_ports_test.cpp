// Published ports, DNS settings, and the networks that a container can be given.
#include <signal.h>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/ports.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

Invocation server(const Ecrin& ecrin, Arguments flags, Arguments ports) {
  Arguments arguments = {"run", "--rm"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {"busybox", "test-init", "serve"});
  arguments.insert(arguments.end(), ports.begin(), ports.end());
  return ecrin.invocation(arguments);
}

}  // namespace

TEST_CASE("a server in a container answers on published ports: TCP and UDP, IPv4 and IPv6", "[any-driver]") {
  Ecrin ecrin;
  const std::string helper = GENERATE(as<std::string>(), "pasta", "slirp4netns");
  const std::string port = free_port();
  const std::string other = free_port();
  Running running(server(ecrin,
                         {"--network", helper, "-p", port + ":80", "-p", port + ":80/udp", "-p",
                          "127.0.0.1:" + other + ":81", "-p", "[::1]:" + other + ":82/udp"},
                         {"80", "81", "82"}));
  REQUIRE(running.wait_for_output("ready"));
  INFO(helper);
  for (const char* address : {"127.0.0.1", "::1"}) {
    INFO(address);
    CHECK(answer_of_server("tcp", address, port) == "tcp 80 hello");
    CHECK(answer_of_server("udp", address, port) == "udp 80 hello");
  }
  CHECK(answer_of_server("tcp", "127.0.0.1", other) == "tcp 81 hello");
  CHECK(ask_server("tcp", "::1", other).starts_with("failed"));
  CHECK(answer_of_server("udp", "::1", other) == "udp 82 hello");
  // Who trusts the loopback in the container does not trust the outside by that.
  const std::string four = ask_server("tcp", "127.0.0.1", port);
  CHECK(contains(four, "hello from "));
  CHECK_FALSE(contains(four, "from 127."));
  const std::string six = ask_server("tcp", "::1", port);
  CHECK(contains(six, "hello from "));
  CHECK_FALSE(six.ends_with("from ::1"));
}

TEST_CASE("a server that has IPv4 only answers on IPv6 too", "[any-driver]") {
  Ecrin ecrin;
  const std::string port = free_port();
  Running running(server(ecrin, {"-p", port + ":80", "-p", port + ":80/udp"}, {"80", "--only-ipv4"}));
  REQUIRE(running.wait_for_output("ready"));
  CHECK(answer_of_server("tcp", "::1", port) == "tcp 80 hello");
  CHECK(answer_of_server("udp", "::1", port) == "udp 80 hello");
  CHECK(answer_of_server("udp", "::1", port) == "udp 80 hello");
}

TEST_CASE("much goes through a published port, both ways, and nothing is lost", "[any-driver]") {
  Ecrin ecrin;
  const std::string port = free_port();
  Running running(server(ecrin, {"-p", port + ":80"}, {"80"}));
  REQUIRE(running.wait_for_output("ready"));
  const std::string text(100'000, 'x');
  for (int count = 0; count < 20; ++count) {
    const std::string got = ask_server("tcp", count % 2 ? "127.0.0.1" : "::1", port, text);
    REQUIRE(got.substr(0, got.find(" from ")) == "tcp 80 " + text);
  }
}

TEST_CASE("ranges, free ports and all that an image exposes", "[any-driver]") {
  Ecrin ecrin;
  SECTION("a free port is said") {
    Running running(server(ecrin, {"-p", "80", "-p", "127.0.0.1::81/udp"}, {"80", "81"}));
    REQUIRE(running.wait_for_output("ready"));
    running.signal(SIGTERM);
    const Outcome outcome = running.wait();
    CHECK(contains(outcome.err, "note: port 80/tcp of the container is port "));
    CHECK(contains(outcome.err, "note: port 81/udp of the container is port "));
  }
  SECTION("what is exposed is published with -P") {
    Running running(server(ecrin, {"-P", "--expose", "8000-8001"}, {"8000", "8001"}));
    REQUIRE(running.wait_for_output("ready"));
    running.signal(SIGTERM);
    const Outcome outcome = running.wait();
    CHECK(contains(outcome.err, "port 8000/tcp"));
    CHECK(contains(outcome.err, "port 8001/tcp"));
  }
}

TEST_CASE("what cannot be published is refused before anything runs", "[any-driver]") {
  Ecrin ecrin;
  const auto refused = [&ecrin](Arguments flags) {
    Arguments arguments = {"run", "--rm"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.insert(arguments.end(), {"busybox", "echo", "it runs"});
    const Outcome outcome = ecrin(arguments);
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
    CHECK(outcome.out.empty());
    return outcome.err;
  };
  const std::string port = free_port();
  Running running(server(ecrin, {"-p", port + ":80", "-p", port + ":80/udp"}, {"80"}));
  REQUIRE(running.wait_for_output("ready"));
  CHECK(contains(refused({"-p", port + ":80"}), "port " + port + "/tcp of the host is in use"));
  CHECK(contains(refused({"-p", "127.0.0.1:" + port + ":80/udp"}), "/udp of the host is in use"));
  if (std::stoi(read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start")) > 80)
    CHECK(contains(refused({"-p", "80:80"}), "ip_unprivileged_port_start"));
  CHECK(contains(refused({"-p", "192.0.2.99:8080:80"}), "no address 192.0.2.99"));
  CHECK(contains(refused({"-p", "8080:80", "-p", "8080:81"}), "twice"));
  CHECK(contains(refused({"--network", "none", "-p", "80"}), "without a network"));
  refused({"-p", "x"});
  refused({"-p", "80/sctp"});
  refused({"--network", "ns:/proc/self/status"});
  refused({"--network", "ns:/no/such/path"});
  refused({"--network", "no-such-network"});
  refused({"--network", "host", "--network", "none"});
  refused({"--dns", "x"});
  refused({"--ip", "10.0.0.1"});
}

TEST_CASE("names: servers, domains, hosts, and files that stay the image's", "[any-driver]") {
  Ecrin ecrin;
  const std::string text =
      ecrin.must({"run", "--rm", "--dns", "192.0.2.53", "--dns", "2001:db8::53", "--dns-search",
                  "example.org", "--dns-option", "ndots:3", "busybox", "cat", "/etc/resolv.conf"});
  CHECK(contains(text, "nameserver 192.0.2.53\nnameserver 2001:db8::53"));
  CHECK(contains(text, "search example.org"));
  CHECK(contains(text, "options ndots:3"));
  const std::string hosts = ecrin.must({"run", "--rm", "--add-host", "db;cache:192.0.2.1", "--add-host",
                                        "six:[2001:db8::1]", "busybox", "cat", "/etc/hosts"});
  CHECK(contains(hosts, "192.0.2.1\tdb\n192.0.2.1\tcache\n2001:db8::1\tsix\n"));
  CHECK(ecrin({"run", "--rm", "--no-hosts", "busybox", "test", "-e", "/etc/hosts"}).code == 1);
  CHECK(ecrin({"run", "--rm", "--no-hostname", "busybox", "test", "-e", "/etc/hostname"}).code == 1);
}

TEST_CASE("host-gateway is the host", "[any-driver]") {
  Ecrin ecrin;
  const std::string helper = GENERATE(as<std::string>(), "pasta", "slirp4netns");
  const std::string port = free_port();
  Running running(host_command({setting().test_init, "serve", port}));
  REQUIRE(running.wait_for_output("ready"));
  const Outcome outcome =
      ecrin({"run", "--rm", "--network", helper, "--add-host", "host:host-gateway", "busybox", "sh", "-c",
             "test-init ask tcp $(grep -w host /etc/hosts | cut -f1) " + port + " hello"});
  INFO(outcome.description);
  CHECK(contains(outcome.out, "tcp " + port + " hello"));
}

TEST_CASE("a container joins a network namespace that is there", "[any-driver]") {
  Ecrin ecrin;
  // That of another container.
  Running other(ecrin.invocation({"run", "--rm", "--name", "other", "--dns", "192.0.2.53", "--add-host",
                                  "theirs:192.0.2.1", "busybox", "sh", "-c", "echo ready; exec sleep 1000"}));
  REQUIRE(other.wait_for_output("ready"));
  const int pid = ecrin.inspect("other")["State"]["Pid"];
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  const std::string own = trimmed(run(host_command({"readlink", path})).out);
  REQUIRE(own.starts_with("net:"));
  CHECK(ecrin.must({"run", "--rm", "--network", "ns:" + path, "busybox", "readlink", "/proc/self/ns/net"}) ==
        own);
  // The same by its name, with its files.
  const Outcome shared =
      ecrin({"run", "--rm", "--network", "container:other", "--add-host", "mine:192.0.2.2", "busybox", "sh",
             "-c", "readlink /proc/self/ns/net; cat /etc/hosts /etc/resolv.conf"});
  INFO(shared.description);
  CHECK(contains(shared.out, own));
  CHECK(contains(shared.out, "192.0.2.1\ttheirs"));
  CHECK(contains(shared.out, "192.0.2.2\tmine"));
  CHECK(contains(shared.out, "nameserver 192.0.2.53"));
  // One whose owner has other ids: what is in the store would have wrong owners there.
  Running odd(host_command(
      {"unshare", "--map-root-user", "--map-auto", "--net", "sh", "-c", "echo ready; exec sleep 1000"}));
  REQUIRE(odd.wait_for_output("ready"));
  const Outcome refused = ecrin(
      {"run", "--rm", "--network", "ns:/proc/" + std::to_string(odd.pid()) + "/ns/net", "busybox", "true"});
  CHECK(refused.code == 125);
  CHECK(contains(refused.err, "other ids"));
}

TEST_CASE("a container joins the network of another that runs, again at each start", "[any-driver]") {
  Ecrin ecrin;
  const std::string kind = GENERATE(as<std::string>(), "private", "bridge", "none");
  CAPTURE(kind);
  ecrin.must({"run", "-d", "--name", "server", "--network", kind, "busybox", "test-init", "serve", "80"});
  ecrin.must(
      {"create", "--name", "client", "--network", "container:server", "busybox", "sh", "-c",
       "for try in 1 2 3 4 5 6 7 8 9; do test-init ask tcp 127.0.0.1 80 hello && exit; sleep 0.2; done"});
  for (int round = 0; round < 2; ++round) {
    const Outcome asked = ecrin({"start", "-a", "client"});
    INFO(asked.description);
    CHECK(contains(asked.out, "tcp 80 hello"));
  }
  ecrin.must({"stop", "-t", "0", "server"});
  const Outcome stopped = ecrin({"start", "-a", "client"});
  INFO(stopped.description);
  CHECK(stopped.code == 125);
  CHECK(contains(stopped.err, "container 'server' is not running"));
  ecrin.must({"rm", "client", "server"});
}

TEST_CASE("a network of a container that cannot be joined is refused with the reason", "[any-driver]") {
  Ecrin ecrin;
  const auto refused = [&ecrin](const std::string& name) {
    const Outcome outcome = ecrin({"run", "--rm", "--network", "container:" + name, "busybox", "true"});
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
    return outcome.err;
  };
  CHECK(contains(refused("nobody"), "nobody"));
  ecrin.must({"create", "--name", "idle", "busybox", "true"});
  CHECK(contains(refused("idle"), "container 'idle' is not running"));
  ecrin.must({"run", "-d", "--name", "open", "--network", "host", "busybox", "sleep", "1000"});
  CHECK(contains(refused("open"), "the host's network"));
  ecrin.must({"rm", "-f", "open", "idle"});
}
