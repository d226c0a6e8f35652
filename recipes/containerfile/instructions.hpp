// Instructions by kind: from a text that is taken apart to a value. The grammar is that of BuildKit's parser.
#pragma once

#include <span>
#include <string_view>

#include "base/error.hpp"
#include "recipes/containerfile/arguments.hpp"
#include "recipes/containerfile/flags.hpp"
#include "recipes/containerfile/syntax.hpp"

namespace ecrin::recipes::containerfile {

/// Any instruction. `heredocs` are those of its line; those that it does not use are taken away.
Result<InstructionKind> read_instruction(const InstructionText& text, std::vector<Heredoc>& heredocs);

Result<InstructionKind> read_from(const InstructionText& text);
Result<InstructionKind> read_arg(const InstructionText& text);
Result<InstructionKind> read_env(const InstructionText& text);
Result<InstructionKind> read_label(const InstructionText& text);
Result<InstructionKind> read_run(const InstructionText& text, std::vector<Heredoc>& heredocs);
Result<InstructionKind> read_transfer(const InstructionText& text, std::vector<Heredoc>& heredocs);
Result<InstructionKind> read_cmd(const InstructionText& text);
Result<InstructionKind> read_entrypoint(const InstructionText& text);
Result<InstructionKind> read_shell(const InstructionText& text);
Result<InstructionKind> read_healthcheck(const InstructionText& text);
Result<InstructionKind> read_onbuild(const InstructionText& text, const std::vector<Heredoc>& heredocs);

/// Shell or exec form.
Result<Command> read_command(const InstructionText& text);
/// The value of one --mount. What holds a variable is checked when it has its value.
Result<MountFlag> read_mount(const InstructionText& text, const Word& value);
/// NAME=VALUE words, or "NAME the value" (`legacy`): ENV and LABEL.
Result<std::vector<Assignment>> read_assignments(const InstructionText& text, bool& legacy);
/// A word is the mark of a here-document, and the quotes of the whole line say that it is none.
std::unexpected<Error> refuse_without_content(const InstructionText& text, Span mark);
/// Exactly one argument, which is the rest of the line.
Result<Word> read_rest(const InstructionText& text, std::string_view noun);

}  // namespace ecrin::recipes::containerfile
