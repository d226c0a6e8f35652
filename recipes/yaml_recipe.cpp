#include "recipes/yaml_recipe.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "oci/reference.hpp"
#include "recipes/stage_graph.hpp"
#include "recipes/yaml_parts.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::string_view k_recipe_keys[] = {"name", "args", "epoch", "stages"};
constexpr std::int64_t k_last_second =
    253'402'300'799;  // 9999-12-31T23:59:59Z, the last that RFC 3339 can write

/// Known without a declaration, as in Containerfiles.
void set_platform_arguments(Arguments& arguments, const std::optional<oci::Platform>& wanted) {
  const auto set = [&](std::string_view prefix, const oci::Platform& platform) {
    const auto put = [&](std::string_view suffix, std::string value) {
      arguments[fmt::format("{}{}", prefix, suffix)] = std::move(value);
    };
    put("PLATFORM", platform.to_string());
    put("OS", platform.os);
    put("ARCH", platform.architecture);
    put("VARIANT", platform.variant);
  };
  const oci::Platform host = oci::Platform::host();
  set("BUILD", host);
  set("TARGET", wanted.value_or(host));
}

/// The defaults in their order, each of which may use the arguments above it; --build-arg wins.
Result<std::vector<Argument>> read_arguments(Scope& scope, const YamlNode* node,
                                             const ParseOptions& options) {
  std::vector<Argument> in_force;
  std::vector<std::string_view> declared;
  if (node != nullptr && node->kind != YamlNode::Kind::mapping) {
    return scope.refuse(node->span, "'args' must be a mapping of names to defaults",
                        "write 'NAME: default', or 'NAME:' for an argument that must be given");
  }
  if (node != nullptr) {
    for (const YamlMember& member : node->members) scope.later_arguments.insert(member.key);
    for (const YamlMember& member : node->members) {
      if (!is_variable_name(member.key)) {
        return scope.refuse(member.key_span,
                            fmt::format("'{}' cannot be the name of an argument", printable(member.key, 80)),
                            "letters, digits and '_', and no digit first");
      }
      declared.push_back(member.key);
      std::optional<std::string> value;
      if (const auto given = options.args.find(member.key); given != options.args.end()) {
        value = given->second;
      } else if (member.value->kind != YamlNode::Kind::null) {
        value = TRY(read_text(scope, *member.value, fmt::format("argument '{}'", member.key)));
      } else if (const auto known = scope.arguments.find(member.key); known != scope.arguments.end()) {
        value = known->second;
      }
      scope.later_arguments.erase(member.key);
      if (value) in_force.push_back({member.key, *value, scope.source.location(member.key_span.begin)});
      scope.arguments[member.key] = std::move(value);
    }
  }
  for (const auto& [name, value] : options.args) {
    if (std::find(declared.begin(), declared.end(), name) != declared.end()) continue;
    const std::string near = nearest(name, declared);
    const std::string message =
        fmt::format("--build-arg '{}': no argument of this name is declared{}", printable(name, 80),
                    near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near));
    if (node != nullptr) return scope.refuse(node->span, message);
    return fail(ErrorKind::invalid, "{}: {}", printable(scope.source.file()), message);
  }
  return in_force;
}

Result<std::int64_t> read_epoch(Scope& scope, const YamlNode& node) {
  const std::string text = TRY(read_word(scope, node, "'epoch'"));
  if (const Result<std::uint64_t> seconds = parse_unsigned(text, k_last_second)) {
    return static_cast<std::int64_t>(*seconds);
  }
  const Result<std::int64_t> time = parse_time(text);
  if (time && *time >= 0 && *time <= k_last_second) return *time;
  return scope.refuse(
      node.span,
      fmt::format("'epoch' must be seconds since 1970 or a time like 2024-01-31T12:00:00Z, not '{}'",
                  printable(text, 40)));
}

Result<std::string> read_name(Scope& scope, const YamlNode& node) {
  std::string name = TRY(read_word(scope, node, "'name'"));
  const Result<oci::Reference> reference = oci::Reference::parse(name);
  if (!reference) return scope.refuse(node.span, reference.error().message());
  if (reference->digest)
    return scope.refuse(node.span, "'name' cannot hold a digest: the build makes the image");
  return name;
}

bool is_stage_name(std::string_view name) {
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= 128 && name[0] != '-' && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), is_good);
}

