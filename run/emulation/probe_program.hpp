// A program for a machine that does nothing but end: the smallest that the kernel executes, to see whether
// programs for the machine can be run at all.
#pragma once

#include <string>

#include "base/error.hpp"
#include "run/emulation/machine.hpp"

namespace ecrin::run {

/// A static executable. Started with one argument (its name) it ends with k_probe_code + 1.
std::string probe_program(const Machine& machine);

enum class Runs { no, yes };
/// Executes the program of `machine` alone in an empty root directory, as in a container that has nothing of
/// the host. Needs the rights to mount, and so a user namespace of ours.
Result<Runs> try_program(const Machine& machine);

}  // namespace ecrin::run
