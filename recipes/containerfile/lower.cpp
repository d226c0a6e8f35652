#include "recipes/containerfile/lower.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "recipes/containerfile/lower_parts.hpp"
#include "recipes/letters.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr std::string_view k_proxies[] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"};

bool is_proxy(std::string_view name) {
  return std::ranges::find(k_proxies, to_lower(name)) != std::end(k_proxies);
}

/// Names that mean something without an ARG.
bool is_predefined(std::string_view name) {
  static constexpr std::string_view k_names[] = {"BUILDPLATFORM", "BUILDOS",         "BUILDOSVERSION",
                                                 "BUILDARCH",     "BUILDVARIANT",    "TARGETPLATFORM",
                                                 "TARGETOS",      "TARGETOSVERSION", "TARGETARCH",
                                                 "TARGETVARIANT", "TARGETSTAGE",     "SOURCE_DATE_EPOCH"};
  return is_proxy(name) || name.starts_with("BUILDKIT_") ||
         std::ranges::find(k_names, name) != std::end(k_names);
}

void set_platform_arguments(Lowering& all, const std::string& target) {
  const oci::Platform host = oci::Platform::host();
  const oci::Platform wanted = all.options.platform.value_or(host);
  const auto set = [&](const char* name, std::string value) {
    all.globals[name] = all.given(name).value_or(std::move(value));
  };
  set("BUILDPLATFORM", host.to_string());
  set("BUILDOS", host.os);
  set("BUILDOSVERSION", host.os_version);
  set("BUILDARCH", host.architecture);
  set("BUILDVARIANT", host.variant);
  set("TARGETPLATFORM", wanted.to_string());
  set("TARGETOS", wanted.os);
  set("TARGETOSVERSION", wanted.os_version);
  set("TARGETARCH", wanted.architecture);
  set("TARGETVARIANT", wanted.variant);
  set("TARGETSTAGE", target);
}

/// Where the text is cut: what stands before the first FROM, and the stages.
Result<std::span<const Instruction>> split_stages(Lowering& all) {
  const std::vector<Instruction>& instructions = all.file.instructions;
  const auto is_from = [](const Instruction& instruction) {
    return instruction.as<FromInstruction>() != nullptr;
  };
  const auto first = std::find_if(instructions.begin(), instructions.end(), is_from);
  for (auto at = instructions.begin(); at != first; ++at) {
    if (at->as<ArgInstruction>()) continue;
    return refuse(all.source, at->span, fmt::format("{} stands before the first FROM", at->keyword),
                  "only ARG may: a stage begins with FROM");
  }
  if (first == instructions.end()) {
    return fail(ErrorKind::invalid, "there is no FROM in '{}'", printable(all.options.file));
  }
  for (auto at = first; at != instructions.end();) {
    const auto end = std::find_if(at + 1, instructions.end(), is_from);
    all.stages.push_back({.instruction = &*at, .body = {at + 1, end}});
    at = end;
  }
  return std::span<const Instruction>(instructions.begin(), first);
}

/// Of stages with one name the last keeps it, because that is the one that --from and --target mean.
void name_stages(Lowering& all) {
  std::set<std::string> taken;
  for (std::size_t i = 0; i < all.stages.size(); ++i) {
    const std::string& name = all.stages[i].from().name;
    if (!name.empty()) all.by_name[to_lower(name)].push_back(i);
  }
  for (const auto& [name, indices] : all.by_name) {
    all.stages[indices.back()].name = name;
    taken.insert(name);
  }
  for (std::size_t i = 0; i < all.stages.size(); ++i) {
    StageText& stage = all.stages[i];
    if (!stage.name.empty()) continue;
    const std::string& written = stage.from().name;
    stage.name = fmt::format("{}-{}", written.empty() ? "stage" : to_lower(written), i);
    while (!taken.insert(stage.name).second) stage.name += "-";
  }
}

Result<> read_epoch(Lowering& all) {
  const auto found = all.globals.find("SOURCE_DATE_EPOCH");
  const std::string text =
      all.given("SOURCE_DATE_EPOCH").value_or(found == all.globals.end() ? "" : found->second);
  if (text.empty()) return {};
  const auto seconds = parse_unsigned(text, INT64_MAX);
  if (!seconds)
    return fail(ErrorKind::invalid, "SOURCE_DATE_EPOCH is '{}', not a number of seconds",
                printable(text, 80));
  all.result.recipe.epoch = static_cast<std::int64_t>(*seconds);
  return {};
}

void note_directives(Lowering& all) {
  for (const Directive& directive : all.file.directives) {
    if (directive.name != "syntax") continue;
    const std::string_view value = directive.value;
    const bool is_plain =
        (value.starts_with("docker/dockerfile:") || value.starts_with("docker.io/docker/dockerfile:") ||
         value == "docker/dockerfile") &&
        !value.contains("-labs") && !value.contains("-upstream");
    (is_plain ? all.result.remarks : all.result.notes)
        .push_back(fmt::format("'# syntax={}' is ignored: ecrin reads Containerfiles itself",
                               printable(value, 120)));
  }
}

void find_declared(Lowering& all) {
  for (const Instruction& instruction : all.file.instructions) {
    if (const auto* arg = instruction.as<ArgInstruction>()) {
      for (const ArgInstruction::Item& item : arg->items) all.declared.insert(item.name);
    }
  }
}

/// Programs look for the one or the other spelling.
void set_proxy(Lowering& all, const std::string& name, const std::string& value) {
  all.result.proxies[to_lower(name)] = value;
  all.result.proxies[to_upper(name)] = value;
}

