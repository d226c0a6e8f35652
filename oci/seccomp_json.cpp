// "linux.seccomp" of config.json.
#include <nlohmann/json.hpp>

#include "oci/runtime_config_parts.hpp"

namespace ecrin::oci {

namespace {

constexpr std::uint64_t k_last_argument = 5;  // a system call has six

Json rule_json(const SeccompRule& rule) {
  Json json = {{"names", rule.names}, {"action", rule.action}};
  put_integer(json, "errnoRet", rule.errno_return);
  for (const SeccompArgument& argument : rule.args)
    json["args"].push_back({{"index", argument.index},
                            {"value", argument.value},
                            {"valueTwo", argument.value_two},
                            {"op", argument.operation}});
  return json;
}

}  // namespace

Result<> read_value(const JsonProperty& property, SeccompArgument& argument) {
  const JsonProperty index = TRY(property.get("index"));
  argument.index = static_cast<unsigned>(TRY(index.natural(k_last_argument)));
  TRY(read_required(property, "value", argument.value));
  TRY(read(property, "valueTwo", argument.value_two));
  TRY(read_required(property, "op", argument.operation));
  return {};
}

Result<> read_value(const JsonProperty& property, SeccompRule& rule) {
  TRY(read_required(property, "names", rule.names));
  if (rule.names.empty()) return property.refuse("has no names");
  TRY(read_required(property, "action", rule.action));
  TRY(read(property, "errnoRet", rule.errno_return));
  TRY(read(property, "args", rule.args));
  return {};
}

Result<> read_value(const JsonProperty& property, SeccompConfig& seccomp) {
  TRY(read_required(property, "defaultAction", seccomp.default_action));
  TRY(read(property, "defaultErrnoRet", seccomp.default_errno_return));
  TRY(read(property, "architectures", seccomp.architectures));
  TRY(read(property, "flags", seccomp.flags));
  TRY(read(property, "listenerPath", seccomp.listener_path));
  TRY(read(property, "listenerMetadata", seccomp.listener_metadata));
  TRY(read(property, "syscalls", seccomp.rules));
  return {};
}

Json seccomp_json(const SeccompConfig& seccomp) {
  Json json = {{"defaultAction", seccomp.default_action}};
  put_integer(json, "defaultErrnoRet", seccomp.default_errno_return);
  put(json, "architectures", seccomp.architectures);
  put(json, "flags", seccomp.flags);
  put(json, "listenerPath", seccomp.listener_path);
  put(json, "listenerMetadata", seccomp.listener_metadata);
  for (const SeccompRule& rule : seccomp.rules) json["syscalls"].push_back(rule_json(rule));
  return json;
}

}  // namespace ecrin::oci
