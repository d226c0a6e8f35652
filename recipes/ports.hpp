// Ports as both languages name them: one, or a range of them, of one protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::recipes {

struct PortRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::string protocol;  // tcp, udp, sctp

  std::size_t size() const { return last - first + 1; }
};

/// "80", "80/udp", "8000-8010/TCP"; without a protocol it is tcp.
std::optional<PortRange> parse_port_range(std::string_view text);
/// "8000/tcp", "8001/tcp", ...: a config names each port by itself. `budget` shrinks by their size. An error
/// is that of a limit.
Result<std::vector<std::string>> each_port(const PortRange& range, std::size_t& budget);

}  // namespace ecrin::recipes
