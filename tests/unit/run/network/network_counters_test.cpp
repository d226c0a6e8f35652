#include "run/network/network_counters.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

constexpr const char* k_snmp =
    "Ip: Forwarding DefaultTTL InReceives\n"
    "Ip: 1 64 9\n"
    "Icmp: InMsgs OutMsgs OutEchos\n"
    "Icmp: 1 7 2\n"
    "IcmpMsg: OutType3\n"
    "IcmpMsg: 5\n"
    "Tcp: RtoAlgorithm RtoMin ActiveOpens PassiveOpens MaxConn\n"
    "Tcp: 1 200 11 4 -1\n"
    "Udp: InDatagrams OutDatagrams\n"
    "Udp: 4 30\n"
    "UdpLite: InDatagrams OutDatagrams\n"
    "UdpLite: 0 1\n";
constexpr const char* k_snmp6 =
    "Ip6OutRequests                  \t99\n"
    "Icmp6OutEchos                   \t1\n"
    "Udp6OutDatagrams                \t5\n";

}  // namespace

TEST_CASE("what programs sent is told from what the kernel sends by itself") {
  const NetworkCounters counters = parse_network_counters(k_snmp, k_snmp6);
  CHECK(counters == NetworkCounters{.connections = 11, .datagrams = 36, .echoes = 3});
}

TEST_CASE("counters that are not there count nothing") {
  CHECK(parse_network_counters("", "") == NetworkCounters{});
  CHECK(parse_network_counters(k_snmp, "").datagrams == 31);
  CHECK(parse_network_counters("Tcp: ActiveOpens\nTcp:\nUdp: OutDatagrams\n", "Udp6OutDatagrams\n") ==
        NetworkCounters{});
}
