// Which stages a target needs, and what each begins with.
#include <algorithm>

#include "base/text.hpp"
#include "oci/reference.hpp"
#include "recipes/containerfile/lower_parts.hpp"

namespace ecrin::recipes::containerfile {
namespace {

bool is_replaced(const Lowering& all, std::string_view name) {
  return all.options.is_replaced && all.options.is_replaced(name);
}

Result<std::string> expand_global(Lowering& all, const Word& word) {
  ExpandedWord expanded =
      TRY(expand_at(all, all.source, word.text, word.span, all.global_lookup(), {.escape = all.file.escape}));
  for (const std::string& name : expanded.undefined) {
    if (!all.declared.contains(name)) TRY(note_undefined(all, name, all.source.location(word.span.begin)));
  }
  return std::move(expanded.text);
}

Result<> check_reference(const SourceText& source, std::string_view name, Span span) {
  const Result<oci::Reference> reference = oci::Reference::parse(name);
  if (reference) return {};
  return refuse(source, span, reference.error().message());
}

Result<std::optional<oci::Platform>> read_platform(Lowering& all, const FromInstruction& from) {
  if (!from.platform) return std::optional<oci::Platform>();
  const std::string text = TRY(expand_global(all, *from.platform));
  if (text.empty()) {
    return refuse(all.source, from.platform->span,
                  fmt::format("'{}' is empty: no platform", printable(from.platform->text, 80)));
  }
  auto platform = oci::Platform::parse(text);
  if (!platform) return refuse(all.source, from.platform->span, platform.error().message());
  return std::optional(std::move(*platform));
}

/// The triggers that a stage leaves to those that begin with it.
std::vector<std::string> triggers_of(const StageText& stage) {
  std::vector<std::string> result;
  for (const Instruction& instruction : stage.body) {
    if (const auto* trigger = instruction.as<OnBuildInstruction>()) result.push_back(trigger->trigger);
  }
  return result;
}

Result<> set_triggers(Lowering& all, StageText& stage, std::vector<std::string> triggers, std::string place) {
  all.triggers += triggers.size();
  if (all.triggers > k_step_limit) {
    return refuse(all.source, stage.from().image.span,
                  fmt::format("the stages run more than {} instructions of ONBUILD", k_step_limit), "",
                  ErrorKind::limit);
  }
  TRY(spend_text(all.budget, size_of(triggers)));
  stage.triggers = std::move(triggers);
  stage.triggers_place = std::move(place);
  return {};
}

Result<> read_image_base(Lowering& all, StageText& stage, const std::string& name) {
  const Word& word = stage.from().image;
  TRY(check_reference(all.source, name, word.span));
  stage.base = FromImage{name};
  const oci::Platform platform =
      stage.platform.value_or(all.options.platform.value_or(oci::Platform::host()));
  const std::pair key{name, platform.to_string()};
  auto found = all.bases.find(key);
  if (found == all.bases.end()) {
    oci::ImageConfig config =
        TRY_WHILE(all.options.base_config(name, platform), "looking for the base of stage '{}', {}:{}",
                  printable(stage.name), printable(all.options.file), stage.instruction->location.line);
    found = all.bases.emplace(key, std::move(config)).first;
  }
  stage.base_config = &found->second;
  return set_triggers(all, stage, found->second.on_build, fmt::format("ONBUILD of '{}'", name));
}

Result<> read_base(Lowering& all, std::size_t index) {
  StageText& stage = all.stages[index];
  const FromInstruction& from = stage.from();
  const std::string name = TRY(expand_global(all, from.image));
  if (name.empty()) {
    return refuse(all.source, from.image.span,
                  fmt::format("'{}' is empty: no image to begin with", printable(from.image.text, 80)),
                  "an ARG before the first FROM, or --build-arg, gives it a value");
  }
  stage.platform = TRY(read_platform(all, from));
  if (name == "scratch") {
    stage.base = FromScratch{};
    stage.platform.reset();
    return {};
  }
  if (is_replaced(all, name)) return read_image_base(all, stage, name);
  // Only stages above can be meant: FROM with the name of a later one, or its own, is an image.
  if (const auto named = all.by_name.find(to_lower(name)); named != all.by_name.end()) {
    const auto after = std::ranges::lower_bound(named->second, index);
    if (after != named->second.begin()) {
      stage.parent = *(after - 1);
      StageText& parent = all.stages[*stage.parent];
      parent.needed = true;
      stage.base = FromStage{parent.name};
      return set_triggers(all, stage, triggers_of(parent), fmt::format("ONBUILD of stage '{}'", parent.name));
    }
  }
  return read_image_base(all, stage, name);
}

Result<> mark_sources(Lowering& all, std::size_t user, const SourceText& source,
                      const Instruction& instruction) {
  for (const WrittenSource& written : written_sources(instruction)) {
    const FileSource found = TRY(find_file_source(all, user, source, written.from, written.span));
    if (found.stage) all.stages[*found.stage].needed = true;
    all.uses_scratch = all.uses_scratch || (!found.stage && found.name == "scratch");
  }
  return {};
}

}  // namespace

std::vector<WrittenSource> written_sources(const Instruction& instruction) {
  std::vector<WrittenSource> result;
  if (const auto* transfer = instruction.as<TransferInstruction>()) {
    if (transfer->from) result.push_back({transfer->from->text, transfer->from->span});
  } else if (const auto* run = instruction.as<RunInstruction>()) {
    for (const MountFlag& mount : run->mounts) {
      for (const auto& [key, value] : mount.options) {
        if (key == "from" && value && !value->empty()) result.push_back({*value, mount.span});
      }
    }
  }
  return result;
}

Result<FileSource> find_file_source(Lowering& all, std::size_t user, const SourceText& source,
                                    std::string_view from, Span span) {
  if (from.find_first_of("$'\"") != std::string_view::npos) {
    return refuse(source, span, fmt::format("'from' takes no variables: '{}'", printable(from, 80)),
                  "give the image a name of its own: FROM $IMAGE AS name, and use the name");
  }
  if (is_replaced(all, from)) return FileSource{std::nullopt, std::string(from)};
  std::optional<std::size_t> stage;
  const bool is_number = !from.empty() && from.find_first_not_of("0123456789") == std::string_view::npos;
  if (const auto named = all.by_name.find(to_lower(from)); named != all.by_name.end()) {
    stage = named->second.back();
  } else if (is_number) {
    const auto number = parse_unsigned(from, SIZE_MAX);
    if (!number || *number >= all.stages.size())
      return refuse(source, span, fmt::format("there is no stage {}", printable(from, 40)));
    stage = static_cast<std::size_t>(*number);
  }
  if (!stage) {
    if (from != "scratch") TRY(check_reference(source, from, span));
    return FileSource{std::nullopt, std::string(from)};
  }
  if (*stage >= user) {
    return refuse(
        source, span,
        fmt::format("stage '{}' begins {}: files come from stages above", printable(from, 80),
                    *stage == user ? "here" : "below"),
        is_number ? "" : fmt::format("if an image is meant, write '{}:latest'", printable(from, 80)));
  }
  return FileSource{stage, all.stages[*stage].name};
}

Result<> find_needed(Lowering& all) {
  // A stage needs only those above it.
  for (std::size_t i = all.stages.size(); i-- > 0;) {
    StageText& stage = all.stages[i];
    if (!stage.needed) continue;
    if (++all.needed_stages > k_stage_limit) {
      return fail(ErrorKind::limit, "'{}' needs more than {} stages, and no more can be built",
                  printable(all.options.file), k_stage_limit);
    }
    TRY(read_base(all, i));
    for (const std::string& trigger : stage.triggers) {
      const SourceText source(stage.triggers_place, trigger);
      TRY(mark_sources(all, i, source, TRY(parse_trigger(trigger, stage.triggers_place))));
    }
    for (const Instruction& instruction : stage.body) TRY(mark_sources(all, i, all.source, instruction));
  }
  return {};
}

}  // namespace ecrin::recipes::containerfile
