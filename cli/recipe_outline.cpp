#include "cli/recipe_outline.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "build/plan.hpp"
#include "cli/table.hpp"
#include "recipes/containerfile/outline.hpp"

namespace ecrin::cli {
namespace {

using recipes::Outline;
using recipes::OutlineArg;
using recipes::OutlineMount;
using recipes::OutlineTarget;

constexpr std::pair<std::string_view, CallMethod> k_methods[] = {{"build", CallMethod::build},
                                                                 {"check", CallMethod::check},
                                                                 {"lint", CallMethod::check},
                                                                 {"outline", CallMethod::outline},
                                                                 {"targets", CallMethod::targets}};

recipes::containerfile::LowerOptions lower_options(const ParsedRecipe& parsed) {
  return {.file = parsed.source.file,
          .args = parsed.request.args,
          .host_args = {},
          .target = parsed.request.target,
          .platform = parsed.request.platform,
          .base_config = {},
          .is_replaced = {}};
}

std::string base_of(const recipes::From& from) {
  return build::describe(from).substr(std::string_view("from: ").size());
}

OutlineTarget target_of(const recipes::Recipe& recipe, const recipes::Stage& stage) {
  return {.name = stage.name,
          .description = {},
          .base = base_of(stage.from),
          .platform = stage.platform ? stage.platform->to_string() : "",
          .is_default = &stage == &recipe.stages.back(),
          .location = stage.location};
}

Result<std::vector<OutlineTarget>> targets_of(const ParsedRecipe& parsed) {
  const recipes::SourceText source(parsed.source.file, parsed.source.text);
  if (parsed.containerfile)
    return recipes::containerfile::list_targets(*parsed.containerfile, source, lower_options(parsed));
  std::vector<OutlineTarget> targets;
  for (const recipes::Stage& stage : parsed.recipe->stages)
    targets.push_back(target_of(*parsed.recipe, stage));
  return targets;
}

Result<Outline> outline_of(const ParsedRecipe& parsed) {
  const recipes::SourceText source(parsed.source.file, parsed.source.text);
  if (parsed.containerfile)
    return recipes::containerfile::outline(*parsed.containerfile, source, lower_options(parsed));
  const recipes::Recipe& recipe = *parsed.recipe;
  const build::Plan plan = TRY(build::make_plan(recipe, parsed.request.target));
  Outline result;
  result.target = target_of(recipe, *plan.stages[plan.target].stage);
  for (const recipes::Argument& arg : recipe.args)
    result.args.push_back(
        {.name = arg.name, .description = {}, .value = arg.value, .location = arg.location});
  for (const build::PlanStep& step : plan.steps) {
    const auto* run = step.as<recipes::RunStep>();
    if (!run) continue;
    for (const recipes::Mount& mount : run->mounts) recipes::add_mount(result, mount, step.location);
  }
  recipes::unite_mounts(result);
  return result;
}

// A name for people: a stage without one is meant by its being the last.
std::string shown_name(const OutlineTarget& target) {
  if (!target.is_default) return printable(target.name);
  return target.name.empty() ? "(default)" : printable(target.name) + " (default)";
}

void set_text(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

Json place(recipes::Location location) {
  const Json position = {{"line", location.line}};
  return {{"ranges", Json::array({{{"start", position}, {"end", position}}})}};
}

Json to_json(const OutlineTarget& target) {
  Json object = Json::object();
  set_text(object, "name", target.name);
  if (target.is_default) object["default"] = true;
  set_text(object, "description", target.description);
  set_text(object, "base", target.base);
  set_text(object, "platform", target.platform);
  object["location"] = place(target.location);
  return object;
}

Json to_json(const OutlineArg& arg) {
  Json object = {{"name", arg.name}};
  set_text(object, "description", arg.description);
  set_text(object, "value", arg.value);
  if (arg.location.line > 0) object["location"] = place(arg.location);
  return object;
}

Json to_json(const std::vector<OutlineMount>& mounts, const char* key) {
  Json list = Json::array();
  for (const OutlineMount& mount : mounts) {
    Json object = {{key, mount.id}};
    if (mount.required) object["required"] = true;
    object["location"] = place(mount.location);
    list.push_back(std::move(object));
  }
  return list;
}

Json to_json(const Outline& outline) {
  Json object = Json::object();
  set_text(object, "name", outline.target.name);
  set_text(object, "description", outline.target.description);
  Json args = Json::array();
  for (const OutlineArg& arg : outline.args) args.push_back(to_json(arg));
  const auto set_list = [&](const char* key, Json list) {
    if (!list.empty()) object[key] = std::move(list);
  };
  set_list("args", std::move(args));
  set_list("secrets", to_json(outline.secrets, "name"));
  set_list("ssh", to_json(outline.ssh, "name"));
  set_list("cache", to_json(outline.caches, "id"));
  return object;
}

using Rows = std::vector<std::vector<std::string>>;

// With an empty line before it.
void print_part(const std::vector<std::string>& heading, const Rows& rows) {
  if (!rows.empty()) print("\n" + format_table(heading, rows, Heading::shown));
}

Rows rows_of(const std::vector<OutlineMount>& mounts) {
  Rows rows;
  for (const OutlineMount& mount : mounts)
    rows.push_back({printable(mount.id), mount.required ? "true" : ""});
  return rows;
}

}  // namespace

std::vector<std::string_view> call_words() {
  return {"build",
          "check",
          "check,format=json",
          "lint",
          "lint,format=json",
          "outline",
          "outline,format=json",
          "targets",
          "targets,format=json"};
}

Call parse_call(std::string_view word) {
  Call call;
  const std::size_t comma = word.find(',');
  for (const auto& [name, method] : k_methods) {
    if (word.substr(0, comma) == name) call.method = method;
  }
  if (comma != std::string_view::npos) call.format = "json";
  return call;
}

Result<> print_targets(const ParsedRecipe& parsed, const std::string& format) {
  const std::vector<OutlineTarget> targets = TRY(targets_of(parsed));
  if (!format.empty()) {
    Json list = Json::array();
    for (const OutlineTarget& target : targets) list.push_back(to_json(target));
    print(dump_json_pretty({{"targets", std::move(list)}}));
    return {};
  }
  Rows rows;
  for (const OutlineTarget& target : targets) {
    // Without a name, and not the last one: it can be built by its number only.
    if (target.name.empty() && !target.is_default) continue;
    rows.push_back({shown_name(target), printable(target.description)});
  }
  print(format_table({"TARGET", "DESCRIPTION"}, rows, Heading::shown));
  return {};
}

Result<> print_outline(const ParsedRecipe& parsed, const std::string& format) {
  const Outline outline = TRY(outline_of(parsed));
  if (!format.empty()) {
    print(dump_json_pretty(to_json(outline)));
    return {};
  }
  Rows head = {{"TARGET:", outline.target.name.empty() ? "(default)" : printable(outline.target.name)}};
  if (!outline.target.description.empty())
    head.push_back({"DESCRIPTION:", printable(outline.target.description)});
  print(format_table({"", ""}, head, Heading::hidden));
  Rows args;
  for (const OutlineArg& arg : outline.args)
    args.push_back({printable(arg.name), printable(arg.value), printable(arg.description)});
  print_part({"BUILD ARG", "VALUE", "DESCRIPTION"}, args);
  print_part({"SECRET", "REQUIRED"}, rows_of(outline.secrets));
  print_part({"SSH", "REQUIRED"}, rows_of(outline.ssh));
  Rows caches;
  for (const OutlineMount& cache : outline.caches) caches.push_back({printable(cache.id)});
  print_part({"CACHE"}, caches);
  return {};
}

}  // namespace ecrin::cli
