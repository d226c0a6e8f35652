// verb: build
#include "build/build.hpp"

#include "base/atomic_file.hpp"
#include "base/text.hpp"
#include "build/output.hpp"
#include "cli/build_request.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/progress.hpp"
#include "cli/recipe_check.hpp"
#include "cli/recipe_file.hpp"
#include "cli/registries.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

struct Request {
  ParsedRecipe recipe;
  build::BuildOptions options;
  std::vector<build::OutputSpec> outputs;
  ProgressKind progress = ProgressKind::automatic;
  std::vector<std::string> notes;
  bool has_own_times = false;  // --timestamp
};

Result<ProgressKind> choose_progress(const Session& session, const Arguments& arguments) {
  if (arguments.on("quiet")) return ProgressKind::quiet;
  if (const auto word = arguments.find("progress")) return parse_progress(*word);
  const std::string usual = session.environment()("BUILDKIT_PROGRESS").value_or("");
  if (usual.empty()) return ProgressKind::automatic;
  if (usual == "rawjson") return ProgressKind::json;
  return TRY_WHILE(parse_progress(usual), "reading BUILDKIT_PROGRESS");
}

Result<std::map<std::string, std::string>> build_arguments(const Session& session,
                                                           const Arguments& arguments) {
  std::vector<std::string> texts;
  for (const std::string& file : arguments.values("build-arg-file")) {
    for (std::string& text : TRY(read_build_arg_file(file))) texts.push_back(std::move(text));
  }
  for (const std::string& text : arguments.values("build-arg")) texts.push_back(text);
  return parse_build_args(texts, session.environment());
}

// All that can be wrong with the words and the text comes out here, before the store is opened.
Result<Request> read_request(Session& session, const Arguments& arguments) {
  Request request;
  request.progress = TRY(choose_progress(session, arguments));
  request.options = TRY(build_options(arguments, session.environment(), session.now()));
  request.has_own_times = arguments.find("timestamp").has_value();
  for (const std::string& text : arguments.values("output")) {
    request.outputs.push_back(TRY(build::parse_output(text)));
  }
  const std::string path = arguments.operands().empty() ? "." : arguments.operands().front();
  const RecipeSource source = TRY(find_recipe(arguments.value("file"), path));
  request.options.context_directory = source.context_directory;
  if (!source.also_there.empty()) {
    request.notes.push_back(fmt::format("building {}; in the context there is also {} (-f builds another)",
                                        printable(source.name), join(source.also_there, ", ")));
  }
  request.recipe =
      TRY(parse_recipe(TRY(read_recipe(source)), {.args = TRY(build_arguments(session, arguments)),
                                                  .target = request.options.target,
                                                  .platform = request.options.platform,
                                                  .epoch = TRY(source_date_epoch(session.environment()))}));
  const std::string name = request.recipe.recipe ? request.recipe.recipe->name : "";
  if (request.options.tags.empty() && !name.empty())
    request.options.tags.push_back(TRY(parse_new_name(name)));
  return request;
}

bool writes_to_standard_output(const Request& request) {
  for (const build::OutputSpec& output : request.outputs) {
    if (output.destination == "-") return true;
  }
  return false;
}

Result<recipes::Recipe> finish(build::Workshop& workshop, Request& request, Progress& progress,
                               const CancelToken& cancel) {
  for (const std::string& note : request.notes) progress.note(note);
  FinishedRecipe finished =
      TRY(finish_recipe(request.recipe, workshop, request.options.obtain_image, cancel));
  for (const std::string& note : finished.notes) progress.note(note);
  const std::string warnings =
      TRY(note_findings(request.recipe, request.options.context_directory, finished));
  if (!warnings.empty()) progress.note(warnings);
  if (request.progress == ProgressKind::plain) {
    for (const std::string& remark : finished.remarks) progress.note(remark);
  }
  request.options.target = finished.target;
  for (const auto& [name, value] : finished.proxies) request.options.proxy_environment[name] = value;
  // A build argument wins over the surroundings, as it does with docker.
  const bool is_containerfile = request.recipe.containerfile.has_value();
  if (is_containerfile && !request.has_own_times && finished.recipe.epoch)
    request.options.epoch = finished.recipe.epoch;
  return std::move(finished.recipe);
}

