// Linux capabilities (capabilities(7)): names, sets as bits, and the calls that give them up. Three system
// calls and a table: less than a library would ask for, and the stage needs it without one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::run {

using CapabilitySet = std::uint64_t;  // bit n is capability number n

/// "CAP_CHOWN" for 0; "" beyond the last one known here.
std::string_view capability_name(unsigned number);
constexpr CapabilitySet capability_bit(unsigned number) {
  return CapabilitySet{1} << number;
}
/// Names with or without "CAP_", in any case; "ALL" is every capability known here. An unknown name is
/// invalid.
Result<CapabilitySet> parse_capabilities(std::span<const std::string> names);
std::vector<std::string> capability_names(CapabilitySet set);

/// The five sets of a process.
struct CapabilitySets {
  CapabilitySet bounding = 0, effective = 0, permitted = 0, inheritable = 0, ambient = 0;
  bool operator==(const CapabilitySets&) const = default;
};
/// Those that the running kernel has.
CapabilitySet kernel_capabilities();

struct ThreadCapabilities {
  CapabilitySet effective = 0;
  CapabilitySet permitted = 0;
  CapabilitySet inheritable = 0;
};
/// Of the calling thread.
Result<ThreadCapabilities> get_capabilities();
Result<> set_capabilities(const ThreadCapabilities& sets);
/// Takes everything that is not in `keep` out of the bounding set. Needs CAP_SETPCAP.
Result<> limit_bounding_set(CapabilitySet keep);
/// Empties the ambient set. Kernels without one have nothing to empty.
Result<> clear_ambient_set();
/// Adds them; each must be permitted and inheritable.
Result<> raise_ambient_set(CapabilitySet set);

}  // namespace ecrin::run
