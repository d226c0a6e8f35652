#include "run/network/network_config.hpp"

#include "run/network/netavark.hpp"
#include "run/network/network_store.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin::run;

namespace {

NetworkConfig example() {
  NetworkConfig config{.name = "front", .id = std::string(64, 'a'), .interface_name = "ecrin1", .ipv6 = true};
  config.subnets.push_back(
      {.subnet = *Subnet::parse("10.89.0.0/29"), .gateway = IpAddress::parse("10.89.0.1")});
  config.subnets.push_back({.subnet = *Subnet::parse("fd00::/64"),
                            .gateway = IpAddress::parse("fd00::1"),
                            .first = IpAddress::parse("fd00::100")});
  config.labels["a"] = "b";
  return config;
}

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

}  // namespace

TEST_CASE("the description of a network survives its file") {
  const NetworkConfig before = example();
  const std::string text = format_network_config(before);
  const auto after = parse_network_config(text, "x");
  REQUIRE(after);
  CHECK(format_network_config(*after) == text);
  CHECK(after->subnets[1].first == address("fd00::100"));
  CHECK(after->labels.at("a") == "b");
}

TEST_CASE("a file of a network that is wrong is refused") {
  for (const char* text :
       {"", "[]", "{}", R"({"name": ".."})", R"({"name": "none"})", R"({"name": "a", "driver": "macvlan"})",
        R"({"name": "a", "subnets": [{}]})", R"({"name": "a", "subnets": [{"subnet": "10.0.0.0/31"}]})",
        R"({"name": "a", "subnets": [{"subnet": "10.0.0.0/24", "gateway": "10.0.1.1"}]})",
        R"({"name": "a", "subnets": [{"subnet": "10.0.0.0/24"}, {"subnet": "10.0.0.0/25"}]})",
        R"({"name": "a", "subnets": [1]})", R"({"name": "a", "labels": {"x": 1}})",
        R"({"name": "a", "network_interface": "../x"})", R"({"name": "a", "network_dns_servers": ["x"]})"}) {
    INFO(text);
    CHECK_FALSE(parse_network_config(text, "x"));
  }
  CHECK(parse_network_config(R"({"name": "a", "unknown": 1})", "x"));
}

TEST_CASE("addresses of containers: the lowest that is free, or the one asked for") {
  const NetworkConfig network = example();
  NetworkAttachment wanted{.network = "front"};
  const auto first = choose_addresses(network, wanted, {});
  REQUIRE(first);
  CHECK(*first == std::vector{address("10.89.0.2"), address("fd00::100")});
  const auto second = choose_addresses(network, wanted, {address("10.89.0.2"), address("fd00::100")});
  CHECK(*second == std::vector{address("10.89.0.3"), address("fd00::101")});
  wanted.addresses = {address("10.89.0.5")};
  CHECK(choose_addresses(network, wanted, {})->front() == address("10.89.0.5"));
  CHECK_FALSE(choose_addresses(network, wanted, {address("10.89.0.5")}));
  wanted.addresses = {address("10.89.0.1")};  // the gateway's
  CHECK_FALSE(choose_addresses(network, wanted, {}));
  wanted.addresses = {address("10.90.0.5")};
  CHECK_FALSE(choose_addresses(network, wanted, {}));
  wanted.addresses = {};
  std::set<IpAddress> all;
  for (const char* text : {"10.89.0.2", "10.89.0.3", "10.89.0.4", "10.89.0.5", "10.89.0.6"})
    all.insert(address(text));
  CHECK_FALSE(choose_addresses(network, wanted, all));
}

TEST_CASE("subnets for new networks") {
  CHECK(free_subnet({})->to_string() == "10.89.0.0/24");
  CHECK(free_subnet({*Subnet::parse("10.89.0.0/16")})->to_string() == "10.90.0.0/24");
  CHECK_FALSE(free_subnet({*Subnet::parse("10.0.0.0/8")}));
}

TEST_CASE("requests to a keeper and its answers survive the road") {
  AttachRequest request{.container_id = "abc", .container_name = "web", .networks = {example()}};
  request.attachments = {{.network = "front",
                          .aliases = {"www"},
                          .addresses = {address("10.89.0.2")},
                          .mac_address = "92:d0:c6:0a:29:33",
                          .interface_name = "eth0"}};
  request.nameservers = {"192.0.2.53"};
  const std::string text = format_attach_request(request);
  const auto read = parse_attach_request(text);
  REQUIRE(read);
  CHECK(format_attach_request(*read) == text);
  CHECK(read->attachments == request.attachments);
  for (const char* wrong :
       {"", "{}", R"({"networks": []})", R"({"networks": [{}]})", R"({"networks": [1]})"}) {
    INFO(wrong);
    CHECK_FALSE(parse_attach_request(wrong));
  }
  const auto status = parse_netavark_status(
      R"({"front": {"dns_server_ips": ["10.89.0.1"], "dns_search_domains": ["dns.podman"], "interfaces":
          {"eth0": {"mac_address": "x", "subnets": [{"ipnet": "10.89.0.2/24", "gateway": "10.89.0.1"}]}}}})",
      request);
  REQUIRE(status);
  CHECK(status->nameservers == std::vector<std::string>{"10.89.0.1"});
  CHECK(status->networks[0].addresses == std::vector{address("10.89.0.2")});
  CHECK(format_attach_reply(*parse_attach_reply(format_attach_reply(*status))) ==
        format_attach_reply(*status));
  CHECK_FALSE(parse_netavark_status("{}", request));
  CHECK(netavark_error(R"({"error": "no bridge"})") == "no bridge");
  CHECK(netavark_error("panic\n") == "panic");
}

TEST_CASE("what netavark is told") {
  AttachRequest request{.container_id = "abc", .container_name = "web", .networks = {example()}};
  request.attachments = {{.network = "front", .addresses = {address("10.89.0.2")}, .interface_name = "eth0"}};
  const std::string text = netavark_options(request);
  for (const char* part : {R"("container_id":"abc")", R"("static_ips":["10.89.0.2"])",
                           R"("interface_name":"eth0")", R"("network_interface":"ecrin1")"}) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  }
}
