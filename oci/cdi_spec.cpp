#include "oci/cdi_spec.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"
#include "base/variables.hpp"
#include "oci/runtime_config_parts.hpp"

namespace ecrin::oci {
namespace {

bool is_word(std::string_view text, std::string_view others) {
  return !text.empty() && std::isalnum(static_cast<unsigned char>(text.front())) != 0 &&
         std::ranges::all_of(text, [&](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  others.find(c) != std::string_view::npos;
         });
}

bool is_kind(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_word(text.substr(0, slash), "_.-") &&
         is_word(text.substr(slash + 1), "_.-");
}

Result<> check_absolute(const JsonProperty& property, const std::string& path) {
  if (path.starts_with('/')) return {};
  return property.refuse(fmt::format("has a path that is not absolute: '{}'", printable(path, 200)));
}

Result<> read_node(const JsonProperty& property, CdiEdits& edits) {
  CdiDeviceNode node;
  TRY(read_required(property, "path", node.path));
  TRY(read(property, "hostPath", node.host_path));
  if (node.host_path.empty()) node.host_path = node.path;
  TRY(check_absolute(property, node.path));
  TRY(check_absolute(property, node.host_path));
  edits.device_nodes.push_back(std::move(node));
  return {};
}

Result<> read_mount(const JsonProperty& property, CdiEdits& edits) {
  RuntimeMount mount;
  TRY(read_required(property, "hostPath", mount.source));
  TRY(read_required(property, "containerPath", mount.destination));
  TRY(read(property, "type", mount.type));
  TRY(read(property, "options", mount.options));
  TRY(check_absolute(property, mount.destination));
  if (mount.type.empty() || mount.type == "none") mount.type = "bind";
  if (mount.type == "bind") TRY(check_absolute(property, mount.source));
  edits.mounts.push_back(std::move(mount));
  return {};
}

Result<> read_hook(const JsonProperty& property, CdiEdits& edits) {
  std::string name;
  TRY(read_required(property, "hookName", name));
  const auto moment = std::ranges::find(hook_moments(), name, &HookMoment::name);
  if (moment == hook_moments().end())
    return property.refuse(fmt::format("has an unknown hookName '{}'", printable(name, 60)));
  return read_value(property, (edits.hooks.*moment->hooks).emplace_back());
}

}  // namespace

Result<> read_value(const JsonProperty& property, CdiEdits& edits) {
  TRY(read(property, "env", edits.env));
  for (const std::string& line : edits.env)
    if (line.find('=') == 0 || line.find('=') == std::string::npos)
      return property.refuse(fmt::format("has a variable that is no NAME=VALUE: '{}'", printable(line, 200)));
  if (const auto nodes = TRY(property.find("deviceNodes")))
    for (const JsonProperty& node : TRY(nodes->elements())) TRY(read_node(node, edits));
  if (const auto mounts = TRY(property.find("mounts")))
    for (const JsonProperty& mount : TRY(mounts->elements())) TRY(read_mount(mount, edits));
  if (const auto hooks = TRY(property.find("hooks")))
    for (const JsonProperty& hook : TRY(hooks->elements())) TRY(read_hook(hook, edits));
  TRY(read(property, "additionalGids", edits.additional_gids));
  for (const char* other : {"intelRdt", "netDevices"})
    if (TRY(property.find(other)))
      return property.refuse(fmt::format("asks for {}, which cannot be had", other));
  return {};
}

Result<> read_value(const JsonProperty& property, CdiDevice& device) {
  TRY(read_required(property, "name", device.name));
  if (!is_word(device.name, "_.:-"))
    return property.refuse(fmt::format("has a bad name: '{}'", printable(device.name, 200)));
  return read(property, "containerEdits", device.edits);
}

Result<CdiSpec> parse_cdi_spec(const Json& json, std::string_view what) {
  const auto read_spec = [](const JsonProperty& document) -> Result<CdiSpec> {
    CdiSpec spec;
    std::string version;
    TRY(read_required(document, "cdiVersion", version));
    TRY(read_required(document, "kind", spec.kind));
    if (!is_kind(spec.kind))
      return fail(ErrorKind::invalid, "the kind is vendor.com/class, not '{}'", printable(spec.kind, 200));
    TRY(read(document, "devices", spec.devices));
    TRY(read(document, "containerEdits", spec.edits));
    return spec;
  };
  return TRY_WHILE(read_spec(JsonProperty(json, "")), "reading {}", what);
}

std::optional<CdiName> parse_cdi_name(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  CdiName name{.kind = std::string(text.substr(0, equals)), .device = std::string(text.substr(equals + 1))};
  if (!is_kind(name.kind) || !is_word(name.device, "_.:-")) return std::nullopt;
  return name;
}

void apply_cdi_edits(const CdiEdits& edits, RuntimeConfig& config) {
  for (const std::string& line : edits.env) set_variable(config.process.env, line);
  const auto add_mount = [&](RuntimeMount mount) {
    // Two devices may need the same.
    if (std::ranges::find(config.mounts, mount) == config.mounts.end())
      config.mounts.push_back(std::move(mount));
  };
  for (const CdiDeviceNode& node : edits.device_nodes)
    add_mount({.destination = node.path,
               .type = "bind",
               .source = node.host_path,
               .options = {"bind", "nosuid", "noexec"},
               .uid_mappings = {},
               .gid_mappings = {}});
  for (const RuntimeMount& mount : edits.mounts) add_mount(mount);
  for (const auto& [name, moment] : hook_moments()) {
    const std::vector<Hook>& more = edits.hooks.*moment;
    std::vector<Hook>& hooks = config.hooks.*moment;
    hooks.insert(hooks.end(), more.begin(), more.end());
  }
  std::vector<gid_t>& groups = config.process.additional_gids;
  for (const gid_t group : edits.additional_gids)
    if (std::ranges::find(groups, group) == groups.end()) groups.push_back(group);
}

}  // namespace ecrin::oci
