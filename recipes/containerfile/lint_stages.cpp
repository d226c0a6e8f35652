// The linter within stages: variables, and instructions that depend on those before them.
#include <algorithm>

#include "base/text.hpp"
#include "recipes/containerfile/lint_parts.hpp"
#include "recipes/source_kind.hpp"

namespace ecrin::recipes::containerfile {
namespace {

/// What a stage knows after its last instruction, for those that begin with it.
struct StageKnowledge {
  Variables env;
  Variables args;
  std::set<std::string, std::less<>> declared;  // arguments, also without a value
  bool has_shell = false;
  bool has_workdir = false;
};

class StageLinter {
public:
  StageLinter(Lint& lint, StageKnowledge& knowledge) : m_lint(lint), m_knowledge(knowledge) {}

  /// What a build says of every stage.
  void check_form(const Instruction& instruction) {
    m_instruction = &instruction;
    use_comments(m_lint, instruction);
    if (const auto* env = instruction.as<EnvInstruction>()) check_legacy(env->legacy);
    if (const auto* label = instruction.as<LabelInstruction>()) check_legacy(label->legacy);
  }

  /// What it says of those that it needs.
  Result<> check(const Instruction& instruction) {
    m_instruction = &instruction;
    m_expanded.clear();
    use_comments(m_lint, instruction);
    TRY(expand_all());
    if (const auto* arg = instruction.as<ArgInstruction>()) TRY(check_arg(*arg));
    if (const auto* env = instruction.as<EnvInstruction>()) TRY(check_env(*env));
    if (const auto* cmd = instruction.as<CmdInstruction>()) check_command(cmd->command, m_cmd);
    if (const auto* entry = instruction.as<EntrypointInstruction>())
      check_command(entry->command, m_entrypoint);
    if (instruction.as<HealthcheckInstruction>()) check_once(m_healthcheck);
    if (instruction.as<ShellInstruction>()) m_knowledge.has_shell = true;
    if (const auto* workdir = instruction.as<WorkdirInstruction>()) TRY(check_workdir(*workdir));
    if (const auto* expose = instruction.as<ExposeInstruction>()) TRY(check_expose(*expose));
    if (const auto* transfer = instruction.as<TransferInstruction>()) TRY(check_transfer(*transfer));
    return {};
  }

private:
  Span keyword() const { return {m_instruction->span.begin, m_instruction->keyword.size()}; }

  const std::string* look_up(std::string_view name) const {
    if (const auto found = m_knowledge.env.find(name); found != m_knowledge.env.end()) return &found->second;
    const auto found = m_knowledge.args.find(name);
    return found == m_knowledge.args.end() ? nullptr : &found->second;
  }

  Result<LintedWord> expand(const Word& word, bool quotes) {
    return expand_for_lint(
        m_lint, word, [this](std::string_view name) { return look_up(name); }, quotes);
  }

  /// A word of the instruction; once, however many rules look at it.
  Result<const LintedWord*> expand(const Word& word) {
    auto known = m_expanded.find(&word);
    if (known == m_expanded.end()) known = m_expanded.emplace(&word, TRY(expand(word, true))).first;
    return &known->second;
  }

  /// Says which variables of a word nobody has defined.
  Result<> check_word(const Word& word) {
    if (word.text.contains('$')) report_unknown(word.span, *TRY(expand(word)));
    return {};
  }
  /// A text that is no word of the instruction itself.
  Result<> check_text(const std::string& text, Span span, bool quotes) {
    if (!text.contains('$')) return {};
    report_unknown(span, TRY(expand(Word{.text = text, .span = span}, quotes)));
    return {};
  }

  bool is_defined_elsewhere(Span span) const {
    if (!m_lint.options.undefined) return false;
    const Location place = m_lint.all.source.location(span.begin);
    return !m_lint.options.undefined->contains({place.line, place.column});
  }

  void report_unknown(Span span, const LintedWord& linted) {
    for (const std::string& name : linted.unknown) {
      if (m_knowledge.declared.contains(name) || is_defined_elsewhere(span)) continue;
      m_lint.collector.add(
          "UndefinedVar", span,
          fmt::format("nothing in this file defines '${}'{}", printable(name, 80),
                      suggest_variable(m_lint, "UndefinedVar", name, {&m_knowledge.env, &m_knowledge.args})));
    }
  }

  Result<> check_words(const std::vector<Word>& words) {
    for (const Word& word : words) TRY(check_word(word));
    return {};
  }
  Result<> check_word(const std::optional<Word>& word) {
    if (word) TRY(check_word(*word));
    return {};
  }

