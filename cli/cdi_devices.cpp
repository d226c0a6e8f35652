#include "cli/cdi_devices.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "recipes/yaml_document.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_file_limit = 1u << 20;

// YAML 1.2's core schema, as far as such documents need it.
Json scalar_json(const recipes::YamlNode& node) {
  if (!node.plain) return node.text;
  const std::string word = to_lower(node.text);
  if (word == "null" || word == "~" || word.empty()) return nullptr;
  if (word == "true" || word == "false") return word == "true";
  std::int64_t number = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [stopped, error] = std::from_chars(node.text.data(), end, number);
  if (error == std::errc() && stopped == end) return number;
  return node.text;
}

Json node_json(const recipes::YamlNode& node) {
  switch (node.kind) {
    case recipes::YamlNode::Kind::null:
      return nullptr;
    case recipes::YamlNode::Kind::scalar:
      return scalar_json(node);
    case recipes::YamlNode::Kind::sequence: {
      Json list = Json::array();
      for (const recipes::YamlNodePtr& item : node.items) list.push_back(node_json(*item));
      return list;
    }
    case recipes::YamlNode::Kind::mapping:
      break;
  }
  Json object = Json::object();
  for (const recipes::YamlMember& member : node.members) object[member.key] = node_json(*member.value);
  return object;
}

struct FoundSpec {
  std::string file;
  std::size_t directory = 0;
  oci::CdiSpec spec;
};

Result<oci::CdiSpec> read_spec(const Fd& directory, const std::string& name, const std::string& path) {
  const Fd file = TRY(posix::open_at(directory, name, O_RDONLY | O_NONBLOCK));
  const std::string text = TRY(posix::read_fd(file, k_file_limit));
  const Json json = name.ends_with(".json") ? TRY(parse_json(text, path)) : TRY(parse_yaml(text, path));
  return oci::parse_cdi_spec(json, path);
}

std::vector<FoundSpec> read_specs(const std::vector<std::string>& directories) {
  std::vector<FoundSpec> found;
  for (std::size_t index = 0; index < directories.size(); ++index) {
    const auto directory = posix::open(directories[index], O_RDONLY | O_DIRECTORY);
    if (!directory) continue;
    const auto entries = posix::list_directory(*directory);
    if (!entries) continue;
    std::vector<std::string> names;
    for (const auto& entry : *entries)
      if (entry.name.ends_with(".json") || entry.name.ends_with(".yaml") || entry.name.ends_with(".yml"))
        names.push_back(entry.name);
    std::ranges::sort(names);
    for (const std::string& name : names) {
      const std::string path = directories[index] + "/" + name;
      auto spec = read_spec(*directory, name, path);
      if (spec)
        found.push_back({.file = path, .directory = index, .spec = std::move(*spec)});
      else
        log::warning("the devices of '{}' are left out: {}", printable(path, 300), spec.error().message());
    }
  }
  return found;
}

struct FoundDevice {
  const FoundSpec* spec = nullptr;
  const oci::CdiDevice* device = nullptr;
};

Result<FoundDevice> find_device(const std::vector<FoundSpec>& specs, const oci::CdiName& name,
                                const std::string& text) {
  FoundDevice found;
  for (const FoundSpec& one : specs) {
    if (one.spec.kind != name.kind) continue;
    const auto device = std::ranges::find(one.spec.devices, name.device, &oci::CdiDevice::name);
    if (device == one.spec.devices.end()) continue;
    if (found.spec != nullptr && found.spec->directory == one.directory)
      return fail(ErrorKind::conflict, "the device '{}' is in '{}' and in '{}'", printable(text, 200),
                  printable(found.spec->file, 300), printable(one.file, 300));
    found = {.spec = &one, .device = &*device};
  }
  return found;
}

}  // namespace

std::vector<std::string> usual_cdi_directories() {
  return {"/etc/cdi", "/var/run/cdi"};
}

Result<Json> parse_yaml(const std::string& text, const std::string& what) {
  const recipes::YamlNodePtr document = TRY(recipes::parse_yaml_document(recipes::SourceText(what, text)));
  return node_json(*document);
}

Result<std::vector<oci::CdiEdits>> find_cdi_devices(const std::vector<std::string>& names,
                                                    const std::vector<std::string>& directories) {
  std::vector<oci::CdiEdits> edits;
  if (names.empty()) return edits;
  const std::vector<FoundSpec> specs = read_specs(directories);
  std::vector<const FoundSpec*> used;
  for (const std::string& text : names) {
    const auto name = oci::parse_cdi_name(text);
    const FoundDevice found = name ? TRY(find_device(specs, *name, text)) : FoundDevice{};
    if (found.device == nullptr)
      return std::unexpected(
          Error(ErrorKind::not_found, fmt::format("there is no device '{}'", printable(text, 200)))
              .hint(fmt::format(
                  "devices of vendors are described by files in {}, which the vendor's tool writes",
                  printable(join(directories, " and "), 300))));
    if (std::ranges::find(used, found.spec) == used.end()) {
      used.push_back(found.spec);
      edits.push_back(found.spec->spec.edits);
    }
    edits.push_back(found.device->edits);
  }
  return edits;
}

}  // namespace ecrin::cli
