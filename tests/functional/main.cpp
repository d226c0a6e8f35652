// The functional tests' main: never as root (tests/support/setting.hpp), exit code 77 when a case was
// skipped.
#define CATCH_CONFIG_RUNNER
#include "tests/support/catch.hpp"
#include "tests/support/setting.hpp"

int main(int argc, char** argv) {
  const auto words = ecrin::tests::enter_setting(
      argc, argv,
      {ECRIN_TEST_PROGRAM, ECRIN_TEST_INIT, ECRIN_SOURCE_DIR, ECRIN_BUILD_DIR, ECRIN_TEST_FAULTS});
  std::vector<const char*> arguments;
  for (const auto& word : words) arguments.push_back(word.c_str());
  Catch::Session session;
  // A name that no case has is an error: ctest may have cut one short.
  session.configData().warnings = Catch::WarnAbout::NoTests;
  const int failed = session.run(static_cast<int>(arguments.size()), arguments.data());
  return failed == 0 && ecrin::tests::skipped_any() ? 77 : failed;
}
