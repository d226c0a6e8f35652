// libarchive is loaded with the first tar, not with the program: it brings others with it that most starts do
// not need.
#pragma once

#include "base/error.hpp"

namespace ecrin::fs {

/// To be asked before anything of libarchive is used.
Result<> load_libarchive();

}  // namespace ecrin::fs