Result<build::BuildResult> build_and_write(build::Workshop& workshop, Request& request, Progress& progress,
                                           const CancelToken& cancel, build::FailedStep& failed) {
  const recipes::Recipe recipe = TRY(finish(workshop, request, progress, cancel));
  build::BuildResult result =
      TRY(build::build_image(workshop, recipe, request.options, progress, cancel, &failed));
  for (const build::OutputSpec& output : request.outputs) {
    TRY_WHILE(build::write_output(workshop, result.manifest, request.options.tags, output, cancel),
              "writing the image to '{}'", printable(output.destination));
  }
  return result;
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

// Nothing is built, and no store is opened. A finding is exit code 1, as docker has it.
Outcome check(const Request& request, const std::string& format) {
  const recipes::LintReport report = TRY(check_recipe(request.recipe, request.options.context_directory));
  TRY(print_report(request.recipe, report, format));
  return report.findings.empty() ? 0 : 1;
}

Outcome run(Session& session, const Arguments& arguments) {
  Request request = TRY(read_request(session, arguments));
  if (arguments.on("check")) return check(request, arguments.value("format"));
  if (arguments.find("format")) {
    return std::unexpected(
        Error(ErrorKind::invalid, "--format is for what --check prints").hint("add --check, or leave it out"));
  }
  const build::PullPolicy policy = TRY(pull_policy(arguments, "pull"));
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  build::Workshop* workshop = TRY(session.workshop());
  request.options.obtain_image =
      remembering(image_obtainer(session, *workshop, *registries, policy, request.progress));
  const Clock clock = steady_clock();
  const double start = clock();
  const auto progress = make_progress(request.progress, session.console(), session.style(), clock);
  build::FailedStep failed;
  auto result = build_and_write(*workshop, request, *progress, interrupts.token(), failed);
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
      {.name = "allow-secret-in-layer",
       .value = "",
       .help = "take layers and settings that hold the bytes of a mounted secret"},
      {.name = "build-arg",
       .value = "NAME=VALUE",
       .help = "set a declared argument; NAME alone takes it from the environment",
       .occurs = Occurs::often},
      {.name = "build-arg-file",
       .value = "FILE",
       .help = "build arguments from a file, one a line",
       .occurs = Occurs::often,
       .completion = Completion::file},
      {.name = "check",
       .value = "",
       .help = "build nothing, only say what is not good in the recipe; exit code 1 when something is"},
      {.name = "explain",
       .value = "",
       .help = "say for each step why it ran and was not taken from the cache"},
      {.name = "file",
       .letter = 'f',
       .value = "FILE",
       .help = "the recipe (Containerfile or YAML); '-' reads standard input",
       .completion = Completion::file},
      {.name = "format",
       .value = "FORMAT",
       .help = "of --check: json, or a template like '{{.line}} {{.ruleName}}'"},
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
      {.name = "ssh",
       .value = "SPEC",
       .help = "default, ID=SOCKET or ID=KEY[,KEY...]: an ssh-agent for steps that ask for it",
       .occurs = Occurs::often,
       .completion = Completion::file},
      {.name = "tag",
       .letter = 't',
       .value = "NAME",
       .help = "name the image; default: the recipe's name",
       .occurs = Occurs::often},
      {.name = "target", .value = "STAGE", .help = "build this stage; default: the last"},
      {.name = "timestamp",
       .value = "SECONDS",
       .help = "times in the image: seconds since 1970, or 'now' for the real ones"},
  };
}

}  // namespace

const Verb& build_verb() {
  static const Verb verb{
      .name = "build",
      .operands = "[PATH]",
      .summary = "Build an image from a recipe",
      .details =
          "PATH is a recipe (its directory is the context) or a context directory with a Containerfile, "
          "Dockerfile, recipe.yaml or ecrin.yaml; default: the working directory. Steps that ran before with "
          "the same inputs are taken from the "
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
