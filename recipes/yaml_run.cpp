// `run` and its mounts.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/yaml_parts.hpp"
#include "recipes/yaml_values.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::string_view k_run_keys[] = {"command",        "file", "mounts", "network",
                                           "network-inputs", "user", "env"};
constexpr std::string_view k_networks[] = {"none", "host", "private"};
constexpr std::string_view k_network_inputs[] = {"pinned", "unknown"};
constexpr std::string_view k_types[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
constexpr std::string_view k_sharings[] = {"shared", "private", "locked"};
constexpr std::string_view k_bind_keys[] = {"bind", "type", "target", "source", "from", "read_only"};
constexpr std::string_view k_cache_keys[] = {"cache", "type",   "target", "id",  "sharing", "read_only",
                                             "from",  "source", "mode",   "uid", "gid"};
constexpr std::string_view k_tmpfs_keys[] = {"tmpfs", "type", "target", "size", "mode"};
constexpr std::string_view k_secret_keys[] = {"secret",   "type", "id",  "target", "env",
                                              "required", "mode", "uid", "gid"};
constexpr std::string_view k_ssh_keys[] = {"ssh", "type", "id", "target", "required", "mode", "uid", "gid"};

constexpr std::uint64_t k_highest_id = 0xFFFFFFFE;  // (uid_t)-1 means "unchanged" to the kernel

/// The type of a mount is the key that names it (`cache: /var/cache/apt`), or `type: cache`.
Result<std::string> read_mount_type(Scope& scope, const YamlNode& node) {
  if (node.kind != YamlNode::Kind::mapping) {
    return scope.refuse(node.span, "a mount must be a mapping, as in '- cache: /var/cache/apt'");
  }
  std::string type;
  if (const YamlNode* written = node.find("type"))
    type = TRY(read_choice(scope, *written, "'type'", k_types));
  for (const YamlMember& member : node.members) {
    if (std::find(std::begin(k_types), std::end(k_types), member.key) == std::end(k_types)) continue;
    if (!type.empty()) {
      return scope.refuse(member.key_span,
                          fmt::format("a mount is of one type, and this one is '{}' already", type));
    }
    type = member.key;
  }
  if (!type.empty()) return type;
  for (const YamlMember& member : node.members) {
    if (const std::string near = suggest_key(member.key, k_types); !near.empty()) {
      return scope.refuse(member.key_span,
                          fmt::format("no mount of type '{}'{}", printable(member.key, 40), near));
    }
  }
  return scope.refuse(node.span,
                      "a mount needs its type: one of the keys 'bind', 'cache', 'tmpfs', 'secret', 'ssh'");
}

Result<std::string> read_target(Scope& scope, const YamlNode& node) {
  std::string target = TRY(read_tree_path(scope, node, "a mount's target"));
  if (trim(target).find_first_not_of("/.") == std::string_view::npos) {
    return scope.refuse(node.span, "a mount cannot cover the whole tree");
  }
  return target;
}

/// An id becomes a file's name.
Result<std::string> read_id(Scope& scope, const YamlNode& node, std::string_view what) {
  std::string id = TRY(read_word(scope, node, what));
  const bool good = id[0] != '.' && std::all_of(id.begin(), id.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                             c == '_' || c == '-' || c == '.';
                    });
  if (good) return id;
  return scope.refuse(node.span, fmt::format("{} is made of letters, digits, '-', '_' and '.', not '{}'",
                                             what, printable(id, 40)));
}

Result<> read_ownership(Scope& scope, const YamlNode& node, Mount& mount) {
  if (const YamlNode* mode = node.find("mode")) mount.mode = TRY(read_mode(scope, *mode, "'mode'"));
  if (const YamlNode* uid = node.find("uid")) {
    mount.uid = static_cast<std::uint32_t>(TRY(read_unsigned(scope, *uid, "'uid'", k_highest_id)));
  }
  if (const YamlNode* gid = node.find("gid")) {
    mount.gid = static_cast<std::uint32_t>(TRY(read_unsigned(scope, *gid, "'gid'", k_highest_id)));
  }
  return {};
}

/// The value of the short form's key or of `key`; one of the two must be there, and not both.
Result<const YamlNode*> either(const Scope& scope, const YamlNode& node, std::string_view type,
                               std::string_view key) {
  const YamlNode* short_form = node.find(type);
  const YamlNode* long_form = node.find(key);
  if (short_form != nullptr && long_form != nullptr) {
    return scope.refuse(long_form->span, fmt::format("'{}' is given twice: '{}' has it already", key, type));
  }
  if (short_form != nullptr) return short_form;
  if (long_form != nullptr) return long_form;
  return scope.refuse(node.span, fmt::format("a {} mount needs its '{}'", type, key));
}

