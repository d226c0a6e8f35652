#include "cli/containers/port_lines.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

std::vector<run::PublishedPort> ports(const std::vector<std::string>& texts) {
  std::vector<run::PublishedPort> ports;
  for (const std::string& text : texts) {
    const auto parsed = run::parse_published_ports(text);
    REQUIRE(parsed);
    ports.insert(ports.end(), parsed->begin(), parsed->end());
  }
  return ports;
}

}  // namespace

TEST_CASE("the column of ports has ranges") {
  CHECK(ports_column({}).empty());
  CHECK(ports_column(ports({"8080:80"})) == "0.0.0.0:8080->80/tcp");
  CHECK(ports_column(ports({"9000-9002:80-82", "9003:90", "53:53/udp", "[::1]:9003:83"})) ==
        "0.0.0.0:9000-9002->80-82/tcp, 0.0.0.0:9003->90/tcp, [::1]:9003->83/tcp, 0.0.0.0:53->53/udp");
  CHECK(ports_column(ports({"127.0.0.1:81:81", "80:80"})) == "0.0.0.0:80->80/tcp, 127.0.0.1:81->81/tcp");
  const Json document = ports_document(ports({"9000-9002:80-82", "[::1]:7:7/udp"}));
  REQUIRE(document.size() == 2);
  CHECK(
      document[0] ==
      Json{{"host_ip", ""}, {"container_port", 80}, {"host_port", 9000}, {"range", 3}, {"protocol", "tcp"}});
  CHECK(document[1]["host_ip"] == "::1");
}

TEST_CASE("lines of ports, and where one is found") {
  const auto published = ports({"8080:80", "127.0.0.1:9090:80", "53:53/udp"});
  CHECK(port_lines(published) == std::vector<std::string>{"80/tcp -> 0.0.0.0:8080",
                                                          "80/tcp -> 127.0.0.1:9090",
                                                          "53/udp -> 0.0.0.0:53"});
  CHECK(places_of_port(published, "80").value() ==
        std::vector<std::string>{"0.0.0.0:8080", "127.0.0.1:9090"});
  CHECK(places_of_port(published, "53/udp").value() == std::vector<std::string>{"0.0.0.0:53"});
  CHECK(places_of_port(published, "53").error().kind() == ErrorKind::not_found);
  CHECK(places_of_port(published, "80-81").error().kind() == ErrorKind::invalid);
  CHECK(places_of_port(published, "x").error().kind() == ErrorKind::invalid);
}

TEST_CASE("bindings name what is exposed, too") {
  const Json bindings =
      port_bindings(ports({"8080:80", "[::1]:81:80"}), run::parse_exposed_ports("80-81").value());
  CHECK(bindings["81/tcp"].is_null());
  CHECK(bindings["80/tcp"] ==
        Json{{{"HostIp", "0.0.0.0"}, {"HostPort", "8080"}}, {{"HostIp", "::1"}, {"HostPort", "81"}}});
}
