#include "oci/mutate.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "base/variables.hpp"
#include "oci/mutate_parts.hpp"

namespace ecrin::oci {

namespace {

constexpr std::array<std::string_view, 9> k_known = {
    "os", "architecture", "variant", "os.version", "created", "author", "config", "rootfs", "history"};
constexpr std::array<std::string_view, 12> k_known_settings = {
    "User",       "ExposedPorts", "Env",        "Entrypoint",  "Cmd",   "Volumes",
    "WorkingDir", "Labels",       "StopSignal", "Healthcheck", "Shell", "OnBuild"};
// Docker's notes on how the last layer was made, which say nothing of this image any more.
constexpr std::array<std::string_view, 4> k_stale = {"container", "container_config", "id", "parent"};

template <std::size_t size>
bool holds(const std::array<std::string_view, size>& list, const std::string& key) {
  return std::ranges::find(list, key) != list.end();
}

// The bytes of `config` with the members of `original` that we know nothing about.
Result<std::string> config_with_foreign_members(const ImageConfig& config, const std::string& original) {
  if (original.empty()) return config.to_bytes();
  Json json = TRY(parse_json(config.to_bytes(), "the new image config"));
  const Json old = TRY(parse_json(original, "the image config"));
  for (const auto& member : old.items()) {
    if (!holds(k_known, member.key()) && !holds(k_stale, member.key())) json[member.key()] = member.value();
  }
  if (const Json* settings = TRY(json_object(old, "config", "the image config"))) {
    for (const auto& member : settings->items()) {
      if (!holds(k_known_settings, member.key())) json["config"][member.key()] = member.value();
    }
  }
  return dump_json(json);
}

void change_names(std::vector<std::string>& names, const KeyChanges& changes, bool clear) {
  if (clear) names.clear();
  for (const auto& [name, value] : changes) {
    std::erase(names, name);
    if (value) names.push_back(name);
  }
  std::ranges::sort(names);
}

void change_map(std::map<std::string, std::string>& map, const KeyChanges& changes, bool clear) {
  if (clear) map.clear();
  for (const auto& [key, value] : changes) {
    if (value) {
      map[key] = *value;
    } else {
      map.erase(key);
    }
  }
}

std::string names_of(const KeyChanges& changes) {
  std::vector<std::string> names;
  for (const auto& [name, value] : changes) names.push_back(value ? name : name + "-");
  return join(names, " ");
}

// The line of the history: which settings, and their values where those are one short text.
std::string describe(const ConfigChanges& changes) {
  std::vector<std::string> parts;
  const auto keys = [&](const char* what, const KeyChanges& list, bool cleared) {
    if (cleared) parts.push_back(fmt::format("{} -", what));
    if (!list.empty()) parts.push_back(fmt::format("{} {}", what, names_of(list)));
  };
  const auto words = [&](const char* what, const ConfigChanges::Words& list) {
    std::vector<std::string> quoted;
    for (const std::string& word : list) quoted.push_back(shell_quote(word));
    parts.push_back(fmt::format("{} {}", what, list.empty() ? "-" : join(quoted, " ")));
  };
  const auto text = [&](const char* what, const std::optional<std::string>& value) {
    if (value) parts.push_back(fmt::format("{} {}", what, value->empty() ? "-" : *value));
  };
  if (changes.entrypoint) words("entrypoint", changes.entrypoint->value_or(ConfigChanges::Words{}));
  if (changes.cmd) words("cmd", changes.cmd->value_or(ConfigChanges::Words{}));
  keys("env", changes.env, changes.clear_env);
  text("user", changes.user);
  text("workdir", changes.working_dir);
  keys("label", changes.labels, changes.clear_labels);
  keys("ports", changes.ports, changes.clear_ports);
  keys("volumes", changes.volumes, changes.clear_volumes);
  text("stop-signal", changes.stop_signal);
  text("author", changes.author);
  if (changes.healthcheck) parts.push_back(*changes.healthcheck ? "healthcheck" : "healthcheck -");
  if (changes.shell) words("shell", *changes.shell);
  if (changes.platform) parts.push_back("platform " + changes.platform->to_string());
  return "config: " + join(parts, ", ");
}

void apply(const ConfigChanges& changes, ImageConfig& config) {
  if (changes.entrypoint) {
    config.entrypoint = *changes.entrypoint;
    if (config.entrypoint && !changes.cmd) config.cmd.reset();
  }
  if (changes.cmd) config.cmd = *changes.cmd;
  if (changes.clear_env) config.env.clear();
  for (const auto& [name, value] : changes.env) {
    if (value) {
      set_variable(config.env, name, *value);
    } else {
      erase_variable(config.env, name);
    }
  }
  change_map(config.labels, changes.labels, changes.clear_labels);
  change_names(config.exposed_ports, changes.ports, changes.clear_ports);
  change_names(config.volumes, changes.volumes, changes.clear_volumes);
  if (changes.shell) config.shell = *changes.shell;
  if (changes.user) config.user = *changes.user;
  if (changes.working_dir) config.working_dir = *changes.working_dir;
  if (changes.stop_signal) config.stop_signal = *changes.stop_signal;
  if (changes.author) config.author = *changes.author;
  if (changes.healthcheck) config.healthcheck = *changes.healthcheck;
  if (changes.platform) config.platform = *changes.platform;
}

}  // namespace

NewImage unchanged(const Image& image) {
  return {.config_bytes = image.config_bytes,
          .manifest_bytes = image.manifest_bytes,
          .manifest_type = image.manifest_descriptor.media_type};
}

Result<NewImage> assemble(const Image& original, const ImageConfig& config, ImageManifest manifest) {
  NewImage image;
  // A config that says the same keeps its bytes: then only the manifest is new.
  const bool same_config = !original.config_bytes.empty() && config.to_bytes() == original.config.to_bytes();
  image.config_bytes =
      same_config ? original.config_bytes : TRY(config_with_foreign_members(config, original.config_bytes));
  if (image.config_bytes.size() > k_config_limit)
    return fail(ErrorKind::limit, "the new image config has {} bytes, more than the {} that one may have",
                image.config_bytes.size(), k_config_limit);
  if (manifest.layers.size() > k_layer_count_limit)
    return fail(ErrorKind::limit, "the new image has {} layers, more than the {} that one may have",
                manifest.layers.size(), k_layer_count_limit);
  manifest.media_type = std::string(media_type::k_manifest);
  manifest.config = Descriptor{.media_type = std::string(media_type::k_config),
                               .digest = Digest::of(image.config_bytes),
                               .size = image.config_bytes.size()};
  for (Descriptor& layer : manifest.layers) layer = as_oci_layer(std::move(layer));
  image.manifest_bytes = manifest.to_bytes();
  image.manifest_type = manifest.media_type;
  return image;
}

Descriptor as_oci_layer(Descriptor layer) {
  if (layer.media_type == media_type::k_docker_layer) layer.media_type = media_type::k_layer_gzip;
  if (layer.media_type == media_type::k_docker_layer_plain) layer.media_type = media_type::k_layer;
  return layer;
}

Result<NewImage> reconfigure(const Image& image, const ConfigChanges& changes, const std::string& created) {
  ImageConfig config = image.config;
  ImageManifest manifest = image.manifest;
  apply(changes, config);
  change_map(manifest.annotations, changes.annotations, changes.clear_annotations);
  const bool same_config = config.to_bytes() == image.config.to_bytes();
  if (same_config && manifest.annotations == image.manifest.annotations) return unchanged(image);
  if (!same_config) {
    config.created = created;
    config.history.push_back({.created = created, .created_by = describe(changes), .empty_layer = true});
  }
  return assemble(image, config, std::move(manifest));
}

Image empty_image(const Platform& platform) {
  Image image;
  image.config.platform = platform;
  return image;
}

Result<NewImage> append_layers(const Image& image, const std::vector<NewLayer>& layers,
                               const std::string& created) {
  if (layers.empty()) return unchanged(image);
  ImageConfig config = image.config;
  ImageManifest manifest = image.manifest;
  config.created = created;
  for (const NewLayer& layer : layers) {
    config.diff_ids.push_back(layer.diff_id);
    config.history.push_back({.created = created, .created_by = layer.created_by});
    manifest.layers.push_back(layer.blob);
  }
  return assemble(image, config, std::move(manifest));
}

Result<NewImage> replace_layers(const Image& image, std::size_t first, const NewLayer& layer,
                                const std::string& created) {
  ImageConfig config = image.config;
  ImageManifest manifest = image.manifest;
  if (config.diff_ids.size() == first + 1 && config.diff_ids.back() == layer.diff_id) return unchanged(image);
  const auto begin = static_cast<std::ptrdiff_t>(first);
  config.diff_ids.erase(config.diff_ids.begin() + begin, config.diff_ids.end());
  manifest.layers.erase(manifest.layers.begin() + begin, manifest.layers.end());
  config.diff_ids.push_back(layer.diff_id);
  manifest.layers.push_back(layer.blob);
  std::size_t number = 0;
  for (HistoryEntry& entry : config.history) {
    if (!entry.empty_layer && number++ >= first) entry.empty_layer = true;
  }
  config.created = created;
  config.history.push_back({.created = created, .created_by = layer.created_by});
  return assemble(image, config, std::move(manifest));
}

Result<ImageRecord> store_image(ImageStore& images, const NewImage& image,
                                const std::vector<Reference>& names, Role role) {
  BlobStore& blobs = images.blobs();
  const bool is_new = !TRY(blobs.size_of(Digest::of(image.manifest_bytes)));
  TRY(blobs.put_bytes(media_type::k_config, image.config_bytes));
  const Descriptor manifest = TRY(blobs.put_bytes(image.manifest_type, image.manifest_bytes));
  if (is_new) TRY(blobs.sync());
  return images.add(manifest, names, role);
}

}  // namespace ecrin::oci
