// RUN: its command, its here-documents, its mounts.
#include "base/text.hpp"
#include "recipes/containerfile/lower_parts.hpp"

namespace ecrin::recipes::containerfile {
namespace {

/// A script that is one here-document and nothing else is that document; else the shell gets the text as it
/// stands, documents included.
Result<> lower_script(const StageScope& scope, const Instruction& instruction, const RunInstruction& run,
                      RunStep& step) {
  const Command& command = run.command;
  if (command.exec_form) {
    if (command.arguments.empty()) return scope.refuse(command.span, "RUN has nothing to run");
    step.command = command.arguments;
    return {};
  }
  const std::vector<Heredoc>& documents = instruction.heredocs;
  if (run.runs_heredoc && documents[0].content.starts_with("#!")) {
    step.command = InlineFile{documents[0].name, documents[0].content};
    return {};
  }
  if (run.runs_heredoc) {
    step.command = documents[0].content;
    return {};
  }
  std::string script = command.script;
  if (trim(script).empty()) return scope.refuse(instruction.span, "RUN has nothing to run");
  for (const Heredoc& document : documents) {
    // Its tabs are gone, so "<<-" ends it at the same line.
    script += "\n" + document.content + document.name;
  }
  if (!documents.empty()) script += "\n";
  step.command = std::move(script);
  return {};
}

}  // namespace

Result<Mount> lower_mount(StageScope& scope, const MountFlag& flag) {
  MountOptions options = flag.options;
  for (auto& [key, value] : options) {
    if (!value) continue;
    if (key != "from") {
      value = TRY(scope.expand(Word{.text = *value, .span = flag.span}));
    } else if (!value->empty()) {
      // Of `from` it was decided before which stages are needed.
      value = TRY(find_file_source(scope.all, scope.index, *scope.source, *value, flag.span)).name;
    }
  }
  auto mount = make_mount(options);
  if (mount) return mount;
  return scope.refuse(flag.span, mount.error().message(), mount.error().hint_text());
}

Result<StepKind> lower_run(StageScope& scope, const Instruction& instruction, const RunInstruction& run) {
  RunStep step;
  TRY(lower_script(scope, instruction, run, step));
  for (const MountFlag& flag : run.mounts) step.mounts.push_back(TRY(lower_mount(scope, flag)));
  if (run.network == "none") {
    step.network = StepNetwork::none;
  } else if (run.network == "host") {
    step.network = StepNetwork::host;
  } else if (!run.network.empty() && run.network != "default") {
    return scope.refuse(instruction.span, fmt::format("--network is default, none or host, not '{}'",
                                                      printable(run.network, 40)));
  }
  if (run.security == "insecure") {
    return containerfile::refuse(
        *scope.source, instruction.span,
        "--security=insecure is not possible: a step has the rights of an ordinary user",
        "leave it out; inside its user namespace a step is root already", ErrorKind::unsupported);
  }
  if (!run.security.empty() && run.security != "sandbox") {
    return scope.refuse(instruction.span, fmt::format("--security is sandbox or insecure, not '{}'",
                                                      printable(run.security, 40)));
  }
  // All declared arguments are variables of the program; ENV of the same name wins.
  std::size_t size = 0;
  for (const auto& [name, value] : scope.text.args) {
    if (scope.text.env.contains(name)) continue;
    size += name.size() + value.size();
    step.env.emplace_back(name, value);
  }
  TRY(spend_text(scope.all.budget, size));
  return StepKind(std::move(step));
}

}  // namespace ecrin::recipes::containerfile
