// libcurl is loaded with the first URL, not with the program: with the thirty libraries that it needs it is
// more than half of what the program's start would cost.
#pragma once

#include "base/error.hpp"

namespace ecrin::oci {

/// To be asked before anything of libcurl is used.
Result<> load_curl();

}  // namespace ecrin::oci
