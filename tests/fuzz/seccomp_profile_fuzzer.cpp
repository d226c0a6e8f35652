// A profile of system calls is a filter of one container, or one error.
#include "oci/seccomp_profile.hpp"

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::oci;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  const SeccompFacts less{.architecture = "amd64", .capabilities = {}, .kernel = 4, .kernel_minor = 19};
  const SeccompFacts more{.architecture = "arm64",
                          .capabilities = {"CAP_SYS_ADMIN", "CAP_SYS_PTRACE"},
                          .kernel = 6,
                          .kernel_minor = 1};
  // All rules are checked, so whether it is a profile does not depend on the machine.
  require(parse_seccomp_profile(text, "profile", less).has_value() ==
          parse_seccomp_profile(text, "profile", more).has_value());
  return 0;
}
