// The texts of /etc/resolv.conf, beyond what network.hpp tells the world.
#pragma once

#include <string_view>

namespace ecrin::run {

/// Does this resolv.conf name a server that is not on the host's own loopback?
bool has_reachable_nameserver(std::string_view resolv_conf);

}  // namespace ecrin::run
