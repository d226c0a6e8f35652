#include "run/network/network_files.hpp"

#include "run/network/network.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin::run;

TEST_CASE("resolv.conf of the host's network is the host's") {
  const std::string text = "nameserver 127.0.0.53\nsearch example.org\n# comment\n";
  CHECK(container_resolv_conf(text, NetworkMode::host, "1.2.3.4") == text);
}

TEST_CASE("loopback servers are replaced in a private network") {
  CHECK(container_resolv_conf("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch example.org\n",
                              NetworkMode::private_network, "169.254.1.1") ==
        "options edns0 trust-ad\nsearch example.org\nnameserver 169.254.1.1\n");
  CHECK(container_resolv_conf("nameserver ::1\n", NetworkMode::private_network, "10.0.2.3") ==
        "nameserver 10.0.2.3\n");
  CHECK(container_resolv_conf("", NetworkMode::private_network, "10.0.2.3") == "nameserver 10.0.2.3\n");
}

TEST_CASE("reachable servers stay, and the replacement is not needed then") {
  CHECK(container_resolv_conf("nameserver 192.0.2.53\nnameserver 127.0.0.1\n", NetworkMode::private_network,
                              "169.254.1.1") == "nameserver 192.0.2.53\n");
  CHECK(container_resolv_conf("nameserver\t2001:db8::53 # home\n", NetworkMode::private_network, "") ==
        "nameserver\t2001:db8::53 # home\n");
}

TEST_CASE("a server with a scope is on an interface that the container does not have") {
  CHECK(container_resolv_conf("nameserver fe80::1%eth0\n", NetworkMode::private_network, "169.254.1.1") ==
        "nameserver 169.254.1.1\n");
}

TEST_CASE("at most three servers are kept") {
  const std::string text =
      "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
  CHECK(container_resolv_conf(text, NetworkMode::private_network, "").find("192.0.2.4") == std::string::npos);
}

TEST_CASE("without a network there is no server") {
  CHECK(container_resolv_conf("nameserver 192.0.2.53\nsearch a\n", NetworkMode::none, "169.254.1.1") ==
        "search a\n");
}

TEST_CASE("only nameserver lines count as servers") {
  CHECK(has_reachable_nameserver("nameserver 192.0.2.53"));
  CHECK_FALSE(has_reachable_nameserver("nameserver 127.0.0.53\n"));
  CHECK_FALSE(has_reachable_nameserver("#nameserver 192.0.2.53\nnameservers 192.0.2.53\n"));
  CHECK_FALSE(has_reachable_nameserver(""));
}

TEST_CASE("the hosts file names the container") {
  const std::string text = container_hosts("box");
  CHECK(text.find("127.0.0.1\tlocalhost\n") != std::string::npos);
  CHECK(text.find("127.0.1.1\tbox\n") != std::string::npos);
  CHECK(container_hosts("").find("127.0.1.1") == std::string::npos);
}

TEST_CASE("the hosts file has the lines that were asked for before the container's own") {
  CHECK(container_hosts("box", "10.89.0.2", {{.address = "192.0.2.1", .names = "db"}}) ==
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n192.0.2.1\tdb\n10.89.0.2\tbox\n");
}

TEST_CASE("resolver settings take the place of lines of their kind") {
  const std::string text = "nameserver 192.0.2.53\nsearch a b\noptions edns0\n";
  CHECK(with_resolver_settings(text, {}) == text);
  CHECK(with_resolver_settings(text, {.servers = {"1.1.1.1", "::1"}}) ==
        "search a b\noptions edns0\nnameserver 1.1.1.1\nnameserver ::1\n");
  CHECK(with_resolver_settings(text, {.search = {"x", "y"}, .options = {"ndots:2"}}) ==
        "nameserver 192.0.2.53\nsearch x y\noptions ndots:2\n");
  CHECK(with_resolver_settings(text, {.search = {"."}}) == "nameserver 192.0.2.53\noptions edns0\n");
}

TEST_CASE("the default gateway of a routing table") {
  CHECK(default_gateway("Iface\tDestination\tGateway\tFlags\neth0\t000200C0\t00000000\t0001\n"
                        "eth0\t00000000\t010200C0\t0003\n")
            ->to_string() == "192.0.2.1");
  CHECK_FALSE(default_gateway("Iface\tDestination\tGateway\neth0\t00000000\t00000000\t0001\n"));
  CHECK_FALSE(default_gateway("eth0\t00000000\tzzzzzzzz\n"));
  CHECK_FALSE(default_gateway(""));
}