  /// The words that a build expands, but for those of ARG.
  Result<> expand_all() {
    const Instruction& instruction = *m_instruction;
    if (const auto* env = instruction.as<EnvInstruction>()) TRY(check_assignments(env->variables));
    if (const auto* label = instruction.as<LabelInstruction>()) TRY(check_assignments(label->labels));
    if (const auto* user = instruction.as<UserInstruction>()) TRY(check_word(user->user));
    if (const auto* workdir = instruction.as<WorkdirInstruction>()) TRY(check_word(workdir->path));
    if (const auto* volume = instruction.as<VolumeInstruction>()) TRY(check_words(volume->paths));
    if (const auto* stop = instruction.as<StopSignalInstruction>()) TRY(check_word(stop->signal));
    if (const auto* run = instruction.as<RunInstruction>()) TRY(check_mounts(*run));
    if (const auto* transfer = instruction.as<TransferInstruction>()) {
      TRY(check_words(transfer->sources));
      TRY(check_word(transfer->destination));
      TRY(check_word(transfer->chown));
      TRY(check_word(transfer->chmod));
      TRY(check_word(transfer->checksum));
      for (const Heredoc& heredoc : instruction.heredocs) {
        if (heredoc.expand) TRY(check_text(heredoc.content, heredoc.span, false));
      }
    }
    return {};
  }

  Result<> check_assignments(const std::vector<Assignment>& assignments) {
    for (const Assignment& assignment : assignments) {
      TRY(check_word(assignment.name));
      TRY(check_word(assignment.value));
    }
    return {};
  }

  Result<> check_mounts(const RunInstruction& run) {
    for (const MountFlag& mount : run.mounts) {
      for (const auto& [key, value] : mount.options) {
        if (value && key != "from") TRY(check_text(*value, mount.span, true));
      }
    }
    return {};
  }

  void check_secret(std::string_view instruction, std::string_view name, Span span) {
    if (!names_secret(name)) return;
    m_lint.collector.add("SecretsUsedInArgOrEnv", span,
                         fmt::format("{} '{}' looks like a secret", instruction, printable(name, 80)));
  }

  Result<> check_arg(const ArgInstruction& arg) {
    for (const ArgInstruction::Item& item : arg.items) {
      check_secret("ARG", item.name, item.span);
      std::optional<std::string> value = m_lint.all.given(item.name);
      if (!value && item.value) {
        TRY(check_word(*item.value));
        value = TRY(expand(*item.value))->text;
      }
      if (!value) {
        const auto global = m_lint.all.globals.find(item.name);
        if (global != m_lint.all.globals.end()) value = global->second;
      }
      m_knowledge.declared.insert(item.name);
      if (value) m_knowledge.args.insert_or_assign(item.name, std::move(*value));
    }
    return {};
  }

  Result<> check_env(const EnvInstruction& env) {
    Variables added;  // one instruction does not see its own variables
    for (const Assignment& variable : env.variables) {
      const std::string name = TRY(expand(variable.name))->text;
      check_secret("ENV", name, variable.name.span);
      added.insert_or_assign(name, TRY(expand(variable.value))->text);
    }
    for (auto& [name, value] : added) m_knowledge.env.insert_or_assign(name, std::move(value));
    return {};
  }

  void check_legacy(bool is_legacy) {
    if (!is_legacy) return;
    m_lint.collector.add("LegacyKeyValueFormat", keyword(),
                         fmt::format("{} is written without '='", m_instruction->keyword));
  }

  /// The one before is what does nothing.
  void check_once(std::optional<Span>& before) {
    if (before) {
      m_lint.collector.add("MultipleInstructionsDisallowed", *before,
                           fmt::format("another {} follows in this stage", m_instruction->keyword));
    }
    before = keyword();
  }

  void check_command(const Command& command, std::optional<Span>& before) {
    check_once(before);
    if (command.exec_form || m_knowledge.has_shell) return;
    m_lint.collector.add("JSONArgsRecommended", command.span,
                         fmt::format("{} is run by a shell", m_instruction->keyword));
  }

  Result<> check_workdir(const WorkdirInstruction& workdir) {
    const LintedWord& path = *TRY(expand(workdir.path));
    if (!m_knowledge.has_workdir && !path.text.starts_with('/')) {
      m_lint.collector.add("WorkdirRelativePath", workdir.path.span,
                           fmt::format("the work directory '{}' is relative", printable(path.text, 80)));
    }
    m_knowledge.has_workdir = true;
    return {};
  }

