// Setting: where the tests of the real program find things, and who they run as. Made once by
// enter_setting(), before Catch2 runs anything: as root it makes an ordinary user, copies what this user
// cannot read, and starts the test program again as that user, so that nothing is ever tested as root.
#pragma once

#include <string>
#include <vector>

namespace ecrin::tests {

struct Setting {
  std::string directory;  // of this user and this build tree, in /var/tmp
  std::string ecrin;      // the program under test
  std::string test_init;  // tests/functional/init
  std::string source;     // tests/ and recipes/ as the user can read them
  std::string busybox;    // oci-archive of localhost/busybox:latest, with test-init in /bin
  std::string faults;     // the same with calls that fail on order (tests/faults); "" = not built
  std::string driver;     // --driver of this run; "" = ecrin's own choice
};
const Setting& setting();

/// What the build knows; environment variables of the same meaning win (ECRIN_TEST_PROGRAM, ...).
struct BuildPlaces {
  std::string ecrin;
  std::string test_init;
  std::string source;
  std::string build;
  std::string faults;
};
/// Returns the arguments that are Catch2's. Own ones: --driver NAME; --prepare and --clean-up do that and
/// exit.
std::vector<std::string> enter_setting(int argc, char** argv, const BuildPlaces& places);

/// SKIP: for what this host lacks. The reason is printed, and ctest counts the test as skipped.
void note_skip(const std::string& reason);
bool skipped_any();

}  // namespace ecrin::tests

#define ECRIN_SKIP(reason)             \
  do {                                 \
    ::ecrin::tests::note_skip(reason); \
    return;                            \
  } while (false)
