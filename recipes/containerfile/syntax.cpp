#include "recipes/containerfile/syntax.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/containerfile/instructions.hpp"
#include "recipes/containerfile/lexer.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr std::string_view k_names[] = {"ADD",    "ARG",   "CMD",         "COPY",  "ENTRYPOINT", "ENV",
                                        "EXPOSE", "FROM",  "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
                                        "RUN",    "SHELL", "STOPSIGNAL",  "USER",  "VOLUME",     "WORKDIR"};

Result<InstructionKind> read_expose(const InstructionText& text) {
  TRY(check_flags(text, {}));
  if (text.empty())
    return text.refuse(text.keyword_span, "EXPOSE requires at least one argument", "write EXPOSE 8080/tcp");
  return ExposeInstruction{split_words(text)};
}

Result<InstructionKind> read_volume(const InstructionText& text) {
  TRY(check_flags(text, {}));
  VolumeInstruction volume{TRY(split_paths(text))};
  if (volume.paths.empty())
    return text.refuse(text.arguments_span(), "VOLUME requires at least one argument");
  for (Word& path : volume.paths) {
    path.text = trim(path.text);
    if (path.text.empty()) return text.refuse(path.span, "the path of a VOLUME is empty");
  }
  return volume;
}

/// Names are compared in lower case, and shown as files write them.
std::string suggest_instruction(std::string_view keyword) {
  if (keyword.size() >= 64) return "";
  std::vector<std::string> lower;
  for (const std::string_view name : k_names) lower.push_back(to_lower(name));
  const std::string suggestion =
      did_you_mean(keyword, std::vector<std::string_view>(lower.begin(), lower.end()));
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if (suggestion.contains(fmt::format("'{}'", lower[i])))
      return fmt::format(" (did you mean '{}'?)", k_names[i]);
  }
  return "";
}

Result<InstructionKind> unknown(const InstructionText& text) {
  return text.refuse(text.keyword_span, fmt::format("unknown instruction '{}'{}", printable(text.keyword, 80),
                                                    suggest_instruction(text.keyword)));
}

Result<Instruction> read_line(const SourceText& source, LogicalLine& line, char escape) {
  const InstructionText text = take_apart(source, line, escape);
  std::vector<Heredoc> heredocs = std::move(line.heredocs);
  InstructionKind kind = TRY(read_instruction(text, heredocs));
  return Instruction{.kind = std::move(kind),
                     .keyword = std::string(text.keyword),
                     .heredocs = std::move(heredocs),
                     .comments = std::move(line.comments),
                     .empty_lines = std::move(line.empty_lines),
                     .span = line.span,
                     .location = source.location(line.span.begin)};
}

}  // namespace

Result<Word> read_rest(const InstructionText& text, std::string_view noun) {
  TRY(check_flags(text, {}));
  if (text.empty()) {
    return text.refuse(text.keyword_span,
                       fmt::format("{} requires exactly one argument, {}", text.name, noun));
  }
  return text.word(text.begin, text.end);
}

std::unexpected<Error> refuse_without_content(const InstructionText& text, Span mark) {
  return text.refuse(mark,
                     "this here-document has no content: quotes or braces of the line do not end before it",
                     "end them, or put the word in quotes if it is no here-document");
}

Result<InstructionKind> read_instruction(const InstructionText& text, std::vector<Heredoc>& heredocs) {
  const std::string& name = text.name;
  if (name == "RUN") return read_run(text, heredocs);
  if (name == "COPY" || name == "ADD") return read_transfer(text, heredocs);
  if (name == "ENV") return read_env(text);
  if (name == "ARG") return read_arg(text);
  if (name == "FROM") return read_from(text);
  if (name == "LABEL") return read_label(text);
  if (name == "WORKDIR") return WorkdirInstruction{TRY(read_rest(text, "a directory"))};
  if (name == "USER") return UserInstruction{TRY(read_rest(text, "a user"))};
  if (name == "CMD") return read_cmd(text);
  if (name == "ENTRYPOINT") return read_entrypoint(text);
  if (name == "SHELL") return read_shell(text);
  if (name == "EXPOSE") return read_expose(text);
  if (name == "VOLUME") return read_volume(text);
  if (name == "HEALTHCHECK") return read_healthcheck(text);
  if (name == "STOPSIGNAL") return StopSignalInstruction{TRY(read_rest(text, "a signal"))};
  if (name == "ONBUILD") return read_onbuild(text, heredocs);
  if (name == "MAINTAINER") return MaintainerInstruction{TRY(read_rest(text, "an author")).text};
  return unknown(text);
}

Result<Containerfile> parse_containerfile(const SourceText& source) {
  LexedText lexed = TRY(lex_containerfile(source));
  if (lexed.lines.empty()) {
    return fail(ErrorKind::invalid, "containerfile '{}' has no instructions", printable(source.file()));
  }
  Containerfile file{.directives = std::move(lexed.directives), .instructions = {}, .escape = lexed.escape};
  file.instructions.reserve(lexed.lines.size());
  bool has_stage = false;
  for (LogicalLine& line : lexed.lines) {
    Instruction instruction = TRY(read_line(source, line, lexed.escape));
    has_stage = has_stage || instruction.as<FromInstruction>();
    if (!has_stage && !instruction.as<ArgInstruction>()) {
      return std::unexpected(
          diagnose(source, {instruction.span.begin, instruction.keyword.size()},
                   fmt::format("{} stands before the first FROM", printable(instruction.keyword, 80)))
              .hint("a containerfile begins with FROM; only ARG may stand before it"));
    }
    file.instructions.push_back(std::move(instruction));
  }
  if (!has_stage) {
    return fail(ErrorKind::invalid, "containerfile '{}' has no FROM", printable(source.file()));
  }
  return file;
}

Result<Instruction> parse_trigger(std::string_view trigger, std::string_view place) {
  const SourceText source((std::string(place)), trigger);
  LexedText lexed = TRY(lex_containerfile(source));
  if (lexed.lines.size() != 1) {
    return fail(ErrorKind::invalid, "{} is not one instruction: '{}'", printable(place),
                printable(trigger, 200));
  }
  return read_line(source, lexed.lines[0], lexed.escape);
}

}  // namespace ecrin::recipes::containerfile