  Result<> check_expose(const ExposeInstruction& expose) {
    for (const Word& word : expose.ports) {
      const LintedWord& linted = *TRY(expand(word));
      for (const std::string& port : linted.words) {
        const std::size_t slash = port.rfind('/');
        const std::string protocol = slash == std::string::npos ? "" : port.substr(slash + 1);
        if (protocol != to_lower(protocol)) {
          m_lint.collector.add("ExposeProtoCasing", word.span,
                               fmt::format("the protocol of '{}' has capital letters", printable(port, 80)));
        }
        const std::size_t colon = port.rfind(':');
        if (colon != std::string::npos && port.find_first_not_of(':') < colon) {
          m_lint.collector.add(
              "ExposeInvalidFormat", word.span,
              fmt::format("'{}' names an address or a port of the host", printable(port, 80)));
        }
      }
    }
    return {};
  }

  Result<> check_transfer(const TransferInstruction& transfer) {
    if (transfer.from || !m_lint.options.is_ignored) return {};
    for (const Word& source : transfer.sources) {
      const std::string& path = TRY(expand(source))->text;
      const bool is_elsewhere = transfer.is_add && kind_of_source(path) != SourceKind::path;
      if (is_elsewhere || !m_lint.options.is_ignored(path)) continue;
      m_lint.collector.add("CopyIgnoredFile", source.span,
                           fmt::format("the ignore file leaves '{}' out", printable(path, 80)));
    }
    return {};
  }

  Lint& m_lint;
  StageKnowledge& m_knowledge;
  const Instruction* m_instruction = nullptr;
  std::map<const Word*, LintedWord> m_expanded;  // of the instruction
  std::optional<Span> m_cmd;
  std::optional<Span> m_entrypoint;
  std::optional<Span> m_healthcheck;
};

std::size_t total_size(const StageKnowledge& knowledge) {
  return size_of(knowledge.env) + size_of(knowledge.args) + size_of(knowledge.declared);
}

/// The stage that a stage begins with, among those before it.
std::optional<std::size_t> find_parent(const Lint& lint, std::size_t index) {
  const auto named = lint.all.by_name.find(to_lower(lint.bases[index]));
  if (named == lint.all.by_name.end()) return std::nullopt;
  const auto after = std::lower_bound(named->second.begin(), named->second.end(), index);
  if (after == named->second.begin()) return std::nullopt;
  return *(after - 1);
}

/// The stages that an instruction takes files from.
void mark_sources(Lint& lint, std::size_t user, const SourceText& source, const Instruction& instruction,
                  std::vector<char>& needed) {
  for (const WrittenSource& written : written_sources(instruction)) {
    const auto found = find_file_source(lint.all, user, source, written.from, written.span);
    if (found && found->stage) needed[*found->stage] = 1;
  }
}

/// The same of the triggers that a stage leaves to one that begins with it.
void mark_trigger_sources(Lint& lint, std::size_t user, const StageText& parent, std::vector<char>& needed) {
  for (const Instruction& instruction : parent.body) {
    const auto* on_build = instruction.as<OnBuildInstruction>();
    if (!on_build) continue;
    const SourceText source("", on_build->trigger);
    if (const auto trigger = parse_trigger(on_build->trigger, source.file()))
      mark_sources(lint, user, source, *trigger, needed);
  }
}

/// Which stages the target needs: those that it begins with or takes files from, and theirs.
Result<std::vector<char>> needed_stages(Lint& lint) {
  std::vector<char> needed(lint.all.stages.size(), lint.options.target.empty() ? 1 : 0);
  if (lint.options.target.empty()) return needed;
  needed[TRY(find_target(lint.all))] = 1;
  for (std::size_t i = needed.size(); i-- > 0;) {
    if (!needed[i]) continue;
    if (const auto parent = find_parent(lint, i)) {
      needed[*parent] = 1;
      mark_trigger_sources(lint, i, lint.all.stages[*parent], needed);
    }
    for (const Instruction& instruction : lint.all.stages[i].body)
      mark_sources(lint, i, lint.all.source, instruction, needed);
  }
  return needed;
}

}  // namespace

Result<> lint_stages(Lint& lint) {
  const std::vector<char> needed = TRY(needed_stages(lint));
  std::vector<StageKnowledge> knowledge(lint.all.stages.size());
  for (std::size_t i = 0; i < lint.all.stages.size(); ++i) {
    StageLinter linter(lint, knowledge[i]);
    for (const Instruction& instruction : lint.all.stages[i].body) linter.check_form(instruction);
    if (!needed[i]) continue;
    if (const std::optional<std::size_t> parent = find_parent(lint, i)) {
      TRY(spend_text(lint.all.budget, total_size(knowledge[*parent])));
      knowledge[i] = knowledge[*parent];
    } else {
      knowledge[i].env["PATH"] = "";  // there is always one
    }
    for (const Instruction& instruction : lint.all.stages[i].body) TRY(linter.check(instruction));
  }
  return {};
}

}  // namespace ecrin::recipes::containerfile
