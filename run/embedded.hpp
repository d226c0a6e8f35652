// Bytes that the build put into the program (embedded.cpp): the stage and the ready seccomp filter.
#pragma once

#include <cstddef>
#include <span>

namespace ecrin::run {

/// The stage: a static executable.
std::span<const std::byte> embedded_stage();
/// The filter for default_filter_capabilities().
std::span<const std::byte> embedded_seccomp_filter();

}  // namespace ecrin::run
