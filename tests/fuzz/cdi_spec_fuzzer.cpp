// Devices of vendors: absolute paths, and names that are names.
#include "oci/cdi_spec.hpp"

#include <nlohmann/json.hpp>

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::oci;
using ecrin::fuzz::require;

namespace {

void check(const CdiEdits& edits) {
  for (const CdiDeviceNode& node : edits.device_nodes)
    require(node.path.starts_with('/') && node.host_path.starts_with('/'));
  for (const RuntimeMount& mount : edits.mounts) require(mount.destination.starts_with('/'));
  RuntimeConfig config;
  apply_cdi_edits(edits, config);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  if (const auto name = parse_cdi_name(text)) require(name->kind + "=" + name->device == text);
  const auto json = ecrin::parse_json(text, "specification");
  if (!json) return 0;
  const auto spec = parse_cdi_spec(*json, "specification");
  if (!spec) return 0;
  check(spec->edits);
  for (const CdiDevice& device : spec->devices) {
    require(parse_cdi_name(spec->kind + "=" + device.name).has_value());
    check(device.edits);
  }
  return 0;
}
