// What dpkg wrote into a tree and what a simulated installation says: sorted names, none twice.
#include "build/bootstrap_packages.hpp"

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::build;
using ecrin::fuzz::require;

namespace {

void check(const KeyInputs& packages) {
  std::string_view last;
  for (const KeyInput& package : packages) {
    require(is_package(package) && last < package.name);
    last = package.name;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  check(simulated_packages(text));
  if (const auto packages = installed_packages(text)) check(*packages);
  if (const auto inputs = decode_inputs(text)) {
    ecrin::StringSink sink;
    require(write_inputs(*inputs, sink).has_value() && sink.bytes() == text);
  }
  return 0;
}
