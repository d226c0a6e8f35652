// From the words of `ecrin run` about the network to a NetworkRequest.
#pragma once

#include <vector>

#include "cli/arguments.hpp"
#include "run/network/network_request.hpp"

namespace ecrin::cli {

/// --network, --publish, --dns and the others.
std::vector<Flag> network_flags();
/// Whatever is wrong in them, and what does not go together, is an error.
Result<run::NetworkRequest> parse_network_request(const Arguments& arguments);
/// One word of --network that is a named network.
Result<run::NetworkAttachment> parse_named_network(const std::string& text);

}  // namespace ecrin::cli
