// verb: build
#include "build/build.hpp"

#include "base/atomic_file.hpp"
#include "base/text.hpp"
#include "build/kept_steps.hpp"
#include "build/output.hpp"
#include "build/until.hpp"
#include "cli/build_request.hpp"
#include "cli/commands/commands.hpp"
#include "cli/error_report.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/progress.hpp"
#include "cli/registries.hpp"
#include "cli/session.hpp"
#include "cli/step_shell.hpp"
#include "cli/table.hpp"
#include "recipes/yaml_recipe.hpp"

namespace ecrin::cli {
namespace {

struct Request {
  recipes::Recipe recipe;
  build::BuildOptions options;
  std::vector<build::OutputSpec> outputs;
  ProgressKind progress = ProgressKind::automatic;
  std::string on_failure;  // keep, shell, or a command
};

// All that can be wrong with the words and the recipe comes out here, before the store is opened.
Result<Request> read_request(Session& session, const Arguments& arguments) {
  Request request;
  request.progress =
      arguments.on("quiet") ? ProgressKind::quiet : TRY(parse_progress(arguments.value("progress", "auto")));
  request.on_failure = arguments.value("on-failure", "keep");
  if (request.on_failure.empty())
    return fail(ErrorKind::invalid, "--on-failure is keep, shell or a command, not ''");
  request.options = TRY(build_options(arguments, session.environment(), session.now()));
  for (const std::string& text : arguments.values("output")) {
    request.outputs.push_back(TRY(build::parse_output(text)));
  }
  const std::string path = arguments.operands().empty() ? "." : arguments.operands().front();
  const RecipeSource source = TRY(find_recipe(arguments.value("file"), path));
  request.options.context_directory = source.context_directory;
  const std::string text = TRY(read_recipe(source));
  request.recipe = TRY(recipes::parse_yaml_recipe(
      text, {.file = source.name == "-" ? "standard input" : source.name,
             .args = TRY(parse_build_args(arguments.values("build-arg"), session.environment())),
             .platform = request.options.platform}));
  if (const auto until = arguments.find("until")) {
    build::CutRecipe cut =
        TRY_WHILE(build::cut_recipe(request.recipe, request.options.target, *until), "reading --until");
    request.recipe = std::move(cut.recipe);
    request.options.target = std::move(cut.target);
    // The recipe's own name is for the whole image.
    request.recipe.name.clear();
  }
  if (request.options.tags.empty() && !request.recipe.name.empty()) {
    request.options.tags.push_back(TRY(parse_new_name(request.recipe.name)));
  }
  return request;
}

bool writes_to_standard_output(const Request& request) {
  for (const build::OutputSpec& output : request.outputs) {
    if (output.destination == "-") return true;
  }
  return false;
}

Result<build::BuildResult> build_and_write(build::Workshop& workshop, const Request& request,
                                           Progress& progress, const CancelToken& cancel,
                                           build::FailedStep& failed) {
  build::BuildResult result =
      TRY(build::build_image(workshop, request.recipe, request.options, progress, cancel, &failed));
  for (const build::OutputSpec& output : request.outputs) {
    TRY_WHILE(build::write_output(workshop, result.manifest, request.options.tags, output, cancel),
              "writing the image to '{}'", printable(output.destination));
  }
  return result;
}

// A step failed and is kept: the error is told, then what --on-failure says is done. The exit code stays the
// step's.
Outcome after_failure(Session& session, build::Workshop& workshop, const Request& request, Error error,
                      Progress& progress, const build::FailedStep& failed, const Interrupts& interrupts) {
  const int code = interrupts.exit_code(failed.exit_code != 0 ? failed.exit_code : 125);
  const std::string& wanted = request.on_failure;
  const std::string reopen = fmt::format("'ecrin debug {}' opens the step as it was left", failed.kept);
  progress.failed(error);
  const bool opens = wanted != "keep" && interrupts.signal() == 0;
  if (!opens) {
    if (progress.reports_errors()) return code;
    return std::unexpected(Failure(std::move(error).hint(reopen), code));
  }
  if (!progress.reports_errors()) session.console().print(format_error(error, session.style().colour));
  if (wanted == "shell" && !has_terminal()) {
    session.console().print(
        format_warning("no shell is opened, because this is no terminal", session.style().colour));
    session.console().print("hint: " + reopen);
    return code;
  }
  build::KeptSteps kept(workshop.store().database());
  const build::KeptStep step = TRY(kept.find(failed.kept));
  std::vector<std::string> command;
  if (wanted != "shell") command = {"/bin/sh", "-c", wanted};
  const Outcome entered = enter_step(session, workshop, step, request.options, command, interrupts.token());
  if (!entered) {
    session.console().print(format_error(entered.error().error, session.style().colour));
    session.console().print("hint: " + reopen);
  }
  return code;
}

std::vector<std::string> shown_names(const std::vector<oci::Reference>& tags) {
  std::vector<std::string> names;
  for (const oci::Reference& tag : tags) {
    std::string name = tag.to_string();
    if (name.starts_with("localhost/")) name = name.substr(10);
    names.push_back(std::move(name));
  }
  return names;
}

Outcome run(Session& session, const Arguments& arguments) {
  Request request = TRY(read_request(session, arguments));
  const build::PullPolicy policy = TRY(pull_policy(arguments, "pull"));
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  build::Workshop* workshop = TRY(session.workshop());
  request.options.obtain_image = image_obtainer(session, *workshop, *registries, policy, request.progress);
  const Clock clock = steady_clock();
  const double start = clock();
  const auto progress = make_progress(request.progress, session.console(), session.style(), clock);
  build::FailedStep failed;
  auto result = build_and_write(*workshop, request, *progress, interrupts.token(), failed);
  if (!result && !failed.kept.empty())
    return after_failure(session, *workshop, request, std::move(result).error(), *progress, failed,
                         interrupts);
  if (!result) {
    // The step's own exit code, as `make` in a script would give it; 0 is no failure code.
    const int code = interrupts.exit_code(failed.exit_code != 0 ? failed.exit_code : 125);
    progress->failed(result.error());
    if (progress->reports_errors()) return code;
    return std::unexpected(Failure(std::move(result).error(), code));
  }
  const std::string id = result->image_id.digest.to_string();
  progress->succeeded({.image_id = id,
                       .manifest = result->manifest.to_string(),
                       .names = shown_names(request.options.tags),
                       .seconds = clock() - start,
                       .steps_run = result->steps_run,
                       .steps_cached = result->steps_cached});
  if (const auto file = arguments.find("iidfile")) TRY(write_file_atomically(*file, id));
  // With an archive on standard output there is no room for the ID.
  if (!writes_to_standard_output(request)) print_line(id);
  return 0;
}

std::vector<Flag> flags() {
  return {
      {.name = "build-arg",
       .value = "NAME=VALUE",
       .help = "set a declared argument; NAME alone takes it from the environment",
       .occurs = Occurs::often},
      {.name = "explain",
       .value = "",
       .help = "say for each step why it ran and was not taken from the cache"},
      {.name = "file",
       .letter = 'f',
       .value = "FILE",
       .help = "the recipe; '-' reads standard input",
       .completion = Completion::file},
      {.name = "iidfile",
       .value = "FILE",
       .help = "write the image's ID to a file",
       .completion = Completion::file},
      {.name = "jobs", .value = "N", .help = "steps at the same time; default: the number of processors"},
      {.name = "network",
       .value = "MODE",
       .help = "of run steps that do not say: private (default), host or none",
       .completion = Completion::word,
       .words = {"private", "host", "none"}},
      {.name = "no-cache", .value = "", .help = "run all steps"},
      {.name = "on-failure",
       .value = "WHAT",
       .help =
           "of a step that fails: keep it for 'ecrin debug' (default), open a shell in it, or run a command "
           "in it"},
      {.name = "output",
       .letter = 'o',
       .value = "SPEC",
       .help = "also write the image: type=oci|oci-dir|oci-archive|docker-archive|tar|local,dest=PATH",
       .occurs = Occurs::often,
       .completion = Completion::file},
      {.name = "platform", .value = "OS/ARCH", .help = "build for this platform; default: this machine's"},
      {.name = "progress",
       .value = "KIND",
       .help = "auto (default), tty, plain, json or quiet",
       .completion = Completion::word,
       .words = {"auto", "tty", "plain", "json", "quiet"}},
      {.name = "pull",
       .value = "WHEN",
       .help = "images that the recipe names: missing (default), always, newer or never",
       .completion = Completion::word,
       .words = {"missing", "always", "newer", "never", "true", "false"},
       .alone = "always"},
      {.name = "quiet", .letter = 'q', .value = "", .help = "print the ID and errors only"},
      {.name = "secret",
       .value = "SPEC",
       .help = "id=NAME,src=FILE or id=NAME,env=VARIABLE, for steps that ask for it",
       .occurs = Occurs::often},
      {.name = "tag",
       .letter = 't',
       .value = "NAME",
       .help = "name the image; default: the recipe's name",
       .occurs = Occurs::often},
      {.name = "target", .value = "STAGE", .help = "build this stage; default: the last"},
      {.name = "timestamp",
       .value = "SECONDS",
       .help = "times in the image: seconds since 1970, or 'now' for the real ones"},
      {.name = "until",
       .value = "STEP",
       .help = "stop at a step and make its image: a step's number, :LINE, STAGE or STAGE:NUMBER"},
  };
}

}  // namespace

const Verb& build_verb() {
  static const Verb verb{
      .name = "build",
      .operands = "[PATH]",
      .summary = "Build an image from a recipe",
      .details =
          "PATH is a recipe (its directory is the context) or a context directory with a recipe.yaml or "
          "ecrin.yaml; "
          "default: the working directory. Steps that ran before with the same inputs are taken from the "
          "cache. "
          "A run step that fails gives its own exit code.",
      .flags = with_flags(flags(), registry_flags()),
      .most_operands = 1,
      .completion = Completion::file,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
