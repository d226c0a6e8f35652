// Rows that were gone through one by one because no index led to what a statement wanted. For tests: what
// must not grow with the store scans nothing.
#pragma once

#include <cstdint>

namespace ecrin {

/// By all statements of this process until now.
std::int64_t rows_scanned();

}  // namespace ecrin
