// The named networks among the words of a stored request (stored_request.hpp). Pure.
#pragma once

#include <string>
#include <vector>

namespace ecrin::cli {

/// One more, as --network has it: "NAME", "NAME:ip=10.0.0.2,alias=www". What was said of the network that was
/// the only one (--ip, --mac-address ...) becomes a part of its own word.
std::vector<std::string> with_network(const std::vector<std::string>& words, const std::string& network);
/// One less: the one at this index.
std::vector<std::string> without_network(const std::vector<std::string>& words, std::size_t index);

}  // namespace ecrin::cli