Result<Mount> read_secret(Scope& scope, const YamlNode& node) {
  TRY(check_mapping(scope, node, "a secret mount", k_secret_keys));
  // A secret that was forgotten on the command line should not end in a puzzling failure of the command.
  Mount mount{.type = Mount::Type::secret, .required = true};
  mount.id = TRY(read_id(scope, *TRY(either(scope, node, "secret", "id")), "a secret's id"));
  if (const YamlNode* variable = node.find("env")) {
    mount.environment = TRY(read_word(scope, *variable, "'env'"));
    if (!is_variable_name(mount.environment)) {
      return scope.refuse(variable->span, fmt::format("'{}' cannot be the name of a variable",
                                                      printable(mount.environment, 80)));
    }
  } else {
    mount.target = "/run/secrets/" + mount.id;
  }
  if (const YamlNode* target = node.find("target")) mount.target = TRY(read_target(scope, *target));
  if (const YamlNode* required = node.find("required"))
    mount.required = TRY(read_bool(scope, *required, "'required'"));
  TRY(read_ownership(scope, node, mount));
  return mount;
}

Result<Mount> read_ssh(Scope& scope, const YamlNode& node) {
  TRY(check_mapping(scope, node, "an ssh mount", k_ssh_keys));
  Mount mount{.type = Mount::Type::ssh, .required = true};
  mount.id = TRY(read_id(scope, *TRY(either(scope, node, "ssh", "id")), "an agent's id"));
  if (const YamlNode* target = node.find("target")) mount.target = TRY(read_target(scope, *target));
  if (const YamlNode* required = node.find("required"))
    mount.required = TRY(read_bool(scope, *required, "'required'"));
  TRY(read_ownership(scope, node, mount));
  return mount;
}

Result<Mount> read_cache(StageScope& stage, const YamlNode& node) {
  Scope& scope = stage.scope;
  TRY(check_mapping(scope, node, "a cache mount", k_cache_keys));
  Mount mount{.type = Mount::Type::cache, .read_only = false};
  mount.target = TRY(read_target(scope, *TRY(either(scope, node, "cache", "target"))));
  mount.id = mount.target;
  if (const YamlNode* id = node.find("id")) mount.id = TRY(read_word(scope, *id, "a cache's id"));
  if (const YamlNode* source = node.find("source"))
    mount.source = TRY(read_tree_path(scope, *source, "'source'"));
  if (const YamlNode* from = node.find("from"))
    mount.from = TRY(read_file_source(stage, *from, "a mount's 'from'"));
  if (!mount.source.empty() && mount.from.empty()) {
    return scope.refuse(node.span, "'source' of a cache needs a 'from': a stage or an image",
                        "it is what a new cache begins with");
  }
  if (const YamlNode* sharing = node.find("sharing")) {
    const std::string word = TRY(read_choice(scope, *sharing, "'sharing'", k_sharings));
    mount.sharing = word == "locked"    ? Mount::Sharing::locked
                    : word == "private" ? Mount::Sharing::private_copy
                                        : Mount::Sharing::shared;
  }
  if (const YamlNode* read_only = node.find("read_only")) {
    mount.read_only = TRY(read_bool(scope, *read_only, "'read_only'"));
  }
  TRY(read_ownership(scope, node, mount));
  return mount;
}

Result<Mount> read_bind(StageScope& stage, const YamlNode& node) {
  Scope& scope = stage.scope;
  TRY(check_mapping(scope, node, "a bind mount", k_bind_keys));
  Mount mount{.type = Mount::Type::bind, .source = "/"};
  mount.target = TRY(read_target(scope, *TRY(either(scope, node, "bind", "target"))));
  if (const YamlNode* source = node.find("source"))
    mount.source = TRY(read_tree_path(scope, *source, "'source'"));
  if (const YamlNode* from = node.find("from"))
    mount.from = TRY(read_file_source(stage, *from, "a mount's 'from'"));
  if (const YamlNode* read_only = node.find("read_only")) {
    mount.read_only = TRY(read_bool(scope, *read_only, "'read_only'"));
  }
  return mount;
}

Result<Mount> read_tmpfs(Scope& scope, const YamlNode& node) {
  TRY(check_mapping(scope, node, "a tmpfs mount", k_tmpfs_keys));
  Mount mount{.type = Mount::Type::tmpfs, .read_only = false};
  mount.target = TRY(read_target(scope, *TRY(either(scope, node, "tmpfs", "target"))));
  if (const YamlNode* size = node.find("size")) {
    const std::string text = TRY(read_word(scope, *size, "'size'"));
    const Result<std::uint64_t> bytes = parse_size(text);
    if (!bytes || *bytes == 0) {
      return scope.refuse(size->span,
                          fmt::format("'size' must be a size like 64m or 1g, not '{}'", printable(text, 40)));
    }
    mount.size = *bytes;
  }
  if (const YamlNode* mode = node.find("mode")) mount.mode = TRY(read_mode(scope, *mode, "'mode'"));
  return mount;
}

