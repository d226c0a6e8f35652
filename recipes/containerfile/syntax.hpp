// A Containerfile as its text says it: instructions, each typed, nothing expanded, no stage or image looked
// up. What it means is made of it by recipes/containerfile/lower; the linter and conversion read it too.
//
// The language is that of the Dockerfile reference, up to syntax 1.20 (docs/containerfile.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "recipes/diagnostics.hpp"
#include "recipes/mount_options.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::recipes::containerfile {

/// A word as it is written: with its quotes, escapes and variables (recipes/containerfile/words expands it).
/// Words of an exec form (JSON) are their values: those are never unquoted.
struct Word {
  std::string text;
  Span span;
};

/// --name=value. Without '=': no value.
struct Flag {
  std::string name;
  std::optional<std::string> value;
  Span span;
};

struct Heredoc {
  std::string name;     // without quotes
  std::string content;  // lines with their ends; leading tabs already gone where `<<-` said so
  bool expand = true;   // the name stood without quotes
  Span span;            // of "<<NAME"
};

/// What RUN, CMD, ENTRYPOINT, HEALTHCHECK CMD run.
struct Command {
  bool exec_form = false;
  std::vector<std::string> arguments;  // exec form
  std::string script;                  // shell form: continuation lines joined, comments within gone
  Span span;
};

struct FromInstruction {
  Word image;
  std::optional<Word> platform;
  std::string name;  // AS name, lower case; "" = none
  Span name_span;
  Span as_span;  // of the word "AS"
};
struct ArgInstruction {
  struct Item {
    std::string name;
    std::optional<Word> value;
    Span span;
  };
  std::vector<Item> items;
};
struct Assignment {
  Word name;
  Word value;
};
struct EnvInstruction {
  std::vector<Assignment> variables;
  bool legacy = false;  // ENV NAME VALUE: the value is the rest of the line
};
struct LabelInstruction {
  std::vector<Assignment> labels;
  bool legacy = false;
};
struct MountFlag {
  MountOptions options;
  Span span;
};
struct RunInstruction {
  Command command;
  /// The script is "<<EOF" and nothing beside it: the instruction's only here-document itself is what runs.
  bool runs_heredoc = false;
  std::vector<MountFlag> mounts;
  std::string network;   // "" = not said
  std::string security;  // "" = not said
};
/// COPY and ADD: the flags that each allows are checked, their values are not.
struct TransferInstruction {
  bool is_add = false;
  std::vector<Word> sources;  // heredocs among them stand in Instruction::heredocs
  Word destination;
  std::optional<Word> from;
  std::optional<Word> chown;
  std::optional<Word> chmod;
  std::optional<Word> checksum;
  std::vector<Word> exclude;
  bool link = false;
  bool parents = false;
  bool keep_git_directory = false;
  std::optional<bool> unpack;
};
struct CmdInstruction {
  Command command;
};
struct EntrypointInstruction {
  Command command;
};
struct ShellInstruction {
  std::vector<std::string> shell;
};
struct UserInstruction {
  Word user;
};
struct WorkdirInstruction {
  Word path;
};
struct ExposeInstruction {
  std::vector<Word> ports;
};
struct VolumeInstruction {
  std::vector<Word> paths;
};
struct StopSignalInstruction {
  Word signal;
};
struct HealthcheckInstruction {
  bool none = false;
  Command command;
  std::optional<Word> interval, timeout, start_period, start_interval, retries;
};
struct OnBuildInstruction {
  std::string trigger;  // the instruction as it was written
};
struct MaintainerInstruction {
  std::string author;
};

using InstructionKind =
    std::variant<FromInstruction, ArgInstruction, EnvInstruction, LabelInstruction, RunInstruction,
                 TransferInstruction, CmdInstruction, EntrypointInstruction, ShellInstruction,
                 UserInstruction, WorkdirInstruction, ExposeInstruction, VolumeInstruction,
                 StopSignalInstruction, HealthcheckInstruction, OnBuildInstruction, MaintainerInstruction>;

struct Instruction {
  InstructionKind kind;
  std::string keyword;  // as written: "RUN", "run"
  std::vector<Heredoc> heredocs;
  std::vector<std::string> comments;  // that stand right above it, without '#'
  std::vector<Span> empty_lines;      // lines without anything, amid continuation lines
  Span span;                          // from its keyword to the end of its last line (heredocs included)
  Location location;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&kind);
  }
};

/// `# syntax=...`, `# escape=...`, `# check=...`
struct Directive {
  std::string name;  // lower case
  std::string value;
  Span span;
};

struct Containerfile {
  std::vector<Directive> directives;
  std::vector<Instruction> instructions;
  char escape = '\\';
};

/// The first error is returned, rendered with its place (recipes/diagnostics.hpp). Bounds: 4 MiB of text,
/// 200,000 instructions; time is linear in the text.
Result<Containerfile> parse_containerfile(const SourceText& source);

/// One instruction, as ONBUILD keeps it in an image. `place` is for messages: "ONBUILD of 'base'".
Result<Instruction> parse_trigger(std::string_view trigger, std::string_view place);

}  // namespace ecrin::recipes::containerfile
