// "process" of config.json.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/runtime_config_parts.hpp"

namespace ecrin::oci {

namespace {

Result<> read_user(const JsonProperty& property, RuntimeProcess& process) {
  const std::optional<JsonProperty> user = TRY(property.find("user"));
  if (!user) return {};
  TRY(read(*user, "uid", process.uid));
  TRY(read(*user, "gid", process.gid));
  TRY(read(*user, "umask", process.umask));
  TRY(read(*user, "additionalGids", process.additional_gids));
  return {};
}

Result<> refuse_limit_twice(const JsonProperty& property, const std::vector<Rlimit>& limits) {
  for (auto limit = limits.begin(); limit != limits.end(); ++limit)
    if (std::ranges::find(limits.begin(), limit, limit->type, &Rlimit::type) != limit)
      return property.refuse(fmt::format("has two rlimits of type {}", printable(limit->type, 100)));
  return {};
}

Json user_json(const RuntimeProcess& process) {
  Json json = {{"uid", process.uid}, {"gid", process.gid}};
  put_integer(json, "umask", process.umask);
  if (!process.additional_gids.empty()) json["additionalGids"] = process.additional_gids;
  return json;
}

Json capabilities_json(const Capabilities& capabilities) {
  Json json = Json::object();
  put(json, "bounding", capabilities.bounding);
  put(json, "effective", capabilities.effective);
  put(json, "permitted", capabilities.permitted);
  put(json, "inheritable", capabilities.inheritable);
  put(json, "ambient", capabilities.ambient);
  return json;
}

Json scheduler_json(const Scheduler& scheduler) {
  Json json = {{"policy", scheduler.policy}};
  put_integer(json, "nice", scheduler.nice);
  put_integer(json, "priority", scheduler.priority);
  put(json, "flags", scheduler.flags);
  put_integer(json, "runtime", scheduler.runtime);
  put_integer(json, "deadline", scheduler.deadline);
  put_integer(json, "period", scheduler.period);
  return json;
}

Json affinity_json(const CpuAffinity& affinity) {
  Json json = Json::object();
  put(json, "initial", affinity.initial);
  put(json, "final", affinity.final);
  return json;
}

}  // namespace

Result<> read_value(const JsonProperty& property, Rlimit& limit) {
  TRY(read_required(property, "type", limit.type));
  TRY(read_required(property, "soft", limit.soft));
  TRY(read_required(property, "hard", limit.hard));
  return {};
}

Result<> read_value(const JsonProperty& property, Capabilities& capabilities) {
  TRY(read(property, "bounding", capabilities.bounding));
  TRY(read(property, "effective", capabilities.effective));
  TRY(read(property, "permitted", capabilities.permitted));
  TRY(read(property, "inheritable", capabilities.inheritable));
  TRY(read(property, "ambient", capabilities.ambient));
  return {};
}

Result<> read_value(const JsonProperty& property, Scheduler& scheduler) {
  TRY(read_required(property, "policy", scheduler.policy));
  TRY(read(property, "nice", scheduler.nice));
  TRY(read(property, "priority", scheduler.priority));
  TRY(read(property, "flags", scheduler.flags));
  TRY(read(property, "runtime", scheduler.runtime));
  TRY(read(property, "deadline", scheduler.deadline));
  TRY(read(property, "period", scheduler.period));
  return {};
}

Result<> read_value(const JsonProperty& property, IoPriority& priority) {
  TRY(read_required(property, "class", priority.io_class));
  TRY(read(property, "priority", priority.priority));
  return {};
}

Result<> read_value(const JsonProperty& property, CpuAffinity& affinity) {
  TRY(read(property, "initial", affinity.initial));
  TRY(read(property, "final", affinity.final));
  return {};
}

Result<> read_value(const JsonProperty& property, ConsoleSize& size) {
  TRY(read_required(property, "height", size.height));
  TRY(read_required(property, "width", size.width));
  return {};
}

Result<> read_value(const JsonProperty& property, RuntimeProcess& process) {
  process = {.cwd = "", .no_new_privileges = false};
  TRY(read(property, "terminal", process.terminal));
  TRY(read(property, "consoleSize", process.console_size));
  TRY(read_user(property, process));
  TRY(read_required(property, "args", process.args));
  if (process.args.empty()) return property.refuse("has no args: there is nothing to execute");
  TRY(read(property, "env", process.env));
  TRY(read_required(property, "cwd", process.cwd));
  if (!process.cwd.starts_with('/'))
    return fail(ErrorKind::invalid, "{}.cwd must be absolute, not '{}'", property.path(),
                printable(process.cwd, 200));
  TRY(read(property, "capabilities", process.capabilities));
  TRY(read(property, "rlimits", process.rlimits));
  TRY(refuse_limit_twice(property, process.rlimits));
  TRY(read(property, "noNewPrivileges", process.no_new_privileges));
  TRY(read(property, "apparmorProfile", process.apparmor_profile));
  TRY(read(property, "selinuxLabel", process.selinux_label));
  TRY(read(property, "oomScoreAdj", process.oom_score_adj));
  TRY(read(property, "scheduler", process.scheduler));
  TRY(read(property, "ioPriority", process.io_priority));
  TRY(read(property, "execCPUAffinity", process.exec_cpu_affinity));
  return {};
}

Json runtime_process_json(const RuntimeProcess& process) {
  Json json = {{"user", user_json(process)}, {"args", process.args}, {"cwd", process.cwd}};
  put(json, "terminal", process.terminal);
  if (const auto& size = process.console_size)
    json["consoleSize"] = {{"height", size->height}, {"width", size->width}};
  put(json, "env", process.env);
  put(json, "capabilities", capabilities_json(process.capabilities));
  for (const Rlimit& limit : process.rlimits)
    json["rlimits"].push_back({{"type", limit.type}, {"soft", limit.soft}, {"hard", limit.hard}});
  put(json, "noNewPrivileges", process.no_new_privileges);
  put(json, "apparmorProfile", process.apparmor_profile);
  put(json, "selinuxLabel", process.selinux_label);
  put_integer(json, "oomScoreAdj", process.oom_score_adj);
  if (process.scheduler) json["scheduler"] = scheduler_json(*process.scheduler);
  if (const auto& priority = process.io_priority)
    json["ioPriority"] = {{"class", priority->io_class}, {"priority", priority->priority}};
  if (process.exec_cpu_affinity) json["execCPUAffinity"] = affinity_json(*process.exec_cpu_affinity);
  return json;
}

}  // namespace ecrin::oci
