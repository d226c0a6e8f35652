// The input is read as a config.json and as those parts of it that runtimes take by themselves. What was read
// must be the same after it was written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "oci/runtime_config_json.hpp"

namespace {

using namespace ecrin::oci;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const RuntimeConfig& config) {
  const auto again = parse_runtime_config(runtime_config_json(config));
  require(again && *again == config);
}

// A config that says nothing but its parts.
RuntimeConfig bare_config() {
  RuntimeConfig config;
  config.root_path = "/";
  config.has_process = false;
  config.process = {};
  config.namespaces.clear();
  config.default_seccomp = false;
  return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto config = parse_runtime_config(text)) check(*config);
  if (const auto process = parse_runtime_process(text)) {
    RuntimeConfig config = bare_config();
    config.has_process = true;
    config.process = *process;
    check(config);
  }
  if (const auto resources = parse_resources_json(text)) {
    RuntimeConfig config = bare_config();
    config.resources = *resources;
    check(config);
  }
  return 0;
}