void note_arguments(Lowering& all) {
  std::vector<std::string> unused;
  for (const auto& [name, value] : all.options.args) {
    if (name == "BUILDKIT_SYNTAX")
      all.result.notes.push_back("BUILDKIT_SYNTAX is ignored: ecrin reads Containerfiles itself");
    if (is_proxy(name)) set_proxy(all, name, value);
    if (!all.declared.contains(name) && !is_predefined(name)) unused.push_back(name);
  }
  if (unused.empty()) return;
  all.result.notes.push_back(printable(fmt::format("no ARG declares the build argument{} {}",
                                                   unused.size() == 1 ? "" : "s", join(unused, ", ")),
                                       400));
}

}  // namespace

Result<std::size_t> find_target(const Lowering& all) {
  const std::string& target = all.options.target;
  if (target.empty()) return all.stages.size() - 1;
  if (const auto named = all.by_name.find(to_lower(target)); named != all.by_name.end())
    return named->second.back();
  if (const auto number = parse_unsigned(target, SIZE_MAX); number && *number < all.stages.size())
    return static_cast<std::size_t>(*number);
  std::vector<std::string> names;
  for (const auto& [name, indices] : all.by_name) names.push_back(name);
  Error error(ErrorKind::not_found, fmt::format("there is no stage '{}' in '{}'", printable(target, 80),
                                                printable(all.options.file)));
  const std::string numbers = fmt::format("their numbers are 0 to {}", all.stages.size() - 1);
  return std::unexpected(std::move(error).hint(
      names.empty() ? "the stages have no names; " + numbers
                    : printable(fmt::format("there are {}; {}", join(names, ", "), numbers), 400)));
}

std::optional<std::string> Lowering::given(const std::string& name) const {
  if (const auto found = options.args.find(name); found != options.args.end()) return found->second;
  if (const auto found = options.host_args.find(name); found != options.host_args.end()) return found->second;
  return std::nullopt;
}

VariableLookup Lowering::global_lookup() const {
  return [this](std::string_view name) -> const std::string* {
    const auto found = globals.find(name);
    return found == globals.end() ? nullptr : &found->second;
  };
}

std::unexpected<Error> refuse(const SourceText& source, Span span, std::string_view message,
                              std::string_view hint, ErrorKind kind) {
  Error error = diagnose(source, span, message, kind);
  if (hint.empty()) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).hint(std::string(hint)));
}

Result<> note_undefined(Lowering& all, const std::string& name, Location place) {
  TRY(spend_text(all.budget, sizeof(UndefinedVariable) + name.size()));
  all.result.undefined.push_back({name, place});
  return {};
}

void note_argument(Lowering& all, Argument argument, Known known) {
  std::vector<Argument>& args = all.result.recipe.args;
  const auto [place, is_new] = all.args.emplace(argument.name, args.size());
  if (is_new) {
    args.push_back(std::move(argument));
  } else if (known == Known::replaced) {
    args[place->second] = std::move(argument);
  }
}

Result<> count_step(Lowering& all) {
  if (++all.steps <= k_step_limit) return {};
  return fail(ErrorKind::limit, "'{}' has more than {} steps, and no more can be built",
              printable(all.options.file), k_step_limit);
}

std::size_t size_of(const Variables& variables) {
  std::size_t size = 0;
  for (const auto& [name, value] : variables) size += name.size() + value.size() + 1;
  return size;
}

std::size_t size_of(const std::set<std::string, std::less<>>& names) {
  std::size_t size = 0;
  for (const std::string& name : names) size += name.size() + 1;
  return size;
}

std::size_t size_of(const std::vector<std::string>& texts) {
  std::size_t size = 0;
  for (const std::string& text : texts) size += text.size() + 1;
  return size;
}

Result<ExpandedWord> expand_at(Lowering& all, const SourceText& source, std::string_view text, Span span,
                               const VariableLookup& lookup, const WordRules& rules) {
  auto expanded = expand_word(text, lookup, rules, all.budget);
  if (!expanded) return refuse(source, span, expanded.error().message(), "", expanded.error().kind());
  return expanded;
}

Result<> read_globals(Lowering& all) {
  const std::span<const Instruction> before = TRY(split_stages(all));
  name_stages(all);
  const std::string& last = all.stages.back().from().name;
  set_platform_arguments(all, !all.options.target.empty() ? all.options.target
                              : last.empty()              ? "default"
                                                          : last);
  const VariableLookup lookup = all.global_lookup();
  for (const Instruction& instruction : before) {
    for (const ArgInstruction::Item& item : instruction.as<ArgInstruction>()->items) {
      std::optional<std::string> value = all.given(item.name);
      if (!value && item.value) {
        value = TRY(expand_at(all, all.source, item.value->text, item.value->span, lookup,
                              {.escape = all.file.escape}))
                    .text;
      }
      if (!value) continue;
      note_argument(all, {item.name, *value, instruction.location}, Known::replaced);
      all.globals.insert_or_assign(item.name, std::move(*value));
    }
  }
  return {};
}

Result<Lowered> lower(const Containerfile& file, const SourceText& source, const LowerOptions& options) {
  Lowering all{.file = file, .source = source, .options = options};
  all.result.recipe.file = options.file;
  find_declared(all);
  TRY(read_globals(all));
  TRY(read_epoch(all));
  note_directives(all);
  const std::size_t target = TRY(find_target(all));
  for (std::size_t i = options.all_stages ? 0 : target; i <= target; ++i) all.stages[i].needed = true;
  TRY(find_needed(all));
  if (all.uses_scratch) {
    TRY(count_step(all));
    all.result.recipe.stages.push_back({.name = "scratch", .from = FromScratch{}});
  }
  for (std::size_t i = 0; i <= target; ++i) {
    if (all.stages[i].needed) all.result.recipe.stages.push_back(TRY(lower_stage(all, i)));
  }
  note_arguments(all);
  return std::move(all.result);
}

}  // namespace ecrin::recipes::containerfile
