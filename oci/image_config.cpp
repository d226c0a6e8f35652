#include "oci/image_config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/image_manifest.hpp"
#include "oci/json_fields.hpp"

namespace ecrin::oci {

std::optional<std::string> config_list_excess(std::size_t count, std::string_view things) {
  if (count <= k_config_list_limit) return std::nullopt;
  return fmt::format("an image's config holds at most {} {}, and here there are more", k_config_list_limit,
                     things);
}

namespace {

std::unexpected<Error> too_many(std::string_view what, const char* key, std::size_t limit) {
  return fail(ErrorKind::limit, "{}.{} has more than {} entries", what, key, limit);
}

// Go's members are capitalised; null and a missing member are the same.
Result<std::string> text_member(const Json& object, const char* key, std::string_view what) {
  std::string text = TRY(json_string(object, key, what)).value_or("");
  // Such a text would be cut at the NUL on its way to execve or a path, so that it means two things.
  if (text.find('\0') != std::string::npos)
    return fail(ErrorKind::invalid, "{}.{} contains a NUL character", what, key);
  return text;
}

Result<std::optional<std::vector<std::string>>> list_member(const Json& object, const char* key,
                                                            std::string_view what) {
  std::optional<std::vector<std::string>> list = TRY(json_strings(object, key, what));
  if (!list) return list;
  if (list->size() > k_config_list_limit) return too_many(what, key, k_config_list_limit);
  for (const std::string& item : *list)
    if (item.find('\0') != std::string::npos)
      return fail(ErrorKind::invalid, "{}.{} contains a NUL character", what, key);
  return list;
}

// {"80/tcp": {}}: Go's way to write a set. The map sorts it.
Result<std::vector<std::string>> set_member(const Json& object, const char* key, std::string_view what) {
  std::vector<std::string> names;
  const Json* member = TRY(json_object(object, key, what));
  if (!member) return names;
  if (member->size() > k_config_list_limit) return too_many(what, key, k_config_list_limit);
  for (const auto& item : member->items()) {
    if (item.key().find('\0') != std::string::npos)
      return fail(ErrorKind::invalid, "{}.{} contains a NUL character", what, key);
    names.push_back(item.key());
  }
  return names;
}

Result<Healthcheck> parse_healthcheck(const Json& json, const std::string& what) {
  Healthcheck check;
  check.test = TRY(list_member(json, "Test", what)).value_or(std::vector<std::string>());
  check.interval = TRY(json_integer(json, "Interval", what)).value_or(0);
  check.timeout = TRY(json_integer(json, "Timeout", what)).value_or(0);
  check.start_period = TRY(json_integer(json, "StartPeriod", what)).value_or(0);
  check.start_interval = TRY(json_integer(json, "StartInterval", what)).value_or(0);
  check.retries = TRY(json_integer(json, "Retries", what)).value_or(0);
  return check;
}

Result<> parse_container_config(ImageConfig& config, const Json& json, const std::string& what) {
  config.user = TRY(text_member(json, "User", what));
  config.exposed_ports = TRY(set_member(json, "ExposedPorts", what));
  config.env = TRY(list_member(json, "Env", what)).value_or(std::vector<std::string>());
  config.entrypoint = TRY(list_member(json, "Entrypoint", what));
  config.cmd = TRY(list_member(json, "Cmd", what));
  config.volumes = TRY(set_member(json, "Volumes", what));
  config.working_dir = TRY(text_member(json, "WorkingDir", what));
  config.labels = TRY(json_string_map(json, "Labels", what));
  if (config.labels.size() > k_config_list_limit) return too_many(what, "Labels", k_config_list_limit);
  config.stop_signal = TRY(text_member(json, "StopSignal", what));
  if (const Json* check = TRY(json_object(json, "Healthcheck", what)))
    config.healthcheck = TRY(parse_healthcheck(*check, what + ".Healthcheck"));
  config.shell = TRY(list_member(json, "Shell", what)).value_or(std::vector<std::string>());
  config.on_build = TRY(list_member(json, "OnBuild", what)).value_or(std::vector<std::string>());
  return {};
}

Result<std::vector<DiffId>> parse_diff_ids(const Json& json, std::string_view what) {
  const Json* rootfs = TRY(json_object(json, "rootfs", what));
  if (!rootfs) return fail(ErrorKind::invalid, "{}.rootfs is missing", what);
  const std::string where = fmt::format("{}.rootfs", what);
  const std::string type = TRY(json_string(*rootfs, "type", where)).value_or("");
  if (type != "layers")
    return fail(ErrorKind::invalid, "{}.type must be \"layers\", not \"{}\"", where, printable(type, 100));
  std::vector<DiffId> diff_ids;
  const auto texts = TRY(json_strings(*rootfs, "diff_ids", where));
  if (!texts) return diff_ids;  // docker writes none for an image without layers
  if (texts->size() > k_layer_count_limit) return too_many(where, "diff_ids", k_layer_count_limit);
  for (const std::string& text : *texts) {
    Result<Digest> digest = Digest::parse(text);
    if (!digest)
      return fail(ErrorKind::invalid, "{}.diff_ids[{}]: {}", where, diff_ids.size(),
                  digest.error().message());
    diff_ids.push_back({std::move(*digest)});
  }
  return diff_ids;
}

Result<std::vector<HistoryEntry>> parse_history(const Json& json, std::string_view what) {
  std::vector<HistoryEntry> history;
  const Json* entries = TRY(json_array(json, "history", what));
  if (!entries) return history;
  if (entries->size() > k_config_list_limit) return too_many(what, "history", k_config_list_limit);
  for (const Json& item : *entries) {
    const std::string where = fmt::format("{}.history[{}]", what, history.size());
    if (!item.is_object()) return fail(ErrorKind::invalid, "{} must be an object", where);
    HistoryEntry& entry = history.emplace_back();
    entry.created = TRY(json_string(item, "created", where)).value_or("");
    entry.created_by = TRY(json_string(item, "created_by", where)).value_or("");
    entry.author = TRY(json_string(item, "author", where)).value_or("");
    entry.comment = TRY(json_string(item, "comment", where)).value_or("");
    entry.empty_layer = TRY(json_bool(item, "empty_layer", where)).value_or(false);
  }
  return history;
}

void set_text(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

void set_list(Json& json, const char* key, const std::vector<std::string>& list) {
  if (!list.empty()) json[key] = list;
}

void set_number(Json& json, const char* key, std::int64_t number) {
  if (number != 0) json[key] = number;
}

void set_names(Json& json, const char* key, const std::vector<std::string>& names) {
  for (const std::string& name : names) json[key][name] = Json::object();
}

Json healthcheck_json(const Healthcheck& check) {
  Json json = Json::object();
  set_list(json, "Test", check.test);
  set_number(json, "Interval", check.interval);
  set_number(json, "Timeout", check.timeout);
  set_number(json, "StartPeriod", check.start_period);
  set_number(json, "StartInterval", check.start_interval);
  set_number(json, "Retries", check.retries);
  return json;
}

Json container_config_json(const ImageConfig& config) {
  // Always an object, also an empty one: older dockers fail on an image whose "config" is missing.
  Json json = Json::object();
  set_text(json, "User", config.user);
  set_names(json, "ExposedPorts", config.exposed_ports);
  set_list(json, "Env", config.env);
  // An empty list is not the same as none here: it says that the base's own was taken away.
  if (config.entrypoint) json["Entrypoint"] = *config.entrypoint;
  if (config.cmd) json["Cmd"] = *config.cmd;
  set_names(json, "Volumes", config.volumes);
  set_text(json, "WorkingDir", config.working_dir);
  if (!config.labels.empty()) json["Labels"] = config.labels;
  set_text(json, "StopSignal", config.stop_signal);
  if (config.healthcheck) json["Healthcheck"] = healthcheck_json(*config.healthcheck);
  set_list(json, "Shell", config.shell);
  set_list(json, "OnBuild", config.on_build);
  return json;
}

Json history_json(const std::vector<HistoryEntry>& history) {
  Json list = Json::array();
  for (const HistoryEntry& entry : history) {
    Json json = Json::object();
    set_text(json, "created", entry.created);
    set_text(json, "created_by", entry.created_by);
    set_text(json, "author", entry.author);
    set_text(json, "comment", entry.comment);
    if (entry.empty_layer) json["empty_layer"] = true;
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace

Result<ImageConfig> ImageConfig::parse(std::string_view bytes, std::string_view what) {
  if (bytes.size() > k_config_limit)
    return fail(ErrorKind::limit, "{} has {} bytes, more than the {} that an image config may have", what,
                bytes.size(), k_config_limit);
  const Json json = TRY(parse_json(bytes, what));
  if (!json.is_object()) return fail(ErrorKind::invalid, "{}: an image config must be an object", what);
  ImageConfig config;
  config.platform.os = TRY(text_member(json, "os", what));
  if (config.platform.os.empty()) return fail(ErrorKind::invalid, "{}.os is missing", what);
  config.platform.architecture = TRY(text_member(json, "architecture", what));
  if (config.platform.architecture.empty())
    return fail(ErrorKind::invalid, "{}.architecture is missing", what);
  config.platform.variant = TRY(text_member(json, "variant", what));
  config.platform.os_version = TRY(text_member(json, "os.version", what));
  config.created = TRY(text_member(json, "created", what));
  config.author = TRY(text_member(json, "author", what));
  if (const Json* container = TRY(json_object(json, "config", what)))
    TRY(parse_container_config(config, *container, fmt::format("{}.config", what)));
  config.diff_ids = TRY(parse_diff_ids(json, what));
  config.history = TRY(parse_history(json, what));
  return config;
}

std::string ImageConfig::to_bytes() const {
  Json json = {{"os", platform.os}, {"architecture", platform.architecture}};
  set_text(json, "variant", platform.variant);
  set_text(json, "os.version", platform.os_version);
  set_text(json, "created", created);
  set_text(json, "author", author);
  json["config"] = container_config_json(*this);
  Json ids = Json::array();
  for (const DiffId& diff_id : diff_ids) ids.push_back(diff_id.digest.to_string());
  json["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(ids)}};
  if (!history.empty()) json["history"] = history_json(history);
  return dump_json(json);
}

}  // namespace ecrin::oci
