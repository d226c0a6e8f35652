// The parts of lowering: file -> stages (which are needed, what they begin with) -> instructions -> values.
#pragma once

#include <memory>
#include <set>
#include <span>

#include "recipes/config_lists.hpp"
#include "recipes/containerfile/lower.hpp"
#include "recipes/containerfile/words.hpp"

namespace ecrin::recipes::containerfile {

using Variables = std::map<std::string, std::string, std::less<>>;

/// A stage as the text has it, and what lowering found out about it.
struct StageText {
  const Instruction* instruction = nullptr;  // its FROM
  std::span<const Instruction> body;
  std::string name;  // unique; "stage-<n>" for one without a name

  bool needed = false;
  From base;                          // of a needed stage, with all below
  std::optional<std::size_t> parent;  // the stage it begins with
  std::optional<oci::Platform> platform;
  const oci::ImageConfig* base_config = nullptr;  // of an image; in Lowering::bases
  std::vector<std::string> triggers;              // of the base, which run first
  std::string triggers_place;                     // for messages: "ONBUILD of 'base'"

  // After its last instruction, for the stages that begin with it:
  Variables env;
  Variables args;                               // with a value
  std::set<std::string, std::less<>> declared;  // also without one
  std::vector<std::string> shell;

  const FromInstruction& from() const { return *instruction->as<FromInstruction>(); }
};

/// What all stages share.
struct Lowering {
  const Containerfile& file;
  const SourceText& source;
  const LowerOptions& options;
  ExpansionBudget budget = {};
  Variables globals = {};  // arguments before the first FROM, and those of the platform
  std::vector<StageText> stages = {};
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_name = {};  // lower case; rising
  std::set<std::string, std::less<>> declared = {};                           // by any ARG
  /// Of images that stages begin with, by reference and platform.
  std::map<std::pair<std::string, std::string>, oci::ImageConfig> bases = {};
  std::size_t needed_stages = 0;
  std::size_t triggers = 0;   // of all needed stages
  std::size_t steps = 0;      // so far
  bool uses_scratch = false;  // as a source of files: it becomes a stage of its own
  Lowered result = {};
  std::map<std::string, std::size_t, std::less<>> args = {};  // their places in result.recipe.args

  std::optional<std::string> given(const std::string& name) const;  // by --build-arg or the host
  VariableLookup global_lookup() const;
};

std::unexpected<Error> refuse(const SourceText& source, Span span, std::string_view message,
                              std::string_view hint = "", ErrorKind kind = ErrorKind::invalid);

/// The expanded text of a word; an error has its place.
Result<ExpandedWord> expand_at(Lowering& all, const SourceText& source, std::string_view text, Span span,
                               const VariableLookup& lookup, const WordRules& rules);

/// A variable that is used there, and that nobody defines.
Result<> note_undefined(Lowering& all, const std::string& name, Location place);
/// Notes the value in force of an argument in the recipe.
enum class Known { replaced, kept };
void note_argument(Lowering& all, Argument argument, Known known);
/// One step more, unless there are too many.
Result<> count_step(Lowering& all);
/// Of what a stage takes over from another one.
std::size_t size_of(const Variables& variables);
std::size_t size_of(const std::set<std::string, std::less<>>& names);
std::size_t size_of(const std::vector<std::string>& texts);

/// Platform arguments, and the ARGs before the first FROM. The stages follow.
Result<> read_globals(Lowering& all);
/// By --target, else the last stage.
Result<std::size_t> find_target(const Lowering& all);
/// Which stages the target needs, with their bases.
Result<> find_needed(Lowering& all);

/// Where --from of an instruction in stage `user` finds its files: the name of a stage or an image.
struct FileSource {
  std::optional<std::size_t> stage;
  std::string name;
};
Result<FileSource> find_file_source(Lowering& all, std::size_t user, const SourceText& source,
                                    std::string_view from, Span span);
/// --from of COPY and of the mounts of RUN, as they are written.
struct WrittenSource {
  std::string from;
  Span span;
};
std::vector<WrittenSource> written_sources(const Instruction& instruction);

/// One stage while its instructions become steps.
struct StageScope {
  Lowering& all;
  StageText& text;
  std::size_t index;
  const SourceText* source;            // of the instruction: the file, or a trigger of the base
  std::optional<Location> place = {};  // of its steps; none: where it stands
  Stage stage = {};
  bool has_cmd = false;  // said in this stage
  ConfigLists lists = {};

  const std::string* look_up(std::string_view name) const;
  Result<std::string> expand(const Word& word);
  Result<std::vector<std::string>> expand_words(const Word& word);
  Result<std::string> expand_heredoc(const Heredoc& heredoc);
  std::unexpected<Error> refuse(Span span, std::string_view message, std::string_view hint = "") const {
    return containerfile::refuse(*source, span, message, hint);
  }
};

Result<Stage> lower_stage(Lowering& all, std::size_t index);
/// None: the instruction makes no step.
Result<std::optional<StepKind>> lower_instruction(StageScope& scope, const Instruction& instruction);
Result<StepKind> lower_run(StageScope& scope, const Instruction& instruction, const RunInstruction& run);
Result<Mount> lower_mount(StageScope& scope, const MountFlag& flag);
Result<StepKind> lower_transfer(StageScope& scope, const Instruction& instruction,
                                const TransferInstruction& transfer);

// ---- values ----------------------------------------------------------------------------------------------

/// "8080", "80-82/udp", "53/TCP" -> "8080/tcp", ...; docker takes and drops a host's part.
Result<std::vector<std::string>> parse_ports(std::string_view text, ExpansionBudget& budget);
/// Nanoseconds, in Go's words: "1m30s", "1.5h", "500ms"; 0 or at least a millisecond.
Result<std::int64_t> parse_go_duration(std::string_view text);
Result<std::string> check_signal(std::string_view text);

}  // namespace ecrin::recipes::containerfile
