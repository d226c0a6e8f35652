#include "recipes/write_recipe_yaml.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/expand.hpp"
#include "recipes/source_kind.hpp"
#include "recipes/step_text.hpp"
#include "recipes/symbols.hpp"
#include "recipes/yaml_parts.hpp"
#include "recipes/yaml_writer.hpp"

namespace ecrin::recipes {
namespace {

/// A text in which arguments are filled in: a dollar sign of its own is doubled where it would begin
/// something.
std::string filled_in(std::string_view text) {
  std::string result;
  for (const SymbolPiece& piece : cut_at_symbols(text)) {
    if (piece.is_argument) {
      result += "${" + piece.text + "}";
      continue;
    }
    for (std::size_t i = 0; i < piece.text.size(); ++i) {
      result += piece.text[i];
      const bool begins = i + 1 == piece.text.size() || piece.text[i + 1] == '{' || piece.text[i + 1] == '$';
      if (piece.text[i] == '$' && begins) result += '$';
    }
  }
  return result;
}

YamlValue text(std::string_view value) {
  return YamlValue::scalar(filled_in(value));
}

YamlValue texts(const std::vector<std::string>& values) {
  std::vector<YamlValue> items;
  for (const std::string& value : values) items.push_back(text(value));
  return YamlValue::list(std::move(items));
}

YamlValue one_or_list(const std::vector<std::string>& values) {
  return values.size() == 1 ? text(values[0]) : texts(values);
}

YamlValue pairs(const std::vector<KeyValue>& values) {
  YamlValue mapping = YamlValue::mapping();
  for (const auto& [name, value] : values) mapping.add(name, text(value));
  return mapping;
}

YamlValue files(const std::vector<InlineFile>& values) {
  YamlValue mapping = YamlValue::mapping();
  for (const InlineFile& file : values) mapping.add(file.name, file.content);
  return mapping;
}

std::string octal(std::uint32_t mode) {
  return fmt::format("0{:03o}", mode);
}

YamlValue mount_value(const Mount& mount) {
  using Type = Mount::Type;
  YamlValue value = YamlValue::mapping();
  const auto add_ownership = [&] {
    if (mount.mode != 0) value.add("mode", octal(mount.mode));
    if (mount.uid != 0) value.add("uid", std::to_string(mount.uid));
    if (mount.gid != 0) value.add("gid", std::to_string(mount.gid));
  };
  switch (mount.type) {
    case Type::bind:
      value.add("bind", text(mount.target));
      if (!mount.from.empty()) value.add("from", text(mount.from));
      if (mount.source != "/" && !mount.source.empty()) value.add("source", text(mount.source));
      if (!mount.read_only) value.add("read_only", "false");
      break;
    case Type::cache: {
      static constexpr const char* k_sharing[] = {"shared", "private", "locked"};
      value.add("cache", text(mount.target));
      if (!mount.id.empty() && mount.id != mount.target) value.add("id", text(mount.id));
      if (!mount.from.empty()) value.add("from", text(mount.from));
      if (!mount.source.empty()) value.add("source", text(mount.source));
      if (mount.sharing != Mount::Sharing::shared)
        value.add("sharing", k_sharing[static_cast<int>(mount.sharing)]);
      if (mount.read_only) value.add("read_only", "true");
      add_ownership();
      break;
    }
    case Type::tmpfs:
      value.add("tmpfs", text(mount.target));
      if (mount.size != 0) value.add("size", std::to_string(mount.size));
      if (mount.mode != 0) value.add("mode", octal(mount.mode));
      break;
    case Type::secret:
    case Type::ssh:
      value.add(mount.type == Type::secret ? "secret" : "ssh", text(mount.id));
      if (!mount.environment.empty()) value.add("env", mount.environment);
      if (!mount.target.empty() && mount.target != "/run/secrets/" + mount.id)
        value.add("target", text(mount.target));
      if (!mount.required) value.add("required", "false");
      add_ownership();
      break;
  }
  return value;
}

struct StepValue {
  /// What a script mentions it gets without being told.
  static std::vector<KeyValue> env_to_tell(const RunStep& run) {
    std::vector<KeyValue> result;
    const auto* script = std::get_if<std::string>(&run.command);
    const auto* file = std::get_if<InlineFile>(&run.command);
    const std::vector<Mention> mentions = mentioned_variables(script ? *script
                                                              : file ? std::string_view(file->content)
                                                                     : std::string_view());
    for (const KeyValue& variable : run.env) {
      const bool is_itself = variable.second == symbol_of(variable.first);
      const auto mentions_it = [&](const Mention& mention) { return mention.name == variable.first; };
      if (is_itself && std::any_of(mentions.begin(), mentions.end(), mentions_it)) continue;
      result.push_back(variable);
    }
    return result;
  }

