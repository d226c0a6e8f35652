#include "tests/unit/recipes/recipe_text.hpp"

#include <fmt/core.h>

namespace ecrin::recipes {
namespace {

std::string quote(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) result += c == '\n' ? std::string("\\n") : std::string(1, c);
  return result + "\"";
}

std::string list(const std::vector<std::string>& items) {
  std::string result = "[";
  for (const std::string& item : items) result += (result.size() > 1 ? ", " : "") + quote(item);
  return result + "]";
}

std::string pairs(const std::vector<KeyValue>& items) {
  std::string result = "{";
  for (const auto& [name, value] : items)
    result += (result.size() > 1 ? ", " : "") + quote(name) + ": " + quote(value);
  return result + "}";
}

std::string mode(const std::optional<std::uint32_t>& value) {
  return value ? fmt::format("{:04o}", *value) : "-";
}

struct FromText {
  std::string operator()(const FromScratch&) const { return "scratch"; }
  std::string operator()(const FromStage& from) const { return "stage " + quote(from.name); }
  std::string operator()(const FromImage& from) const { return "image " + quote(from.reference); }
  std::string operator()(const FromOciLayout& from) const {
    return fmt::format("oci {} ref {}", quote(from.directory), quote(from.reference));
  }
  std::string operator()(const FromArchive& from) const {
    return fmt::format("archive {} ref {}", quote(from.file), quote(from.reference));
  }
  std::string operator()(const FromRootfs& from) const {
    return fmt::format("rootfs {} sha256 {}", quote(from.location), quote(from.sha256));
  }
  std::string operator()(const FromBootstrap& from) const {
    return fmt::format("bootstrap {} suite {} variant {} include {} mirror {} snapshot {}",
                       quote(from.distribution), quote(from.suite), quote(from.variant), list(from.include),
                       quote(from.mirror), quote(from.snapshot));
  }
};

std::string mount_text(const Mount& mount) {
  constexpr const char* k_types[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
  constexpr const char* k_sharings[] = {"shared", "private", "locked"};
  return fmt::format(
      "      mount {} target {} source {} from {} id {}{} {}{} mode {:04o} uid {} gid {} size {} {}\n",
      k_types[static_cast<int>(mount.type)], quote(mount.target), quote(mount.source), quote(mount.from),
      quote(mount.id), mount.environment.empty() ? "" : " env " + quote(mount.environment),
      mount.read_only ? "read-only" : "read-write", mount.required ? " required" : "", mount.mode, mount.uid,
      mount.gid, mount.size, k_sharings[static_cast<int>(mount.sharing)]);
}

std::string command(const RunStep& step) {
  if (const auto* script = std::get_if<std::string>(&step.command)) return "script " + quote(*script);
  if (const auto* file = std::get_if<InlineFile>(&step.command)) {
    return fmt::format("file {} {}", quote(file->name), quote(file->content));
  }
  return "exec " + list(std::get<std::vector<std::string>>(step.command));
}

std::string files(const std::vector<InlineFile>& files) {
  std::string result;
  for (const InlineFile& file : files) {
    result += fmt::format(" file {} {}", quote(file.name), quote(file.content));
  }
  return result;
}

struct StepText {
  std::string operator()(const RunStep& step) const {
    constexpr const char* k_networks[] = {"inherit", "none", "host", "private"};
    std::string result = fmt::format(
        "{} network {}{} user {} env {}\n", command(step), k_networks[static_cast<int>(step.network)],
        step.has_pinned_network ? " pinned" : "", quote(step.user), pairs(step.env));
    for (const Mount& mount : step.mounts) result += mount_text(mount);
    return result;
  }
  std::string operator()(const CopyStep& step) const {
    return fmt::format("copy from {} {}{} to {} owner {} mode {}{} exclude {}{}{}\n", quote(step.from),
                       list(step.sources), files(step.files), quote(step.destination), quote(step.owner),
                       mode(step.mode), step.mode_change, list(step.exclude), step.parents ? " parents" : "",
                       step.link ? " link" : "");
  }
  std::string operator()(const AddStep& step) const {
    std::string flags = step.exclude.empty() ? "" : " exclude " + list(step.exclude);
    if (step.link) flags += " link";
    if (step.keep_git_directory) flags += " keep-git-dir";
    if (step.unpack) flags += *step.unpack ? " unpack" : " no-unpack";
    return fmt::format("add {}{} to {} checksum {} owner {} mode {}{}{}\n", list(step.sources),
                       files(step.files), quote(step.destination), quote(step.checksum), quote(step.owner),
                       mode(step.mode), step.mode_change, flags);
  }
  std::string operator()(const WriteStep& step) const {
    return fmt::format("write {} content {} owner {} mode {:04o}\n", quote(step.destination),
                       quote(step.content), quote(step.owner), step.mode);
  }
  std::string operator()(const EnvStep& step) const { return "env " + pairs(step.variables) + "\n"; }
  std::string operator()(const WorkdirStep& step) const { return "workdir " + quote(step.path) + "\n"; }
  std::string operator()(const UserStep& step) const { return "user " + quote(step.user) + "\n"; }
  std::string operator()(const LabelStep& step) const { return "label " + pairs(step.labels) + "\n"; }
  std::string operator()(const CmdStep& step) const { return "cmd " + list(step.arguments) + "\n"; }
  std::string operator()(const EntrypointStep& step) const {
    return fmt::format("entrypoint {}{}\n", list(step.arguments), step.drops_cmd ? " drops cmd" : "");
  }
  std::string operator()(const ExposeStep& step) const { return "expose " + list(step.ports) + "\n"; }
  std::string operator()(const VolumeStep& step) const { return "volume " + list(step.paths) + "\n"; }
  std::string operator()(const StopSignalStep& step) const {
    return "stop_signal " + quote(step.signal) + "\n";
  }
  std::string operator()(const HealthcheckStep& step) const {
    const oci::Healthcheck& check = step.healthcheck;
    return fmt::format("healthcheck {} interval {} timeout {} start_period {} start_interval {} retries {}\n",
                       list(check.test), check.interval, check.timeout, check.start_period,
                       check.start_interval, check.retries);
  }
  std::string operator()(const ShellStep& step) const { return "shell " + list(step.shell) + "\n"; }
  std::string operator()(const OnBuildStep& step) const { return "onbuild " + quote(step.trigger) + "\n"; }
  std::string operator()(const AuthorStep& step) const { return "author " + quote(step.author) + "\n"; }
};

std::string place(const Location& location) {
  return fmt::format("{}:{}", location.line, location.column);
}

}  // namespace

std::string recipe_text(const Recipe& recipe) {
  std::vector<KeyValue> args;
  for (const Argument& arg : recipe.args) args.emplace_back(arg.name, arg.value);
  std::string result = fmt::format("name {}\nepoch {}\nargs {}\n", quote(recipe.name),
                                   recipe.epoch ? std::to_string(*recipe.epoch) : "-", pairs(args));
  for (const Stage& stage : recipe.stages) {
    result += fmt::format("stage {} at {}\n  from {} at {}\n", quote(stage.name), place(stage.location),
                          std::visit(FromText{}, stage.from), place(stage.from_location));
    if (stage.platform) result += fmt::format("  platform {}\n", stage.platform->to_string());
    result += fmt::format("  shell {}\n", list(stage.shell));
    for (const Step& step : stage.steps) {
      result += fmt::format("  step at {} {}\n    {}", place(step.location), quote(step.text),
                            std::visit(StepText{}, step.kind));
    }
    if (!stage.annotations.empty()) result += fmt::format("  annotations {}\n", pairs(stage.annotations));
  }
  return result;
}

}  // namespace ecrin::recipes
