// Random names: for temporary files beside their final name, leases, layers; IDs.
#pragma once

#include <string>

namespace ecrin {

/// `length` characters of a-z and 2-7 (5 bits each) from the kernel's generator. Safe from any thread.
std::string random_name(std::size_t length);
/// As many digits 0-9 and a-f.
std::string random_hexadecimal(std::size_t digits);

}  // namespace ecrin
