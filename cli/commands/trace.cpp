// verb: trace
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "build/run_traces.hpp"
#include "build/traced_images.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_edit.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"
#include "cli/status_line.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

std::string_view use_of(const fs::TracedPath& path) {
  if (!path.is_there) return "absent";
  if (!path.content.empty()) return "read";
  return path.names.empty() ? "looked up" : "listed";
}

// "//context/src" is what a step mounted.
std::string name_of(const fs::TracedPath& path) {
  return path.path.starts_with("//") ? path.path : "/" + path.path;
}

Result<> print_paths(const fs::ImageTrace& trace, const std::string& format) {
  if (!format.empty()) {
    std::vector<Json> rows;
    for (const fs::TracedPath& path : trace)
      rows.push_back({{"Path", name_of(path)}, {"Use", std::string(use_of(path))}});
    return print_formatted(format, rows);
  }
  std::string lines;
  for (const fs::TracedPath& path : trace)
    lines += fmt::format("{:<9}  {}\n", use_of(path), printable(name_of(path)));
  print(lines);
  return {};
}

struct Counts {
  std::size_t found = 0;  // with those that follow
  std::size_t listed = 0;
  std::size_t read = 0;
  std::size_t absent = 0;
};

Counts count(const fs::ImageTrace& trace) {
  Counts counts;
  for (const fs::TracedPath& path : trace) {
    ++(path.is_there ? counts.found : counts.absent);
    if (!path.names.empty()) ++counts.listed;
    if (!path.content.empty()) ++counts.read;
  }
  return counts;
}

Json step_json(const build::ImageStepTrace& step) {
  Json json = {{"Step", step.step},      {"CreatedBy", printable(step.text)},
               {"Found", nullptr},       {"Absent", nullptr},
               {"Listed", nullptr},      {"Read", nullptr},
               {"Missing", step.missing}};
  if (!step.trace) return json;
  const Counts counts = count(*step.trace);
  json["Found"] = counts.found;
  json["Absent"] = counts.absent;
  json["Listed"] = counts.listed;
  json["Read"] = counts.read;
  return json;
}

// All runs, whatever part of the image they stood on.
struct Runs {
  std::uint64_t count = 0;
  fs::ImageTrace trace;
};

Result<Runs> runs_of(build::Workshop& workshop, const oci::Image& image) {
  Runs runs;
  build::RunTraces traces(workshop.store().database());
  for (const build::RunTrace& run : TRY(traces.of(image.id().digest.to_string()))) {
    runs.count += run.runs;
    runs.trace = build::merge_traces(run.trace, runs.trace);
  }
  return runs;
}

Result<> list_steps(build::Workshop& workshop, const oci::Image& image, const Arguments& arguments) {
  const Interrupts interrupts;
  const auto steps = TRY(build::all_traces_of_image(workshop, image, &interrupts.token()));
  std::vector<Json> rows;
  std::ranges::transform(steps, std::back_inserter(rows), step_json);
  if (const std::string format = arguments.value("format"); !format.empty())
    return print_formatted(format, rows);
  std::vector<std::vector<std::string>> cells;
  for (const Json& row : rows) {
    const auto number = [&](const char* name) {
      return row[name].is_null() ? "" : std::to_string(row[name].get<std::size_t>());
    };
    const std::string text = row["CreatedBy"];
    cells.push_back({number("Step"), number("Found"), number("Absent"), number("Listed"), number("Read"),
                     arguments.on("no-trunc") ? text : elide(text, 45), row["Missing"]});
  }
  print(format_table({"STEP", "FOUND", "ABSENT", "LISTED", "READ", "CREATED BY", "NO TRACE: WHY"}, cells,
                     Heading::shown));
  const Runs runs = TRY(runs_of(workshop, image));
  if (runs.count == 0) return {};
  const Counts counts = count(runs.trace);
  print_line(fmt::format("{} traced run{}: {} found, {} absent, {} listed, {} read", runs.count,
                         runs.count == 1 ? "" : "s", counts.found, counts.absent, counts.listed,
                         counts.read));
  return {};
}

Result<> show_step(build::Workshop& workshop, const oci::Image& image, std::size_t number,
                   const std::string& format) {
  const std::size_t entries = image.config.history.size();
  if (number > entries)
    return std::unexpected(Error(ErrorKind::not_found,
                                 fmt::format("the image has no step {}: its history has {}", number, entries))
                               .hint("'ecrin history' lists them"));
  const Interrupts interrupts;
  const auto steps = TRY(build::all_traces_of_image(workshop, image, &interrupts.token()));
  const auto step = std::ranges::find(steps, number, &build::ImageStepTrace::step);
  if (step != steps.end() && step->trace) return print_paths(*step->trace, format);
  const std::string reason = step == steps.end() ? "it changed no file, and no trace fits it" : step->missing;
  return std::unexpected(
      Error(ErrorKind::not_found, fmt::format("what step {} used is not known: {}", number, reason))
          .hint("'ecrin trace IMAGE' lists the steps of which it is"));
}

Result<> show_runs(build::Workshop& workshop, const oci::Image& image, const std::string& format) {
  const Runs runs = TRY(runs_of(workshop, image));
  if (runs.count > 0) return print_paths(runs.trace, format);
  return std::unexpected(Error(ErrorKind::not_found, "no run of this image was recorded")
                             .hint("'ecrin run --trace' records one"));
}

Outcome run(Session& session, const Arguments& arguments) {
  const StepName name = TRY(parse_step_name(arguments.operands().front()));
  build::Workshop& workshop = *TRY(session.workshop());
  const oci::Image image = TRY(open_image(workshop.images(), name.image));
  const std::string format = arguments.value("format");
  if (name.step && arguments.on("runs"))
    return std::unexpected(Error(ErrorKind::invalid, "--runs is for an image, not for a step of it"));
  if (name.step) {
    TRY(show_step(workshop, image, *name.step, format));
  } else if (arguments.on("runs")) {
    TRY(show_runs(workshop, image, format));
  } else {
    TRY(list_steps(workshop, image, arguments));
  }
  return 0;
}

}  // namespace

const Verb& trace_verb() {
  static const Verb verb{
      .name = "trace",
      .operands = "IMAGE[@STEP]",
      .summary = "Show what the steps of an image used",
      .details =
          "IMAGE: the steps that made its layers, and how much each is known to have used of the tree below "
          "it. IMAGE@STEP: the paths, one a line. Known is what ran here with 'ecrin build --cache=traced'.",
      .flags =
          {
              {.name = "format", .value = "FORMAT", .help = "json, or a template like '{{.Use}} {{.Path}}'"},
              {.name = "no-trunc", .value = "", .help = "show whole commands"},
              {.name = "runs", .value = "", .help = "what containers of 'ecrin run --trace' used"},
          },
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