  YamlValue operator()(const RunStep& run) const {
    const auto* script = std::get_if<std::string>(&run.command);
    const auto* words = std::get_if<std::vector<std::string>>(&run.command);
    const std::vector<KeyValue> env = env_to_tell(run);
    const bool is_short = !std::holds_alternative<InlineFile>(run.command) && run.mounts.empty() &&
                          env.empty() && run.user.empty() && run.network == StepNetwork::inherit &&
                          !run.has_pinned_network;
    const YamlValue command = script ? YamlValue::scalar(*script) : words ? texts(*words) : YamlValue();
    if (is_short) return command;
    YamlValue value = YamlValue::mapping();
    value.always_block = true;
    if (const auto* file = std::get_if<InlineFile>(&run.command)) {
      value.add("file", files({*file}));
    } else {
      value.add("command", command);
    }
    static constexpr const char* k_networks[] = {"", "none", "host", "private"};
    if (run.network != StepNetwork::inherit) value.add("network", k_networks[static_cast<int>(run.network)]);
    if (run.has_pinned_network) value.add("network-inputs", "pinned");
    if (!run.user.empty()) value.add("user", text(run.user));
    if (!env.empty()) value.add("env", pairs(env));
    if (!run.mounts.empty()) {
      std::vector<YamlValue> mounts;
      for (const Mount& mount : run.mounts) mounts.push_back(mount_value(mount));
      YamlValue list = YamlValue::list(std::move(mounts));
      list.always_block = true;
      value.add("mounts", std::move(list));
    }
    return value;
  }

