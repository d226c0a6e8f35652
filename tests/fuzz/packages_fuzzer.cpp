// What dpkg wrote into a tree and what a simulated installation says: sorted names, none twice.
#include "build/bootstrap_packages.hpp"

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::build;
using ecrin::fuzz::require;

namespace {

void check(const KeyInputs& packages) {
  for (std::size_t i = 0; i < packages.size(); ++i)
    require(is_package(packages[i]) && (i == 0 || packages[i - 1].name < packages[i].name));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  check(simulated_packages(text));
  if (const auto packages = installed_packages(text)) check(*packages);
  if (const auto inputs = decode_inputs(text)) require(encode_inputs(*inputs) == text);
  return 0;
}
