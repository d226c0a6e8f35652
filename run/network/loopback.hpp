// The loopback interface of a network namespace. Shared with the stage.
#pragma once

#include "base/error.hpp"

namespace ecrin::run {

/// Of the calling thread's network namespace, where the caller must be root.
Result<> bring_up_loopback();

}  // namespace ecrin::run
