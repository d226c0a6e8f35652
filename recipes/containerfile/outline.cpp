#include "recipes/containerfile/outline.hpp"

#include <map>
#include <set>

#include "base/text.hpp"
#include "recipes/containerfile/lower_parts.hpp"

namespace ecrin::recipes::containerfile {
namespace {

using Descriptions = std::map<std::string, std::string, std::less<>>;

/// "name what it is for" in the comments above it, as docker has it; of several the first.
Descriptions descriptions_in(const Instruction& instruction) {
  Descriptions result;
  for (const std::string& comment : instruction.comments) {
    const std::string_view text = trim(comment);
    const std::size_t blank = text.find(' ');
    if (blank != std::string_view::npos) result.emplace(text.substr(0, blank), trim(text.substr(blank)));
  }
  return result;
}

std::string find_description(const Descriptions& descriptions, std::string_view name) {
  const auto found = descriptions.find(name);
  return found == descriptions.end() ? "" : found->second;
}

/// With global arguments; as it is written where that says nothing.
std::string expand_or_show(Lowering& all, const Word& word) {
  const auto expanded =
      expand_at(all, all.source, word.text, word.span, all.global_lookup(), {.escape = all.file.escape});
  return expanded && !expanded->text.empty() ? expanded->text : word.text;
}

OutlineTarget target_of(Lowering& all, std::size_t index) {
  const StageText& stage = all.stages[index];
  const FromInstruction& from = stage.from();
  return {
      .name = from.name,
      .description = find_description(descriptions_in(*stage.instruction), all.source.text(from.name_span)),
      .base = expand_or_show(all, from.image),
      .platform = from.platform ? expand_or_show(all, *from.platform) : "",
      .is_default = index + 1 == all.stages.size(),
      .location = stage.instruction->location};
}

void add_globals(const Lowering& all, Outline& outline, std::set<std::string>& known) {
  for (const Instruction& instruction : all.file.instructions) {
    const auto* arg = instruction.as<ArgInstruction>();
    if (!arg) return;  // the first FROM
    const Descriptions descriptions = descriptions_in(instruction);
    for (const ArgInstruction::Item& item : arg->items) {
      if (!known.insert(item.name).second) continue;
      const auto value = all.globals.find(item.name);
      outline.args.push_back({.name = item.name,
                              .description = find_description(descriptions, item.name),
                              .value = value == all.globals.end() ? "" : value->second,
                              .location = instruction.location});
    }
  }
}

class StageOutline {
public:
  StageOutline(Lowering& all, std::size_t index, Outline& outline, std::set<std::string>& known)
      : m_scope{.all = all, .text = all.stages[index], .index = index, .source = &all.source},
        m_outline(outline),
        m_known(known) {}

  void add(const Instruction& instruction) {
    if (const auto* arg = instruction.as<ArgInstruction>()) {
      add_arg(instruction, *arg);
    } else if (instruction.as<EnvInstruction>()) {
      (void)lower_instruction(m_scope, instruction);  // its variables are in force, where they can be told
    } else if (const auto* run = instruction.as<RunInstruction>()) {
      for (const MountFlag& flag : run->mounts) {
        if (const auto mount = lower_mount(m_scope, flag)) add_mount(m_outline, *mount, instruction.location);
      }
    }
  }

private:
  void add_arg(const Instruction& instruction, const ArgInstruction& arg) {
    const Descriptions descriptions = descriptions_in(instruction);
    (void)lower_instruction(m_scope, instruction);
    Lowering& all = m_scope.all;
    for (const ArgInstruction::Item& item : arg.items) {
      const bool is_taken_over =
          !item.value && all.globals.contains(item.name) && !all.options.args.contains(item.name);
      if (is_taken_over) continue;
      const auto value = m_scope.text.args.find(item.name);
      std::string shown = item.value ? item.value->text : "";
      if (value != m_scope.text.args.end()) shown = value->second;
      // Of several in one stage the last one counts.
      if (const auto own = m_own.find(item.name); own != m_own.end())
        m_outline.args[own->second].value = std::move(shown);
      if (!m_known.insert(item.name).second) continue;
      m_own.emplace(item.name, m_outline.args.size());
      m_outline.args.push_back({.name = item.name,
                                .description = find_description(descriptions, item.name),
                                .value = std::move(shown),
                                .location = instruction.location});
    }
  }
  StageScope m_scope;
  Outline& m_outline;
  std::set<std::string>& m_known;            // arguments of all stages
  std::map<std::string, std::size_t> m_own;  // those that the outline has of this one: their places in it
};

/// What it begins with stays in force.
Result<> inherit(Lowering& all, StageText& stage) {
  if (!stage.parent) return {};
  const StageText& parent = all.stages[*stage.parent];
  TRY(spend_text(all.budget, size_of(parent.env) + size_of(parent.args) + size_of(parent.declared)));
  stage.env = parent.env;
  stage.args = parent.args;
  stage.declared = parent.declared;
  return {};
}

LowerOptions without_images(LowerOptions options) {
  options.base_config = [](const std::string&, const oci::Platform&) -> Result<oci::ImageConfig> {
    return oci::ImageConfig();
  };
  return options;
}

}  // namespace

Result<std::vector<OutlineTarget>> list_targets(const Containerfile& file, const SourceText& source,
                                                const LowerOptions& options) {
  Lowering all{.file = file, .source = source, .options = options};
  TRY(read_globals(all));
  std::vector<OutlineTarget> targets;
  for (std::size_t i = 0; i < all.stages.size(); ++i) targets.push_back(target_of(all, i));
  return targets;
}

Result<Outline> outline(const Containerfile& file, const SourceText& source, const LowerOptions& options) {
  const LowerOptions own = without_images(options);
  Lowering all{.file = file, .source = source, .options = own};
  TRY(read_globals(all));
  const std::size_t target = TRY(find_target(all));
  all.stages[target].needed = true;
  TRY(find_needed(all));
  Outline result{.target = target_of(all, target)};
  std::set<std::string> known;
  add_globals(all, result, known);
  for (std::size_t i = 0; i <= target; ++i) {
    if (!all.stages[i].needed) continue;
    TRY(inherit(all, all.stages[i]));
    StageOutline stage(all, i, result, known);
    for (const Instruction& instruction : all.stages[i].body) stage.add(instruction);
  }
  unite_mounts(result);
  return result;
}

}  // namespace ecrin::recipes::containerfile