/// The root's keys: those of the recipe, those of its only stage where it has no `stages`, and `x-...`.
Result<> check_root_keys(const Scope& scope, const YamlNode& root) {
  const bool has_stages = root.find("stages") != nullptr;
  std::vector<std::string_view> known(std::begin(k_recipe_keys), std::end(k_recipe_keys));
  known.insert(known.end(), std::begin(k_stage_keys), std::end(k_stage_keys));
  for (const YamlMember& member : root.members) {
    const auto is_in = [&](Keys keys) {
      return std::find(keys.begin(), keys.end(), member.key) != keys.end();
    };
    if (member.key.starts_with("x-") || is_in(k_recipe_keys)) continue;
    if (is_in(k_stage_keys)) {
      if (!has_stages) continue;
      return scope.refuse(member.key_span, fmt::format("'{}' cannot stand beside 'stages'", member.key),
                          "it belongs to one of the stages");
    }
    const std::string message = fmt::format("unknown key '{}' in the recipe", printable(member.key, 80));
    if (is_in(k_config_keys)) {
      return scope.refuse(member.key_span, message, fmt::format("'{}' belongs under 'config'", member.key));
    }
    return scope.refuse(member.key_span, message + suggest_key(member.key, known));
  }
  if (!has_stages && root.find("from") == nullptr) {
    return scope.refuse(root.span, "a recipe needs a 'from' (or 'stages')",
                        "'from: scratch' begins with an empty image");
  }
  return {};
}

Result<> check_stage_names(const Scope& scope, const YamlNode& stages) {
  if (stages.kind != YamlNode::Kind::mapping || stages.members.empty()) {
    return scope.refuse(stages.span, "'stages' must be a mapping of names to stages");
  }
  for (const YamlMember& member : stages.members) {
    if (!is_stage_name(member.key)) {
      return scope.refuse(member.key_span,
                          fmt::format("'{}' cannot be the name of a stage", printable(member.key, 80)),
                          "letters, digits, '-', '_' and '.', and a letter or digit first");
    }
    if (member.key == "scratch" || member.key == "context") {
      return scope.refuse(
          member.key_span,
          fmt::format("a stage cannot be called '{}': the word has a meaning of its own", member.key));
    }
  }
  return {};
}

Result<> check_cycles(const Scope& scope, const std::vector<Stage>& stages,
                      const std::vector<StageUse>& uses) {
  std::vector<std::string> names;
  for (const Stage& stage : stages) names.push_back(stage.name);
  const std::optional<StageCycle> cycle = find_stage_cycle(names, uses);
  if (!cycle) return {};
  std::string path;
  for (const std::size_t stage : cycle->path)
    path += fmt::format("{}{}", path.empty() ? "" : " -> ", names[stage]);
  const bool is_own_name = cycle->path.size() == 2;
  return scope.refuse(cycle->span, fmt::format("stages need each other in a circle: {}", path),
                      is_own_name
                          ? fmt::format("if an image is meant, write '{}:latest'", names[cycle->path[0]])
                          : "one of them must begin from something else");
}

Result<std::vector<Stage>> read_stages(Scope& scope, const YamlNode& root) {
  std::vector<Stage> result;
  std::vector<StageUse> uses;
  NameSet names;
  if (const YamlNode* stages = root.find("stages")) {
    TRY(check_stage_names(scope, *stages));
    for (const YamlMember& member : stages->members) names.insert(member.key);
    for (const YamlMember& member : stages->members) {
      const std::string what = fmt::format("stage '{}'", member.key);
      if (member.value->kind == YamlNode::Kind::mapping) {
        TRY(check_misplaced(scope, *member.value, what, k_stage_keys, k_config_keys, "under 'config'"));
        TRY(check_misplaced(scope, *member.value, what, k_stage_keys, k_recipe_keys,
                            "to the recipe, above 'stages'"));
      }
      TRY(check_mapping(scope, *member.value, what, k_stage_keys));
      StageScope stage{.scope = scope, .stage_names = names, .index = result.size(), .uses = uses};
      result.push_back(TRY(read_stage(stage, member.key, *member.value)));
      result.back().location = scope.source.location(member.key_span.begin);
    }
  } else {
    StageScope stage{.scope = scope, .stage_names = names, .uses = uses};
    result.push_back(TRY(read_stage(stage, "main", root)));
  }
  TRY(check_cycles(scope, result, uses));
  return result;
}

}  // namespace

Result<Recipe> parse_yaml_recipe(std::string_view text, const ParseOptions& options) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark, as some editors write
  const SourceText source(options.file, text);
  const YamlNodePtr root = TRY(parse_yaml_document(source));
  Scope scope{.source = source};
  if (root->kind != YamlNode::Kind::mapping) {
    return scope.refuse(root->span, "a recipe must be a mapping, as in 'from: scratch'");
  }
  TRY(check_root_keys(scope, *root));
  set_platform_arguments(scope.arguments, options.platform);
  Recipe recipe{.file = options.file};
  recipe.args = TRY(read_arguments(scope, root->find("args"), options));
  if (const YamlNode* name = root->find("name")) recipe.name = TRY(read_name(scope, *name));
  if (const YamlNode* epoch = root->find("epoch")) recipe.epoch = TRY(read_epoch(scope, *epoch));
  recipe.stages = TRY(read_stages(scope, *root));
  return recipe;
}

}  // namespace ecrin::recipes
