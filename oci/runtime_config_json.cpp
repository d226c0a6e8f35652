#include "oci/runtime_config_json.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/runtime_config_parts.hpp"

namespace ecrin::oci {

namespace {

// "1.2.0", "1.0.2-dev", "1.1.0+dev": any version that promises to be compatible with 1.0.
Result<> check_version(const JsonProperty& property, const std::string& version) {
  const std::string_view text = version;
  const std::string_view core = text.substr(0, text.find_first_of("-+"));
  const std::vector<std::string> numbers = split(core, '.');
  bool is_version = numbers.size() == 3;
  for (const std::string& number : numbers) is_version = is_version && parse_unsigned(number).has_value();
  if (!is_version)
    return property.refuse(fmt::format("must be a version like 1.2.0, not '{}'", printable(version, 100)));
  if (numbers[0] != "1")
    return fail(ErrorKind::unsupported, "{} is {}, only versions 1 of the runtime specification are known",
                property.path(), printable(version, 100));
  return {};
}

Json mount_json(const RuntimeMount& mount) {
  Json json = {{"destination", mount.destination}};
  put(json, "type", mount.type);
  put(json, "source", mount.source);
  put(json, "options", mount.options);
  put(json, "uidMappings", id_mappings_json(mount.uid_mappings));
  put(json, "gidMappings", id_mappings_json(mount.gid_mappings));
  return json;
}

template <class Value>
Result<> read_document(std::string_view text, std::string_view what, const std::string& path, Value& value) {
  if (text.size() > k_runtime_config_limit)
    return fail(ErrorKind::limit, "{} has {} bytes, more than the {} that it may have", what, text.size(),
                k_runtime_config_limit);
  const Json json = TRY(parse_json(text, what));
  return read_value(JsonProperty(json, path), value);
}

}  // namespace

Result<> read_value(const JsonProperty& property, RuntimeMount& mount) {
  TRY(read_required(property, "destination", mount.destination));
  if (mount.destination.empty()) return property.refuse("has an empty destination");
  // Old tools write relative ones, which are meant from the root.
  if (!mount.destination.starts_with('/')) mount.destination.insert(0, "/");
  TRY(read(property, "type", mount.type));
  TRY(read(property, "source", mount.source));
  TRY(read(property, "options", mount.options));
  TRY(read(property, "uidMappings", mount.uid_mappings));
  TRY(read(property, "gidMappings", mount.gid_mappings));
  return {};
}

Result<> read_value(const JsonProperty& property, RuntimeConfig& config) {
  const JsonProperty version = TRY(property.get("ociVersion"));
  config.version = TRY(version.text());
  TRY(check_version(version, config.version));
  const JsonProperty root = TRY(property.get("root"));
  TRY(read_required(root, "path", config.root_path));
  if (config.root_path.empty()) return root.refuse("has an empty path");
  TRY(read(root, "readonly", config.root_read_only));
  TRY(read(property, "mounts", config.mounts));
  const std::optional<JsonProperty> process = TRY(property.find("process"));
  config.has_process = process.has_value();
  if (process) TRY(read_value(*process, config.process));
  TRY(read(property, "hostname", config.hostname));
  TRY(read(property, "domainname", config.domainname));
  TRY(read(property, "hooks", config.hooks));
  TRY(read(property, "annotations", config.annotations));
  if (const std::optional<JsonProperty> linux = TRY(property.find("linux"))) TRY(read_linux(*linux, config));
  return {};
}

Result<RuntimeConfig> parse_runtime_config(std::string_view text) {
  RuntimeConfig config;
  config.namespaces.clear();
  config.default_seccomp = false;
  TRY(read_document(text, "config.json", "", config));
  return config;
}

Result<RuntimeProcess> parse_runtime_process(std::string_view text) {
  RuntimeProcess process;
  TRY(read_document(text, "process.json", "process", process));
  return process;
}

Result<Resources> parse_resources_json(std::string_view text) {
  Resources resources;
  TRY(read_document(text, "resources.json", "resources", resources));
  return resources;
}

std::string runtime_config_json(const RuntimeConfig& config) {
  Json json = {{"ociVersion", config.version}, {"root", {{"path", config.root_path}}}};
  put(json["root"], "readonly", config.root_read_only);
  if (config.has_process) json["process"] = runtime_process_json(config.process);
  put(json, "hostname", config.hostname);
  put(json, "domainname", config.domainname);
  Json mounts = Json::array();
  for (const RuntimeMount& mount : config.mounts) mounts.push_back(mount_json(mount));
  put(json, "mounts", std::move(mounts));
  put(json, "hooks", hooks_json(config.hooks));
  put(json, "annotations", config.annotations);
  put(json, "linux", linux_json(config));
  return dump_json_pretty(json);
}

}  // namespace ecrin::oci
