// The config of an image: what was read is written in canonical bytes, and those read give the same bytes
// again.
#include "oci/image_config.hpp"

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::oci;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = ImageConfig::parse(ecrin::fuzz::text_of(data, size), "config");
  if (!config) return 0;
  for (const std::size_t count : {config->env.size(), config->labels.size(), config->exposed_ports.size(),
                                  config->volumes.size(), config->history.size(), config->on_build.size()})
    require(count <= k_config_list_limit);
  const std::string bytes = config->to_bytes();
  const auto again = ImageConfig::parse(bytes, "config");
  require(again && again->to_bytes() == bytes);
  return 0;
}
