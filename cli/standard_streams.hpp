// Standard input, output and error as owned descriptors.
#pragma once

#include "base/fd.hpp"

namespace ecrin::cli {

/// A duplicate of descriptor 0, 1 or 2.
inline Result<Fd> standard_stream(int number) {
  Fd borrowed(number);
  auto copy = borrowed.duplicate();
  (void)borrowed.release();
  return copy;
}

}  // namespace ecrin::cli
