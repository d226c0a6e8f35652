// "hooks" of config.json.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/runtime_config_parts.hpp"

namespace ecrin::oci {

namespace {

constexpr std::array<HookMoment, 6> k_moments = {{{"prestart", &Hooks::prestart},
                                                  {"createRuntime", &Hooks::create_runtime},
                                                  {"createContainer", &Hooks::create_container},
                                                  {"startContainer", &Hooks::start_container},
                                                  {"poststart", &Hooks::poststart},
                                                  {"poststop", &Hooks::poststop}}};

Json hook_json(const Hook& hook) {
  Json json = {{"path", hook.path}};
  put(json, "args", hook.args);
  put(json, "env", hook.env);
  put_integer(json, "timeout", hook.timeout);
  return json;
}

}  // namespace

std::span<const HookMoment> hook_moments() {
  return k_moments;
}

Result<> read_value(const JsonProperty& property, Hook& hook) {
  TRY(read_required(property, "path", hook.path));
  if (!hook.path.starts_with('/'))
    return property.refuse(fmt::format("has a path that is not absolute: '{}'", printable(hook.path, 200)));
  TRY(read(property, "args", hook.args));
  TRY(read(property, "env", hook.env));
  TRY(read(property, "timeout", hook.timeout));
  if (hook.timeout && *hook.timeout <= 0) return property.refuse("has a timeout that is not above 0");
  return {};
}

Result<> read_value(const JsonProperty& property, Hooks& hooks) {
  for (const auto& [key, moment] : k_moments) TRY(read(property, key, hooks.*moment));
  return {};
}

std::vector<std::string> hook_names() {
  std::vector<std::string> names;
  for (const auto& [key, moment] : k_moments) names.emplace_back(key);
  std::ranges::sort(names);
  return names;
}

Json hooks_json(const Hooks& hooks) {
  Json json = Json::object();
  for (const auto& [key, moment] : k_moments)
    for (const Hook& hook : hooks.*moment) json[key].push_back(hook_json(hook));
  return json;
}

}  // namespace ecrin::oci