/// Arguments reach a script as variables, not as text: a value cannot become code. Only the mentioned ones
/// do, so that a changed argument re-runs the steps that use it and no others.
Result<> export_arguments(const StageScope& stage, const YamlNode& node, const std::string& script,
                          RunStep& run) {
  std::vector<KeyValue> exported;
  NameSet seen;
  for (const KeyValue& variable : run.env) seen.insert(variable.first);
  for (const Mention& mention : mentioned_variables(script)) {
    const auto argument = stage.scope.arguments.find(mention.name);
    if (argument == stage.scope.arguments.end() || stage.variables.contains(mention.name)) continue;
    if (seen.contains(mention.name)) continue;
    if (!argument->second) {
      if (mention.has_operator) continue;
      return stage.scope.refuse(
          locate(stage.scope.source, node, mention.begin, mention.length),
          fmt::format("argument '{}' has no value", mention.name),
          fmt::format("give --build-arg {}=..., or a default under 'args'", mention.name));
    }
    seen.insert(mention.name);
    std::size_t& budget = stage.scope.expansion_budget;
    if (argument->second->size() > budget) {
      return std::unexpected(diagnose(stage.scope.source,
                                      locate(stage.scope.source, node, mention.begin, mention.length),
                                      k_expansion_limit_message, ErrorKind::limit));
    }
    budget -= argument->second->size();
    exported.emplace_back(mention.name, *argument->second);
  }
  run.env.insert(run.env.begin(), exported.begin(), exported.end());
  return {};
}

/// `file: {NAME: content}`: a program that stands in the recipe.
Result<> read_script_file(StageScope& stage, const YamlNode& node, RunStep& run) {
  std::vector<InlineFile> files = TRY(read_files(stage.scope, node, "'file'"));
  if (files.size() > 1) return stage.scope.refuse(node.span, "'file' is one file: that is what runs");
  if (!files[0].content.starts_with("#!")) {
    return stage.scope.refuse(node.members[0].value->span,
                              "a file to run begins with '#!' and the program that reads it",
                              "as in #!/usr/bin/python3; a text for the shell belongs under 'command'");
  }
  TRY(export_arguments(stage, *node.members[0].value, files[0].content, run));
  run.command = std::move(files[0]);
  return {};
}

Result<> read_command(StageScope& stage, const YamlNode& node, RunStep& run) {
  Scope& scope = stage.scope;
  if (node.kind == YamlNode::Kind::sequence) {
    std::vector<std::string> words = TRY(read_command_list(scope, node, "'run'"));
    if (words.empty()) return scope.refuse(node.span, "'run' has nothing to run");
    run.command = std::move(words);
    return {};
  }
  if (node.kind == YamlNode::Kind::mapping) {
    return scope.refuse(node.span,
                        "'command' must be a text (for the shell) or a list (a program and its arguments)");
  }
  std::string script = TRY(read_literal(scope, node, "'run'"));
  if (trim(script).empty()) return scope.refuse(node.span, "'run' has nothing to run");
  TRY(export_arguments(stage, node, script, run));
  run.command = std::move(script);
  return {};
}

}  // namespace

Result<Mount> read_mount(StageScope& stage, const YamlNode& node) {
  const std::string type = TRY(read_mount_type(stage.scope, node));
  if (type == "bind") return read_bind(stage, node);
  if (type == "cache") return read_cache(stage, node);
  if (type == "tmpfs") return read_tmpfs(stage.scope, node);
  if (type == "ssh") return read_ssh(stage.scope, node);
  return read_secret(stage.scope, node);
}

Result<RunStep> read_run(StageScope& stage, const YamlNode& node) {
  Scope& scope = stage.scope;
  RunStep run;
  if (node.kind != YamlNode::Kind::mapping) {
    TRY(read_command(stage, node, run));
    return run;
  }
  TRY(check_mapping(scope, node, "'run'", k_run_keys));
  const YamlNode* file = node.find("file");
  if (file != nullptr && node.find("command") != nullptr) {
    return scope.refuse(file->span, "'run' has a 'command' or a 'file', not both");
  }
  const YamlNode* command = file != nullptr ? file : TRY(require(scope, node, "command", "'run'"));
  if (const YamlNode* mounts = node.find("mounts")) {
    if (mounts->kind != YamlNode::Kind::sequence) {
      return scope.refuse(mounts->span, "'mounts' must be a list", "begin each mount with '- '");
    }
    for (const YamlNodePtr& item : mounts->items) run.mounts.push_back(TRY(read_mount(stage, *item)));
  }
  if (const YamlNode* network = node.find("network")) {
    const std::string word = TRY(read_choice(scope, *network, "'network'", k_networks));
    run.network = word == "none"   ? StepNetwork::none
                  : word == "host" ? StepNetwork::host
                                   : StepNetwork::private_network;
  }
  if (const YamlNode* inputs = node.find("network-inputs"))
    run.has_pinned_network =
        TRY(read_choice(scope, *inputs, "'network-inputs'", k_network_inputs)) == "pinned";
  if (const YamlNode* user = node.find("user")) run.user = TRY(read_owner(scope, *user, "'user'"));
  if (const YamlNode* env = node.find("env")) run.env = TRY(read_variables(scope, *env, "'env'"));
  TRY(file != nullptr ? read_script_file(stage, *file, run) : read_command(stage, *command, run));
  return run;
}

}  // namespace ecrin::recipes
