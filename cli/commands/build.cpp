// verb: build
#include "build/build.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/output.hpp"
#include "build/until.hpp"
#include "cli/build_context.hpp"
#include "cli/build_failure.hpp"
#include "cli/build_flags.hpp"
#include "cli/build_forecast.hpp"
#include "cli/build_platforms.hpp"
#include "cli/build_request.hpp"
#include "cli/cache_options.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/progress.hpp"
#include "cli/recipe_check.hpp"
#include "cli/recipe_file.hpp"
#include "cli/recipe_outline.hpp"
#include "cli/registries.hpp"
#include "cli/resource_flags.hpp"
#include "cli/run_settings.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

// The image was built, only the shared cache was not.
constexpr int k_cache_not_written = 123;

struct Request {
  std::optional<build::ContextFiles> unpacked;  // a context that is not on this machine as a directory
  ParsedRecipe recipe;
  std::vector<ParsedRecipe> further;    // the same for the platforms after the first
  std::optional<oci::Reference> index;  // --manifest
  recipes::Recipe finished;             // what it means, with its bases known
  build::BuildOptions options;
  std::vector<build::OutputSpec> outputs;
  CacheRequests caches;
  ProgressKind progress = ProgressKind::automatic;
  std::string on_failure;  // keep, shell, or a command
  std::string until;
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

// --manifest
Result<std::optional<oci::Reference>> index_name(const Arguments& arguments,
                                                 const std::vector<oci::Reference>& tags) {
  const auto text = arguments.find("manifest");
  if (!text) return std::optional<oci::Reference>();
  oci::Reference name = TRY(parse_new_name(*text));
  if (std::ranges::find(tags, name) != tags.end())
    return fail(ErrorKind::invalid, "'{}' cannot be both the image (-t) and the index (--manifest)",
                printable(*text));
  return std::optional(std::move(name));
}

// The text of the recipe, and where it stands in the context.
Result<RecipeText> find_text(Session& session, const Arguments& arguments, Request& request,
                             const CancelToken& cancel) {
  const std::string path = arguments.operands().empty() ? "." : arguments.operands().front();
  const std::string file = arguments.value("file");
  if (path == "-" && file == "-") {
    return fail(ErrorKind::invalid, "standard input cannot be both the recipe and the context");
  }
  request.unpacked = TRY(open_context_operand(session, path, request.options, cancel));
  const std::string& name = request.options.context_name;
  if (request.unpacked && request.unpacked->text) {
    if (!file.empty())
      return fail(ErrorKind::invalid, "with -f, '{}' must be an archive: it is a recipe", printable(name));
    return recipe_text({.name = name, .path = {}, .context_directory = {}, .also_there = {}},
                       *request.unpacked->text);
  }
  const bool is_unpacked = request.unpacked.has_value() && file != "-";
  const RecipeSource source =
      is_unpacked ? TRY(find_recipe_inside(*request.unpacked, file, name))
                  : TRY(find_recipe(file, request.unpacked ? request.unpacked->directory : path));
  request.options.context_directory =
      request.unpacked ? request.unpacked->directory : source.context_directory;
  request.options.recipe_file = source.path;
  if (!source.also_there.empty()) {
    request.notes.push_back(fmt::format("building {}; in the context there is also {} (-f builds another)",
                                        printable(source.name), join(source.also_there, ", ")));
  }
  return read_recipe(source);
}

// All that can be wrong with the words and the text comes out here, before the store is opened (but for
// contexts that must be unpacked there).
Result<Request> read_request(Session& session, const Arguments& arguments, const CancelToken& cancel) {
  Request request;
  request.progress = TRY(choose_progress(session, arguments));
  request.on_failure = arguments.value("on-failure", "keep");
  if (request.on_failure.empty())
    return fail(ErrorKind::invalid, "--on-failure is keep, shell or a command, not ''");
  request.until = arguments.value("until");
  request.options = TRY(build_options(arguments, session.environment(), session.now()));
  const std::vector<oci::Platform> platforms = TRY(build_platforms(arguments, session.environment()));
  if (!platforms.empty()) request.options.platform = platforms.front();
  request.index = TRY(index_name(arguments, request.options.tags));
  request.has_own_times = arguments.find("timestamp").has_value();
  for (const std::string& text : arguments.values("output")) {
    request.outputs.push_back(TRY(build::parse_output(text)));
    if (platforms.size() > 1) TRY(check_holds_all(request.outputs.back()));
  }
  request.caches = TRY(parse_caches(arguments));
  TRY(read_context_options(arguments, session.environment(), request.options));
  RecipeRequest wanted;
  wanted.args = TRY(build_arguments(session, arguments));
  wanted.target = request.options.target;
  wanted.platform = request.options.platform;
  wanted.epoch = TRY(source_date_epoch(session.environment()));
  RecipeText text = TRY(find_text(session, arguments, request, cancel));
  request.recipe = TRY(parse_recipe(std::move(text), wanted));
  for (std::size_t i = 1; i < platforms.size(); ++i) {
    wanted.platform = platforms[i];
    request.further.push_back(TRY(parse_recipe(request.recipe.source, wanted)));
  }
  const std::string name = request.recipe.recipe ? request.recipe.recipe->name : "";
  // The recipe's own name is for the whole image.
  if (request.options.tags.empty() && !request.index && !name.empty() && !arguments.has("until"))
    request.options.tags.push_back(TRY(parse_new_name(name)));
  return request;
}

// All that the build gives names to.
std::vector<oci::Reference> names_of(const Request& request) {
  std::vector<oci::Reference> names = request.options.tags;
  if (request.index) names.push_back(*request.index);
  return names;
}

bool writes_to_standard_output(const Request& request) {
  for (const build::OutputSpec& output : request.outputs) {
    if (output.destination == "-") return true;
  }
  return false;
}

Result<> finish(build::Workshop& workshop, Request& request, const ParsedRecipe& recipe,
                build::BuildObserver& progress, const CancelToken& cancel) {
  for (const std::string& note : request.notes) progress.note(note);
  FinishedRecipe finished = TRY(finish_recipe(recipe, workshop, request.options, cancel));
  for (const std::string& note : finished.notes) progress.note(note);
  const Notes notes = request.progress == ProgressKind::quiet ? Notes::unseen : Notes::shown;
  const std::string warnings = TRY(note_findings(recipe, request.options, finished, notes));
  if (!warnings.empty()) progress.note(warnings);
  if (request.progress == ProgressKind::plain) {
    for (const std::string& remark : finished.remarks) progress.note(remark);
  }
  request.options.target = finished.target;
  for (const auto& [name, value] : finished.proxies) request.options.proxy_environment[name] = value;
  // A build argument wins over the surroundings, as it does with docker.
  const bool is_containerfile = recipe.containerfile.has_value();
  if (is_containerfile && !request.has_own_times && finished.recipe.epoch)
    request.options.epoch = finished.recipe.epoch;
  request.finished = std::move(finished.recipe);
  if (request.until.empty()) return {};
  build::CutRecipe cut = TRY_WHILE(build::cut_recipe(request.finished, request.options.target, request.until),
                                   "reading --until");
  request.finished = std::move(cut.recipe);
  request.options.target = std::move(cut.target);
  return {};
}

Result<build::BuildResult> build_one(build::Workshop& workshop, Request& request, const ParsedRecipe& parsed,
                                     build::BuildObserver& progress, const CancelToken& cancel,
                                     build::FailedStep& failed) {
  TRY(finish(workshop, request, parsed, progress, cancel));
  return build::build_image(workshop, request.finished, request.options, progress, cancel, &failed);
}

Result<build::BuildResult> build_image(build::Workshop& workshop, Request& request, Progress& progress,
                                       const CancelToken& cancel, build::FailedStep& failed) {
  if (request.index && request.options.tags.empty()) request.options.role = oci::Role::part;
  build::BuildResult result = TRY(build_one(workshop, request, request.recipe, progress, cancel, failed));
  if (request.index) {
    const oci::Platform platform = request.options.platform.value_or(oci::Platform::host());
    TRY(add_to_index(workshop.images(), *request.index, {{platform, result.manifest}}));
  }
  for (const build::OutputSpec& output : request.outputs) {
    TRY_WHILE(build::write_output(workshop, result.manifest, request.options.tags, output, cancel),
              "writing the image to '{}'", printable(output.destination));
  }
  return result;
}

// An image for each platform, one after another: what they share the first one leaves in the cache. The
// result is their index.
Result<build::BuildResult> build_index(build::Workshop& workshop, Request& request, Progress& progress,
                                       const CancelToken& cancel, build::FailedStep& failed) {
  const std::vector<oci::Reference> tags = std::exchange(request.options.tags, {});
  request.options.role = oci::Role::part;
  PlatformObserver observer(progress);
  std::vector<PlatformImage> built;
  build::BuildResult result;
  const auto build_for = [&](const ParsedRecipe& recipe) -> Result<> {
    const oci::Platform platform = *recipe.request.platform;
    request.options.platform = platform;
    observer.set_platform(platform.to_string());
    build::BuildResult one = TRY_WHILE(build_one(workshop, request, recipe, observer, cancel, failed),
                                       "building for {}", platform.to_string());
    built.push_back({platform, one.manifest});
    result.steps_run += one.steps_run;
    result.steps_cached += one.steps_cached;
    if (!result.cache_failure) result.cache_failure = std::move(one.cache_failure);
    return {};
  };
  TRY(build_for(request.recipe));
  for (const ParsedRecipe& recipe : request.further) TRY(build_for(recipe));
  request.options.tags = tags;
  std::optional<oci::ImageRecord> index;
  if (!request.index || !tags.empty()) index = TRY(make_index(workshop.images(), built, tags));
  if (request.index) {
    const oci::ImageRecord added = TRY(add_to_index(workshop.images(), *request.index, built));
    if (!index) index = added;
  }
  result.manifest = index->manifest;
  result.image_id = index->id;
  for (const build::OutputSpec& output : request.outputs) {
    TRY_WHILE(write_index_output(workshop, index->manifest, tags.empty() ? names_of(request) : tags, built,
                                 output, cancel),
              "writing the images to '{}'", printable(output.destination));
  }
  return result;
}

Result<build::BuildResult> build_and_write(build::Workshop& workshop, Request& request, Progress& progress,
                                           const CancelToken& cancel, build::FailedStep& failed) {
  return request.further.empty() ? build_image(workshop, request, progress, cancel, failed)
                                 : build_index(workshop, request, progress, cancel, failed);
}

FailurePlace failure_place(const Request& request, const build::FailedStep& failed) {
  return {.file = request.recipe.source.file,
          .line = failed.location.line,
          .step = failed.number,
          .exit_code = failed.exit_code,
          .lines = recipes::excerpt(request.recipe.source.text, request.finished, failed.location)};
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

/// Docker's keys.
std::string metadata(build::Workshop& workshop, const build::BuildResult& result,
                     const std::vector<oci::Reference>& tags) {
  const std::string manifest = result.manifest.to_string();
  const auto size = workshop.blobs().size_of(result.manifest);
  std::vector<std::string> names;
  for (const oci::Reference& tag : tags) names.push_back(tag.to_string());
  const bool is_index = result.image_id.digest == result.manifest;
  Json json = {{"buildx.build.ref", "ecrin/local/" + result.manifest.hex().substr(0, 25)},
               {"containerimage.digest", manifest},
               {"containerimage.descriptor",
                {{"mediaType", is_index ? oci::media_type::k_index : oci::media_type::k_manifest},
                 {"digest", manifest},
                 {"size", size ? size->value_or(0) : std::uint64_t{0}}}}};
  if (!is_index) json["containerimage.config.digest"] = result.image_id.digest.to_string();
  if (!names.empty()) json["image.name"] = join(names, ",");
  return dump_json_pretty(json) + "\n";
}

/// Where progress goes: standard error, or a file.
class ProgressOutput {
public:
  static Result<std::unique_ptr<ProgressOutput>> open(const Arguments& arguments) {
    auto output = std::make_unique<ProgressOutput>();
    if (const auto path = arguments.find("logfile")) {
      output->m_file = TRY(posix::open(TRY(absolute_path(*path)), O_WRONLY | O_CREAT | O_TRUNC, 0644));
      output->m_lines = std::make_unique<StatusLine>(
          [file = &output->m_file](std::string_view text) { (void)posix::write_full(*file, text); },
          StatusLine::Size());
    }
    return output;
  }
  StatusLine& lines(Session& session) { return m_lines ? *m_lines : session.console(); }

private:
  Fd m_file;
  std::unique_ptr<StatusLine> m_lines;
};

// Nothing is built, and no store is opened. A finding is exit code 1, and so is a recipe that is wrong, as
// docker has it.
constexpr int k_found = 1;

Outcome check(const Request& request, const std::string& format) {
  const auto report = check_recipe(request.recipe, request.options);
  if (!report) return std::unexpected(Failure(report.error(), k_found));
  TRY(print_report(request.recipe, *report, format));
  return report->findings.empty() ? 0 : k_found;
}

// --call: words about the recipe in place of a build.
Outcome call(const Request& request, const Call& wanted) {
  switch (wanted.method) {
    case CallMethod::build:
      break;
    case CallMethod::check:
      return check(request, wanted.format);
    case CallMethod::outline:
      TRY(print_outline(request.recipe, wanted.format));
      break;
    case CallMethod::targets:
      TRY(print_targets(request.recipe, wanted.format));
      break;
  }
  return 0;
}

// --what-if: nothing runs.
Outcome forecast(build::Workshop& workshop, Request& request, const std::vector<std::string>& files,
                 Progress& progress, const CancelToken& cancel) {
  const auto paths = TRY(context_paths(files, request.options.context_directory));
  TRY(finish(workshop, request, request.recipe, progress, cancel));
  print(forecast_text(TRY(build::what_if(workshop, request.finished, request.options, paths, cancel))));
  return 0;
}

Outcome run(Session& session, const Arguments& arguments) {
  const Call wanted = parse_call(arguments.value("call", "build"));
  const auto output = TRY(ProgressOutput::open(arguments));
  const Interrupts interrupts;
  const bool checks = wanted.method == CallMethod::check || arguments.on("check");
  auto read = read_request(session, arguments, interrupts.token());
  if (!read) {
    const bool is_wrong = checks && read.error().kind() == ErrorKind::invalid;
    return std::unexpected(Failure(std::move(read).error(), is_wrong ? k_found : 125));
  }
  Request request = *std::move(read);
  if (wanted.method != CallMethod::build) return call(request, wanted);
  if (checks) return check(request, arguments.value("format"));
  const build::PullPolicy policy = TRY(pull_policy(arguments, "pull"));
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  request.options.run.cgroups = TRY(open_cgroups(session, request.options.run.resources));
  build::Workshop* workshop = TRY(session.workshop());
  request.options.obtain_image =
      remembering(image_obtainer(session, *workshop, *registries, policy, request.progress));
  add_caches(request.options, request.caches, session, *workshop, *registries, request.progress);
  const Clock clock = steady_clock();
  const double start = clock();
  const auto progress = make_progress(request.progress, output->lines(session), session.style(), clock);
  if (const auto files = arguments.values("what-if"); !files.empty())
    return forecast(*workshop, request, files, *progress, interrupts.token());
  build::FailedStep failed;
  auto result = build_and_write(*workshop, request, *progress, interrupts.token(), failed);
  if (!result) {
    return tell_failure(session, *workshop, *progress,
                        {std::move(result).error(), failure_place(request, failed), failed},
                        request.on_failure, request.options, interrupts.token());
  }
  const std::string id = result->image_id.digest.to_string();
  progress->succeeded({.image_id = id,
                       .manifest = result->manifest.to_string(),
                       .names = shown_names(names_of(request)),
                       .seconds = clock() - start,
                       .steps_run = result->steps_run,
                       .steps_cached = result->steps_cached});
  if (const auto file = arguments.find("iidfile")) TRY(write_file_atomically(*file, id));
  if (const auto file = arguments.find("metadata-file"))
    TRY(write_file_atomically(*file, metadata(*workshop, *result, names_of(request))));
  // With an archive on standard output there is no room for the ID.
  if (!writes_to_standard_output(request)) print_line(id);
  if (!result->cache_failure) return 0;
  return std::unexpected(Failure(std::move(*result->cache_failure), k_cache_not_written));
}

}  // namespace

const Verb& build_verb() {
  static const Verb verb{
      .name = "build",
      .operands = "[PATH]",
      .summary = "Build an image from a recipe",
      .details =
          "PATH is a recipe (its directory is the context) or a context directory with a Containerfile, "
          "Dockerfile, recipe.yaml or ecrin.yaml; default: the working directory. It may also be a git "
          "repository (URL#REF:DIRECTORY), an archive, a URL of one, or '-': an archive or a recipe on "
          "standard "
          "input. Steps that ran before with the same inputs are taken from the "
          "cache. "
          "A run step that fails gives its own exit code.",
      .flags = build_flags(),
      .most_operands = 1,
      .completion = Completion::file,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
