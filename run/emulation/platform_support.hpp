// Programs for other platforms than the host's: by the kernel itself, by an emulator that is registered on
// the host, or by QEMU, registered in our own user namespace for as long as this process lives.
#pragma once

#include <string>

#include "base/error.hpp"
#include "oci/platform.hpp"

namespace ecrin::run {

enum class ProgramsRun {
  natively,
  by_registration,  // of the host, or of who started us
  by_emulator,      // that we register
};

/// What the decision depends on.
struct PlatformFacts {
  oci::Platform host;
  bool runs = false;             // a program was tried as things are
  std::string emulator;          // a static QEMU for it; "" = none
  std::string emulator_problem;  // why there is none
  int binfmt_code = 0;           // errno of an instance of our own; 0 = there can be one
  bool in_user_namespace = true;
  /// Owners are kept by answering system calls (OwnerSupervisor), which are those of the host's own programs:
  /// an emulator makes them, what the kernel runs itself for another processor does not.
  bool answers_calls = false;
};
/// Pure. Errors have the fix.
Result<ProgramsRun> decide(const oci::Platform& platform, const PlatformFacts& facts);

/// The static QEMU for an architecture; else why there is none.
struct FoundEmulator {
  std::string path;
  std::string problem;
};
FoundEmulator find_emulator(const std::string& architecture, const std::string& search_path);

/// Sees to it that programs for the platform run in containers of this process; nothing is to be done where
/// they do already. Call it inside the user namespace; from any thread. What was found out is kept.
Result<ProgramsRun> support_platform(const oci::Platform& platform, const std::string& search_path);

}  // namespace ecrin::run
