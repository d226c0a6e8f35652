// Instructions that set something: ENV, ARG, LABEL, USER, CMD, ... One function each.
#include "base/text.hpp"
#include "recipes/containerfile/lower_parts.hpp"

namespace ecrin::recipes::containerfile {
namespace {

using Outcome = Result<std::optional<StepKind>>;

/// Attaches the place to a value that is wrong.
template <class T>
Result<T> at(const StageScope& scope, Span span, Result<T> value) {
  if (value) return value;
  return refuse(*scope.source, span, value.error().message(), value.error().hint_text(),
                value.error().kind());
}

Result<std::vector<KeyValue>> expand_pairs(StageScope& scope, const std::vector<Assignment>& assignments,
                                           std::string_view what) {
  std::vector<KeyValue> result;
  for (const Assignment& assignment : assignments) {
    std::string name = TRY(scope.expand(assignment.name));
    if (name.empty()) return scope.refuse(assignment.name.span, fmt::format("{} needs a name", what));
    result.emplace_back(std::move(name), TRY(scope.expand(assignment.value)));
  }
  return result;
}

/// The words that are run: those of an exec form, or the shell in force with the script.
Result<std::vector<std::string>> command_words(StageScope& scope, const Command& command) {
  if (command.exec_form) return command.arguments;
  TRY(spend_text(scope.all.budget, size_of(scope.text.shell)));
  std::vector<std::string> words = scope.text.shell;
  words.push_back(command.script);
  return words;
}

struct LowerStep {
  StageScope& scope;
  const Instruction& instruction;

  Outcome operator()(const FromInstruction&) {
    return scope.refuse(instruction.span, "a stage cannot begin here");
  }

  Outcome operator()(const ArgInstruction& arg) {
    Lowering& all = scope.all;
    for (const ArgInstruction::Item& item : arg.items) {
      scope.text.declared.insert(item.name);
      std::optional<std::string> value = all.given(item.name);
      if (!value && item.value) {
        value = TRY(scope.expand(*item.value));
      } else if (!value) {
        const auto global = all.globals.find(item.name);
        if (global != all.globals.end()) value = global->second;
      }
      // One that has a value keeps it when it is declared again without.
      if (!value) continue;
      note_argument(all, {item.name, *value, scope.place.value_or(instruction.location)}, Known::kept);
      scope.text.args.insert_or_assign(item.name, std::move(*value));
    }
    return std::nullopt;
  }

  Outcome operator()(const EnvInstruction& env) {
    EnvStep step{TRY(expand_pairs(scope, env.variables, "a variable"))};
    for (std::size_t i = 0; i < step.variables.size(); ++i) {
      const auto& [name, value] = step.variables[i];
      if (name.contains('=')) {
        return scope.refuse(env.variables[i].name.span,
                            fmt::format("'{}' cannot be the name of a variable", printable(name, 80)));
      }
    }
    // Values see the variables as they were before the instruction.
    for (const auto& [name, value] : step.variables) scope.text.env.insert_or_assign(name, value);
    return StepKind(std::move(step));
  }

  Outcome operator()(const LabelInstruction& label) {
    return StepKind(LabelStep{TRY(expand_pairs(scope, label.labels, "a label"))});
  }

  Outcome operator()(const RunInstruction& run) { return TRY(lower_run(scope, instruction, run)); }
  Outcome operator()(const TransferInstruction& transfer) {
    return TRY(lower_transfer(scope, instruction, transfer));
  }

  Outcome operator()(const CmdInstruction& cmd) {
    scope.has_cmd = true;
    return StepKind(CmdStep{TRY(command_words(scope, cmd.command))});
  }

  // A CMD of the base was meant for its entrypoint.
  Outcome operator()(const EntrypointInstruction& entrypoint) {
    return StepKind(EntrypointStep{TRY(command_words(scope, entrypoint.command)), !scope.has_cmd});
  }

  Outcome operator()(const ShellInstruction& shell) {
    scope.text.shell = shell.shell;
    return StepKind(ShellStep{shell.shell});
  }

  Outcome operator()(const UserInstruction& user) {
    std::string name = TRY(scope.expand(user.user));
    if (name.empty()) return scope.refuse(user.user.span, "USER without a user");
    return StepKind(UserStep{std::move(name)});
  }

  Outcome operator()(const WorkdirInstruction& workdir) {
    // An empty path is where one is.
    std::string path = TRY(scope.expand(workdir.path));
    return StepKind(WorkdirStep{path.empty() ? "." : std::move(path)});
  }

  Outcome operator()(const ExposeInstruction& expose) {
    ExposeStep step;
    for (const Word& word : expose.ports) {
      for (const std::string& text : TRY(scope.expand_words(word))) {
        for (std::string& port : TRY(at(scope, word.span, parse_ports(text, scope.all.budget))))
          step.ports.push_back(std::move(port));
      }
    }
    if (step.ports.empty()) return std::nullopt;
    return StepKind(std::move(step));
  }

  Outcome operator()(const VolumeInstruction& volume) {
    VolumeStep step;
    for (const Word& word : volume.paths) {
      std::string path = TRY(scope.expand(word));
      if (path.empty()) return scope.refuse(word.span, "VOLUME without a path");
      step.paths.push_back(std::move(path));
    }
    return StepKind(std::move(step));
  }

  Outcome operator()(const StopSignalInstruction& signal) {
    const std::string text = TRY(scope.expand(signal.signal));
    return StepKind(StopSignalStep{TRY(at(scope, signal.signal.span, check_signal(text)))});
  }

  Outcome operator()(const HealthcheckInstruction& check) {
    HealthcheckStep step;
    oci::Healthcheck& health = step.healthcheck;
    if (check.none) {
      health.test = {"NONE"};
      return StepKind(std::move(step));
    }
    if (check.command.exec_form) {
      health.test = check.command.arguments;
      health.test.insert(health.test.begin(), "CMD");
    } else {
      health.test = {"CMD-SHELL", check.command.script};
    }
    const auto duration = [&](const std::optional<Word>& word) -> Result<std::int64_t> {
      return word ? at(scope, word->span, parse_go_duration(word->text)) : Result<std::int64_t>(0);
    };
    health.interval = TRY(duration(check.interval));
    health.timeout = TRY(duration(check.timeout));
    health.start_period = TRY(duration(check.start_period));
    health.start_interval = TRY(duration(check.start_interval));
    if (check.retries) {
      const auto retries = parse_unsigned(check.retries->text, INT32_MAX);
      if (!retries) {
        return scope.refuse(check.retries->span, fmt::format("--retries is a number, not '{}'",
                                                             printable(check.retries->text, 40)));
      }
      health.retries = static_cast<std::int64_t>(*retries);
    }
    return StepKind(std::move(step));
  }

  Outcome operator()(const OnBuildInstruction& trigger) { return StepKind(OnBuildStep{trigger.trigger}); }
  Outcome operator()(const MaintainerInstruction& maintainer) {
    return StepKind(AuthorStep{maintainer.author});
  }
};

}  // namespace

Result<std::optional<StepKind>> lower_instruction(StageScope& scope, const Instruction& instruction) {
  return std::visit(LowerStep{scope, instruction}, instruction.kind);
}

}  // namespace ecrin::recipes::containerfile
