// Part of the build: writes the filter for the default capabilities to a file, which is then embedded.
#include <cstdio>

#include "base/atomic_file.hpp"
#include "oci/runtime_config.hpp"
#include "run/seccomp/seccomp.hpp"

namespace {

using namespace ecrin;

Result<> generate(const std::string& path) {
  const run::CapabilitySet capabilities = TRY(run::parse_capabilities(oci::default_capabilities()));
  return write_file_atomically(path, TRY(run::compile_seccomp_filter(capabilities)));
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): no memory for a tool of the build ends the build
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto done = generate(argv[1]);
  if (!done) std::fprintf(stderr, "%s\n", done.error().message().c_str());
  return done ? 0 : 1;
}
