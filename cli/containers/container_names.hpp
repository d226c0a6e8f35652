// Names for containers that the user gives none.
#pragma once

#include <cstdint>
#include <string>

namespace ecrin::cli {

/// "quiet_heron"; `number` chooses.
std::string container_name(std::uint64_t number);

}  // namespace ecrin::cli
