#include "run/network/published_port.hpp"

#include "run/network/network_request.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin::run;
using ecrin::ErrorKind;

namespace {

std::vector<std::string> told(std::string_view text) {
  std::vector<std::string> lines;
  const auto ports = parse_published_ports(text);
  INFO(text);
  if (!ports) return {"refused"};
  for (const PublishedPort& port : *ports)
    lines.push_back((port.address ? "" : "*") + port.host_side() + " " + port.container_side());
  return lines;
}

ErrorKind refused(std::string_view text) {
  const auto ports = parse_published_ports(text);
  INFO(text);
  REQUIRE_FALSE(ports);
  return ports.error().kind();
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("published ports: podman's grammar") {
  CHECK(told("80") == Lines{"*0.0.0.0:0 80/tcp"});
  CHECK(told("8080:80") == Lines{"*0.0.0.0:8080 80/tcp"});
  CHECK(told("8080:80/udp") == Lines{"*0.0.0.0:8080 80/udp"});
  CHECK(told("8080:80/UDP") == Lines{"*0.0.0.0:8080 80/udp"});
  CHECK(told("127.0.0.1:8080:80") == Lines{"127.0.0.1:8080 80/tcp"});
  CHECK(told("127.0.0.1::80") == Lines{"127.0.0.1:0 80/tcp"});
  CHECK(told(":80") == Lines{"*0.0.0.0:0 80/tcp"});
  CHECK(told("::80") == Lines{"*0.0.0.0:0 80/tcp"});
  CHECK(told("0:80") == Lines{"*0.0.0.0:0 80/tcp"});
  CHECK(told("[::1]:8080:80") == Lines{"[::1]:8080 80/tcp"});
  CHECK(told("[::1]::80/udp") == Lines{"[::1]:0 80/udp"});
  CHECK(told("[::]:8080:80") == Lines{"[::]:8080 80/tcp"});
  CHECK(told("8000-8002:9000-9002") ==
        Lines{"*0.0.0.0:8000 9000/tcp", "*0.0.0.0:8001 9001/tcp", "*0.0.0.0:8002 9002/tcp"});
  CHECK(told("80-81") == Lines{"*0.0.0.0:0 80/tcp", "*0.0.0.0:0 81/tcp"});
}

TEST_CASE("published ports: what is wrong is refused") {
  for (const char* text : {"",          "x",          "80:",     "0",       "65536",
                           "1:65536",   "-1",         "80-",     "-80",     "81-80",
                           "80/",       "80/x",       "1-3:1-2", "1-2:80",  "1.2.3:80:80",
                           "::1:80:80", "[::1]80:80", "[::1",    "a:b:c:d", "127.0.0.1:1:2:3",
                           " 80",       "80 ",        "0x50"}) {
    CHECK(refused(text) == ErrorKind::invalid);
  }
  CHECK(refused("80/sctp") == ErrorKind::unsupported);
  const auto bare = parse_published_ports("2001:db8::1:8080:80");
  REQUIRE_FALSE(bare);
  CHECK(bare.error().hint_text().find("brackets") != std::string::npos);
}

TEST_CASE("exposed ports") {
  CHECK(*parse_exposed_ports("80") == std::vector<ExposedPort>{{80, Protocol::tcp}});
  CHECK(*parse_exposed_ports("53/udp") == std::vector<ExposedPort>{{53, Protocol::udp}});
  CHECK(parse_exposed_ports("8000-8010/tcp")->size() == 11);
  CHECK_FALSE(parse_exposed_ports("8080:80"));
  CHECK_FALSE(parse_exposed_ports("tcp"));
}

TEST_CASE("what an image exposes: bounded, each port once, and nonsense is left out") {
  CHECK(*parse_ports_of_image({"80/tcp", "http", "79-80", "53/udp"}) ==
        std::vector<ExposedPort>{{53, Protocol::udp}, {79, Protocol::tcp}, {80, Protocol::tcp}});
  CHECK(parse_ports_of_image({"1-4096", "1-4096/tcp"})->size() == 4096);
  const auto many = parse_ports_of_image({"1-4096", "1-4096/udp"});
  REQUIRE_FALSE(many);
  CHECK(many.error().kind() == ErrorKind::limit);
  CHECK_FALSE(parse_ports_of_image(std::vector<std::string>(1000, "1-65535")));
}

TEST_CASE("one port of the host stands for one port") {
  const auto check = [](std::vector<std::string> texts) {
    std::vector<PublishedPort> ports;
    for (const std::string& text : texts) {
      const auto parsed = parse_published_ports(text);
      REQUIRE(parsed);
      ports.insert(ports.end(), parsed->begin(), parsed->end());
    }
    return check_published_ports(ports).has_value();
  };
  CHECK(check({"8080:80", "8080:80/udp"}));
  CHECK(check({"80", "80"}));
  CHECK(check({"127.0.0.1:8080:80", "127.0.0.2:8080:81"}));
  CHECK(check({"127.0.0.1:8080:80", "[::]:8080:81"}));
  CHECK_FALSE(check({"8080:80", "8080:81"}));
  CHECK_FALSE(check({"8080:80", "127.0.0.1:8080:80"}));
  CHECK_FALSE(check({"0.0.0.0:8080:80", "127.0.0.1:8080:80"}));
  CHECK_FALSE(check({"8080-8090:80-90", "8085:1"}));
  CHECK_FALSE(check({"1-5000:1-5000"}));
}

TEST_CASE("publishing all takes what the image and the user expose, once") {
  NetworkRequest request;
  request.ports = *parse_published_ports("8080:80");
  request.exposed = {{90, Protocol::tcp}, {53, Protocol::udp}};
  CHECK(ports_to_publish(request, {{80, Protocol::tcp}})->size() == 1);
  request.publish_all = true;
  const auto ports = *ports_to_publish(request, {{80, Protocol::tcp}, {53, Protocol::udp}});
  REQUIRE(ports.size() == 3);
  CHECK(ports[1].container_side() == "53/udp");
  CHECK(ports[2].container_side() == "90/tcp");
  CHECK(ports[2].host_port == 0);
  request.exposed = *parse_exposed_ports("1-65535");
  REQUIRE_FALSE(ports_to_publish(request, {}));
  CHECK(ports_to_publish(request, {}).error().kind() == ErrorKind::limit);
}

TEST_CASE("ports need a network of the container's own") {
  NetworkRequest request;
  request.ports = *parse_published_ports("8080:80");
  CHECK(check_network_request(request));
  request.kind = NetworkRequest::Kind::none;
  CHECK_FALSE(check_network_request(request));
  request.kind = NetworkRequest::Kind::container;
  CHECK_FALSE(check_network_request(request));
}

TEST_CASE("published ports: as text and back") {
  for (const char* text :
       {"8080:80/tcp", "0:80/tcp", "127.0.0.1:8080:80/udp", "[::1]:8080:80/tcp", "127.0.0.1:0:80/tcp"}) {
    const auto ports = parse_published_ports(text);
    REQUIRE(ports);
    CHECK(ports->front().to_string() == text);
  }
}

TEST_CASE("published ports: free ones get the numbers that they had") {
  const auto all = [](std::initializer_list<std::string_view> texts) {
    std::vector<PublishedPort> ports;
    for (const std::string_view text : texts) {
      const auto parsed = parse_published_ports(text);
      REQUIRE(parsed);
      ports.insert(ports.end(), parsed->begin(), parsed->end());
    }
    return ports;
  };
  using Numbers = std::vector<std::uint16_t>;
  CHECK(earlier_numbers(all({"80", "8080:81", "80", "82", "80/udp"}),
                        all({"1000:80", "2000:81", "3000:80", "127.0.0.1:4000:82", "5000:80/udp"})) ==
        Numbers{1000, 0, 3000, 0, 5000});
  CHECK(earlier_numbers(all({"80"}), {}) == Numbers{0});
}
