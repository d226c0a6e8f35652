// "linux" of config.json, but for its resources and its filter of system calls.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.hpp"
#include "oci/runtime_config_parts.hpp"

namespace ecrin::oci {

namespace {

constexpr std::pair<Namespace, const char*> k_namespaces[] = {
    {Namespace::pid, "pid"},   {Namespace::network, "network"}, {Namespace::mount, "mount"},
    {Namespace::ipc, "ipc"},   {Namespace::uts, "uts"},         {Namespace::cgroup, "cgroup"},
    {Namespace::user, "user"}, {Namespace::time, "time"}};

// Of later versions of the specification; nothing here does them, and a config that asks for them means it.
constexpr const char* k_unsupported[] = {"netDevices", "memoryPolicy"};

Result<RuntimeNamespace> read_namespace(const JsonProperty& property) {
  const JsonProperty type = TRY(property.get("type"));
  const std::string name = TRY(type.text());
  const auto* known =
      std::ranges::find_if(k_namespaces, [&](const auto& entry) { return name == entry.second; });
  if (known == std::end(k_namespaces))
    return type.refuse(fmt::format("must be a kind of namespace, not '{}'", printable(name, 100)));
  std::string path;
  TRY(read(property, "path", path));
  if (!path.empty() && !path.starts_with('/'))
    return property.refuse(fmt::format("has a path that is not absolute: '{}'", printable(path, 200)));
  return RuntimeNamespace(known->first, std::move(path));
}

Result<> read_namespaces(const JsonProperty& linux, RuntimeConfig& config) {
  const std::optional<JsonProperty> list = TRY(linux.find("namespaces"));
  if (!list) return {};
  for (const JsonProperty& element : TRY(list->elements())) {
    RuntimeNamespace entry = TRY(read_namespace(element));
    if (find_namespace(config, entry.kind)) return element.refuse("is the second of its kind");
    config.namespaces.push_back(std::move(entry));
  }
  return {};
}

Result<> read_time_offsets(const JsonProperty& linux, RuntimeConfig& config) {
  const std::optional<JsonProperty> offsets = TRY(linux.find("timeOffsets"));
  if (!offsets) return {};
  for (const auto& [clock, offset] : TRY(offsets->members())) {
    if (clock != "monotonic" && clock != "boottime") return offset.refuse("is not the name of a clock");
    TRY(read_value(offset, config.time_offsets[clock]));
  }
  return {};
}

Result<> refuse_unsupported(const JsonProperty& linux) {
  for (const char* key : k_unsupported)
    if (const std::optional<JsonProperty> member = TRY(linux.find(key)))
      if (!TRY(member->members()).empty())
        return fail(ErrorKind::unsupported, "{} is not supported", member->path());
  return {};
}

Json namespace_json(const RuntimeNamespace& entry) {
  Json json = Json::object();
  for (const auto& [kind, name] : k_namespaces)
    if (kind == entry.kind) json["type"] = name;
  put(json, "path", entry.path);
  return json;
}

Json device_json(const Device& device) {
  Json json = {{"type", std::string(1, device.type)},
               {"path", device.path},
               {"major", device.major},
               {"minor", device.minor}};
  put_integer(json, "fileMode", device.file_mode);
  put_integer(json, "uid", device.uid);
  put_integer(json, "gid", device.gid);
  return json;
}

Json intel_rdt_json(const IntelRdt& rdt) {
  Json json = Json::object();
  put(json, "closID", rdt.clos_id);
  put(json, "l3CacheSchema", rdt.l3_cache_schema);
  put(json, "memBwSchema", rdt.memory_bandwidth_schema);
  put(json, "enableCMT", rdt.enable_cache_monitoring);
  put(json, "enableMBM", rdt.enable_memory_monitoring);
  return json;
}

}  // namespace

Result<> read_value(const JsonProperty& property, Device& device) {
  std::string type;
  TRY(read_required(property, "type", type));
  if (type.size() != 1 || std::string_view("bcup").find(type) == std::string_view::npos)
    return property.refuse(fmt::format("has the type '{}', not b, c, u or p", printable(type, 50)));
  device.type = type[0];
  TRY(read_required(property, "path", device.path));
  if (!device.path.starts_with('/'))
    return property.refuse(fmt::format("has a path that is not absolute: '{}'", printable(device.path, 200)));
  if (device.type == 'p') {
    TRY(read(property, "major", device.major));
    TRY(read(property, "minor", device.minor));
  } else {
    TRY(read_required(property, "major", device.major));
    TRY(read_required(property, "minor", device.minor));
  }
  TRY(read(property, "fileMode", device.file_mode));
  TRY(read(property, "uid", device.uid));
  TRY(read(property, "gid", device.gid));
  return {};
}

Result<> read_value(const JsonProperty& property, Personality& personality) {
  TRY(read_required(property, "domain", personality.domain));
  TRY(read(property, "flags", personality.flags));
  return {};
}

Result<> read_value(const JsonProperty& property, TimeOffset& offset) {
  TRY(read(property, "secs", offset.seconds));
  TRY(read(property, "nanosecs", offset.nanoseconds));
  return {};
}

Result<> read_value(const JsonProperty& property, IntelRdt& rdt) {
  TRY(read(property, "closID", rdt.clos_id));
  TRY(read(property, "l3CacheSchema", rdt.l3_cache_schema));
  TRY(read(property, "memBwSchema", rdt.memory_bandwidth_schema));
  TRY(read(property, "enableCMT", rdt.enable_cache_monitoring));
  TRY(read(property, "enableMBM", rdt.enable_memory_monitoring));
  return {};
}

Result<> read_value(const JsonProperty& property, IdMapping& mapping) {
  TRY(read_required(property, "containerID", mapping.container_id));
  TRY(read_required(property, "hostID", mapping.host_id));
  TRY(read_required(property, "size", mapping.size));
  return {};
}

Json id_mappings_json(const std::vector<IdMapping>& mappings) {
  Json list = Json::array();
  for (const IdMapping& mapping : mappings)
    list.push_back(
        {{"containerID", mapping.container_id}, {"hostID", mapping.host_id}, {"size", mapping.size}});
  return list;
}

Result<> read_linux(const JsonProperty& linux, RuntimeConfig& config) {
  TRY(read_namespaces(linux, config));
  TRY(read(linux, "uidMappings", config.uid_mappings));
  TRY(read(linux, "gidMappings", config.gid_mappings));
  TRY(read_time_offsets(linux, config));
  TRY(read(linux, "devices", config.devices));
  TRY(read(linux, "cgroupsPath", config.cgroups_path));
  TRY(read(linux, "resources", config.resources));
  TRY(read(linux, "sysctl", config.sysctl));
  TRY(read(linux, "seccomp", config.seccomp));
  TRY(read(linux, "rootfsPropagation", config.rootfs_propagation));
  TRY(read(linux, "maskedPaths", config.masked_paths));
  TRY(read(linux, "readonlyPaths", config.read_only_paths));
  TRY(read(linux, "mountLabel", config.mount_label));
  TRY(read(linux, "personality", config.personality));
  TRY(read(linux, "intelRdt", config.intel_rdt));
  return refuse_unsupported(linux);
}

std::vector<std::string> namespace_names() {
  std::vector<std::string> names;
  for (const auto& [kind, name] : k_namespaces) names.emplace_back(name);
  std::ranges::sort(names);
  return names;
}

Json linux_json(const RuntimeConfig& config) {
  Json json = Json::object();
  for (const RuntimeNamespace& entry : config.namespaces) json["namespaces"].push_back(namespace_json(entry));
  put(json, "uidMappings", id_mappings_json(config.uid_mappings));
  put(json, "gidMappings", id_mappings_json(config.gid_mappings));
  for (const auto& [clock, offset] : config.time_offsets)
    json["timeOffsets"][clock] = {{"secs", offset.seconds}, {"nanosecs", offset.nanoseconds}};
  for (const Device& device : config.devices) json["devices"].push_back(device_json(device));
  put(json, "cgroupsPath", config.cgroups_path);
  put(json, "resources", resources_json(config.resources));
  put(json, "sysctl", config.sysctl);
  if (config.seccomp) json["seccomp"] = seccomp_json(*config.seccomp);
  put(json, "rootfsPropagation", config.rootfs_propagation);
  put(json, "maskedPaths", config.masked_paths);
  put(json, "readonlyPaths", config.read_only_paths);
  put(json, "mountLabel", config.mount_label);
  if (const auto& personality = config.personality) {
    json["personality"] = {{"domain", personality->domain}};
    put(json["personality"], "flags", personality->flags);
  }
  if (config.intel_rdt) json["intelRdt"] = intel_rdt_json(*config.intel_rdt);
  return json;
}

}  // namespace ecrin::oci
