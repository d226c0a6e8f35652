// CdiSpec: devices of a vendor as the Container Device Interface describes them (its specification, 1.0): a
// kind, "vendor.com/class", with devices that have names, and for each what a container needs to use it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::oci {

struct CdiDeviceNode {
  std::string path;       // in the container
  std::string host_path;  // the same, unless it is said
  bool operator==(const CdiDeviceNode&) const = default;
};

/// "containerEdits"
struct CdiEdits {
  std::vector<std::string> env;
  std::vector<CdiDeviceNode> device_nodes;
  std::vector<RuntimeMount> mounts;
  Hooks hooks;
  std::vector<gid_t> additional_gids;
};

struct CdiDevice {
  std::string name;
  CdiEdits edits;
};

struct CdiSpec {
  std::string kind;
  std::vector<CdiDevice> devices;
  CdiEdits edits;  // for each of them
};

/// `what` names the document in errors.
Result<CdiSpec> parse_cdi_spec(const Json& json, std::string_view what);

/// "vendor.com/class=name", in its parts; none: the text is no such name.
struct CdiName {
  std::string kind, device;
  bool operator==(const CdiName&) const = default;
};
std::optional<CdiName> parse_cdi_name(std::string_view text);

/// Adds them to what a container is.
void apply_cdi_edits(const CdiEdits& edits, RuntimeConfig& config);

}  // namespace ecrin::oci
