// What programs in a network namespace have sent so far: whether a step talked to anybody is seen by
// comparing.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/fd.hpp"

namespace ecrin::run {

/// Numbers that only grow, and not by what the kernel does by itself (neighbour discovery, say).
struct NetworkCounters {
  std::uint64_t connections = 0;  // of TCP, that were begun from inside
  std::uint64_t datagrams = 0;    // of UDP
  std::uint64_t echoes = 0;       // requests of ping
  bool operator==(const NetworkCounters&) const = default;
};
/// proc_pid_net(5), snmp and snmp6. A file that lacks a counter has none of its kind.
NetworkCounters parse_network_counters(std::string_view snmp, std::string_view snmp6);
/// In a thread of its own, which enters the namespace: it must belong to our user namespace.
Result<NetworkCounters> network_counters(const Fd& network_namespace);

}  // namespace ecrin::run