  template <class Step>
  static void add_transfer(YamlValue& value, const Step& step) {
    if (!step.sources.empty()) value.add("src", one_or_list(step.sources));
    if (!step.files.empty()) value.add("files", files(step.files));
    value.add("dest", text(step.destination));
    if (!step.owner.empty()) value.add("owner", text(step.owner));
    if (step.mode) value.add("mode", octal(*step.mode));
    if (!step.mode_change.empty()) value.add("mode", text(step.mode_change));
    if (!step.exclude.empty()) value.add("exclude", one_or_list(step.exclude));
    if (step.link) value.add("link", "true");
  }
  YamlValue operator()(const CopyStep& step) const {
    YamlValue value = YamlValue::mapping();
    if (!step.from.empty()) value.add("from", text(step.from));
    add_transfer(value, step);
    if (step.parents) value.add("parents", "true");
    return value;
  }
  YamlValue operator()(const AddStep& step) const {
    YamlValue value = YamlValue::mapping();
    add_transfer(value, step);
    const bool is_remote =
        std::any_of(step.sources.begin(), step.sources.end(),
                    [](const std::string& source) { return kind_of_source(source) != SourceKind::path; });
    if (!step.checksum.empty() || is_remote)
      value.add("checksum", text(step.checksum.empty() ? "none" : step.checksum));
    if (step.keep_git_directory) value.add("keep_git_dir", "true");
    if (step.unpack) value.add("unpack", *step.unpack ? "true" : "false");
    return value;
  }
  YamlValue operator()(const WriteStep& step) const {
    YamlValue value = YamlValue::mapping();
    value.add("dest", text(step.destination)).add("content", step.content);
    if (!step.owner.empty()) value.add("owner", text(step.owner));
    if (step.mode != WriteStep{}.mode) value.add("mode", octal(step.mode));
    return value;
  }
  YamlValue operator()(const EnvStep& step) const { return pairs(step.variables); }
  YamlValue operator()(const WorkdirStep& step) const { return text(step.path); }
  YamlValue operator()(const UserStep& step) const { return text(step.user); }
  YamlValue operator()(const LabelStep& step) const { return pairs(step.labels); }
  YamlValue operator()(const CmdStep& step) const { return texts(step.arguments); }
  YamlValue operator()(const EntrypointStep& step) const { return texts(step.arguments); }
  YamlValue operator()(const ExposeStep& step) const { return one_or_list(step.ports); }
  YamlValue operator()(const VolumeStep& step) const { return one_or_list(step.paths); }
  YamlValue operator()(const StopSignalStep& step) const { return text(step.signal); }
  YamlValue operator()(const ShellStep& step) const { return texts(step.shell); }
  YamlValue operator()(const OnBuildStep& step) const { return text(step.trigger); }
  YamlValue operator()(const AuthorStep& step) const { return text(step.author); }
  YamlValue operator()(const HealthcheckStep& step) const {
    const oci::Healthcheck& check = step.healthcheck;
    if (check.test == std::vector<std::string>{"NONE"}) return YamlValue::scalar("none");
    YamlValue value = YamlValue::mapping();
    value.add("test", texts(check.test));
    const auto add = [&](const char* name, std::int64_t nanoseconds) {
      if (nanoseconds != 0) value.add(name, duration_text(nanoseconds));
    };
    add("interval", check.interval);
    add("timeout", check.timeout);
    add("start_period", check.start_period);
    add("start_interval", check.start_interval);
    if (check.retries != 0) value.add("retries", std::to_string(check.retries));
    return value;
  }
};

struct StepKey {
  const char* operator()(const RunStep&) const { return "run"; }
  const char* operator()(const CopyStep&) const { return "copy"; }
  const char* operator()(const AddStep&) const { return "add"; }
  const char* operator()(const WriteStep&) const { return "write"; }
  const char* operator()(const EnvStep&) const { return "env"; }
  const char* operator()(const WorkdirStep&) const { return "workdir"; }
  const char* operator()(const UserStep&) const { return "user"; }
  const char* operator()(const LabelStep&) const { return "label"; }
  const char* operator()(const CmdStep&) const { return "cmd"; }
  const char* operator()(const EntrypointStep&) const { return "entrypoint"; }
  const char* operator()(const ExposeStep&) const { return "expose"; }
  const char* operator()(const VolumeStep&) const { return "volume"; }
  const char* operator()(const StopSignalStep&) const { return "stop_signal"; }
  const char* operator()(const HealthcheckStep&) const { return "healthcheck"; }
  const char* operator()(const ShellStep&) const { return "shell"; }
  const char* operator()(const OnBuildStep&) const { return "onbuild"; }
  const char* operator()(const AuthorStep&) const { return "author"; }
};

struct FromValue {
  YamlValue operator()(const FromScratch&) const { return YamlValue::scalar("scratch"); }
  YamlValue operator()(const FromStage& from) const { return text(from.name); }
  YamlValue operator()(const FromImage& from) const { return text(from.reference); }
  YamlValue operator()(const FromOciLayout& from) const {
    YamlValue value = YamlValue::mapping();
    value.add("oci", text(from.directory));
    if (!from.reference.empty()) value.add("ref", text(from.reference));
    return value;
  }
  YamlValue operator()(const FromArchive& from) const {
    YamlValue value = YamlValue::mapping();
    value.add("archive", text(from.file));
    if (!from.reference.empty()) value.add("ref", text(from.reference));
    return value;
  }
  YamlValue operator()(const FromRootfs& from) const {
    YamlValue value = YamlValue::mapping();
    value.add("rootfs", text(from.location));
    if (!from.sha256.empty()) value.add("sha256", text(from.sha256));
    return value;
  }
  YamlValue operator()(const FromBootstrap& from) const {
    YamlValue value = YamlValue::mapping();
    value.add("bootstrap", text(from.distribution)).add("suite", text(from.suite));
    if (from.variant != FromBootstrap{}.variant) value.add("variant", text(from.variant));
    if (!from.include.empty()) value.add("include", texts(from.include));
    if (!from.mirror.empty()) value.add("mirror", text(from.mirror));
    if (!from.snapshot.empty()) value.add("snapshot", text(from.snapshot));
    return value;
  }
};

void add_stage(YamlValue& value, const Stage& stage) {
  value.add("from", std::visit(FromValue{}, stage.from));
  if (stage.platform) value.add("platform", stage.platform->to_string());
  // The base's SHELL, else docker's: as Containerfiles have it.
  if (stage.shell.empty()) value.add("shell", "image");
  if (!stage.steps.empty()) {
    std::vector<YamlValue> steps;
    for (const Step& step : stage.steps) {
      YamlValue item = YamlValue::mapping();
      item.add(std::visit(StepKey{}, step.kind), std::visit(StepValue{}, step.kind));
      steps.push_back(std::move(item));
    }
    YamlValue list = YamlValue::list(std::move(steps));
    list.always_block = true;
    value.add("steps", std::move(list));
  }
  if (!stage.annotations.empty()) value.add("annotations", pairs(stage.annotations));
}

}  // namespace

std::string write_recipe_yaml(const Recipe& recipe) {
  YamlValue root = YamlValue::mapping();
  if (!recipe.name.empty()) root.add("name", recipe.name);
  if (recipe.epoch) root.add("epoch", std::to_string(*recipe.epoch));
  if (!recipe.args.empty()) {
    YamlValue args = YamlValue::mapping();
    for (const Argument& arg : recipe.args) args.add(arg.name, text(arg.value));
    args.always_block = true;
    root.add("args", std::move(args));
  }
  if (recipe.stages.size() == 1) {
    add_stage(root, recipe.stages[0]);
    return write_yaml(root);
  }
  YamlValue stages = YamlValue::mapping();
  stages.always_block = true;
  for (const Stage& stage : recipe.stages) {
    YamlValue value = YamlValue::mapping();
    value.always_block = true;
    add_stage(value, stage);
    stages.add(stage.name, std::move(value));
  }
  root.add("stages", std::move(stages));
  return write_yaml(root);
}

}  // namespace ecrin::recipes
