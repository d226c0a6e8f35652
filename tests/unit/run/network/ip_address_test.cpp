#include "run/network/ip_address.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::run;

TEST_CASE("addresses are read and written") {
  CHECK(IpAddress::parse("192.0.2.1")->to_string() == "192.0.2.1");
  CHECK(IpAddress::parse("2001:DB8:0:0::1")->to_string() == "2001:db8::1");
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "[::1]", "fe80::1%eth0", "host", "1.2.3.4/24"}) {
    INFO(text);
    CHECK_FALSE(IpAddress::parse(text));
  }
  CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0x", 9)));
  CHECK(IpAddress::parse("fe80::1")->is_link_local());
  CHECK(IpAddress::parse("169.254.1.1")->is_link_local());
  CHECK(IpAddress::parse("::")->is_any());
  CHECK(IpAddress::parse("0.0.0.0")->is_any());
}

TEST_CASE("subnets: parsed, counted, compared") {
  const Subnet subnet = *Subnet::parse("10.89.0.77/24");
  CHECK(subnet.to_string() == "10.89.0.0/24");
  CHECK(subnet.at(1)->to_string() == "10.89.0.1");
  CHECK(subnet.at(255)->to_string() == "10.89.0.255");
  CHECK_FALSE(subnet.at(256));
  CHECK(subnet.last().to_string() == "10.89.0.255");
  CHECK(subnet.contains(*IpAddress::parse("10.89.0.200")));
  CHECK_FALSE(subnet.contains(*IpAddress::parse("10.89.1.0")));
  CHECK_FALSE(subnet.contains(*IpAddress::parse("::1")));
  CHECK(subnet.overlaps(*Subnet::parse("10.0.0.0/8")));
  CHECK(Subnet::parse("10.0.0.0/8")->overlaps(subnet));
  CHECK_FALSE(subnet.overlaps(*Subnet::parse("10.89.1.0/24")));
  CHECK_FALSE(subnet.overlaps(*Subnet::parse("::/0")));
  const Subnet v6 = *Subnet::parse("fd00:1::/64");
  CHECK(v6.at(258)->to_string() == "fd00:1::102");
  CHECK(v6.last().to_string() == "fd00:1::ffff:ffff:ffff:ffff");
  CHECK(Subnet::parse("10.0.0.1/32")->at(0)->to_string() == "10.0.0.1");
  CHECK_FALSE(Subnet::parse("10.0.0.1/32")->at(1));
  for (const char* text :
       {"", "10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "/8", "10.0.0.0/-1", "x/8"}) {
    INFO(text);
    CHECK_FALSE(Subnet::parse(text));
  }
}
