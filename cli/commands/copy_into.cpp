// verbs: copy-into, add-into
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/registries.hpp"
#include "cli/working_steps.hpp"
#include "recipes/file_mode.hpp"

namespace ecrin::cli {
namespace {

template <class Step>
Result<Step> common_step(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  Step step;
  step.sources.assign(words.begin() + 1, words.end() - 1);
  step.destination = words.back();
  step.owner = arguments.value("chown");
  if (const auto chmod = arguments.find("chmod")) {
    recipes::FileMode mode = TRY_WHILE(recipes::parse_file_mode(*chmod), "reading --chmod");
    step.mode = mode.mode;
    step.mode_change = std::move(mode.change);
  }
  step.exclude = arguments.values("exclude");
  step.link = arguments.on("link");
  return step;
}

Outcome put(Session& session, const Arguments& arguments, recipes::StepKind step) {
  build::BuildOptions options = TRY(step_options(session));
  options.no_cache = arguments.on("no-cache");
  options.context_directory = TRY(absolute_path(arguments.value("contextdir", ".")));
  build::StepsRequest request;
  request.steps.push_back(std::move(step));
  return put_steps(
      session, arguments, arguments.operands().front(),
      [&](const build::WorkingContainer&) -> Result<build::StepsRequest> { return request; },
      std::move(options));
}

Outcome run_copy(Session& session, const Arguments& arguments) {
  auto step = TRY(common_step<recipes::CopyStep>(arguments));
  step.from = arguments.value("from");
  step.parents = arguments.on("parents");
  return put(session, arguments, std::move(step));
}

Outcome run_add(Session& session, const Arguments& arguments) {
  auto step = TRY(common_step<recipes::AddStep>(arguments));
  step.checksum = arguments.value("checksum");
  return put(session, arguments, std::move(step));
}

std::vector<Flag> flags(std::vector<Flag> own) {
  std::vector<Flag> all = {
      {.name = "chmod", .value = "MODE", .help = "of files and directories: octal, or as chmod(1) has it"},
      {.name = "chown", .value = "USER[:GROUP]", .help = "the owner: names of the container, or numbers"},
      {.name = "contextdir",
       .value = "DIR",
       .help = "where SRC are; default: the working directory",
       .completion = Completion::directory},
      {.name = "exclude", .value = "PATTERN", .help = "leave out what fits", .occurs = Occurs::often},
      {.name = "link", .value = "", .help = "look at nothing that is in the container"},
      {.name = "no-cache", .value = "", .help = "do it again even if the result is there"},
      {.name = "quiet", .letter = 'q', .value = "", .help = "do not say what came from the cache"},
  };
  all.insert(all.end(), own.begin(), own.end());
  return with_flags(std::move(all), registry_flags());
}

}  // namespace

const Verb& copy_into_verb() {
  static const Verb verb{
      .name = "copy-into",
      .operands = "CONTAINER SRC... DST",
      .summary = "Copy files into a working container",
      .details =
          "As COPY in a recipe: SRC are paths or globs below the working directory (a leading '/' is that "
          "directory), "
          "what its ignore file names is left out, and the result comes from the cache when nothing changed.",
      .flags = flags({{.name = "from",
                       .value = "IMAGE|CONTAINER",
                       .help = "copy from an image or another working container",
                       .completion = Completion::image},
                      {.name = "parents", .value = "", .help = "keep the directories of each SRC"},
                      {.name = "pull",
                       .value = "WHEN",
                       .help = "an image of --from: missing (default), always, newer or never",
                       .completion = Completion::word,
                       .words = {"missing", "always", "newer", "never"}}}),
      .least_operands = 3,
      .completion = Completion::file,
      .run = run_copy,
  };
  return verb;
}

const Verb& add_into_verb() {
  static const Verb verb{
      .name = "add-into",
      .operands = "CONTAINER SRC... DST",
      .summary = "Add files, archives and downloads to a working container",
      .details =
          "As ADD in a recipe: archives below the working directory are unpacked, URLs are downloaded.",
      .flags = flags({{.name = "checksum", .value = "sha256:HEX", .help = "what a download must be"}}),
      .least_operands = 3,
      .completion = Completion::file,
      .run = run_add,
  };
  return verb;
}

}  // namespace ecrin::cli
