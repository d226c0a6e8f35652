// verb: image unused
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "build/run_traces.hpp"
#include "build/traced_images.hpp"
#include "build/unused_files.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_edit.hpp"
#include "cli/interrupt.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

constexpr std::size_t k_shown = 20;

// What the answer rests on.
struct Known {
  std::vector<build::ImageStepTrace> steps;
  std::vector<build::RunTrace> runs;

  std::size_t traced_steps() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(steps, [](const auto& step) { return step.trace.has_value(); }));
  }
  std::uint64_t traced_runs() const {
    std::uint64_t count = 0;
    for (const build::RunTrace& run : runs) count += run.runs;
    return count;
  }
  std::vector<build::LayersTrace> traces(const oci::Image& image) const {
    std::vector<build::LayersTrace> traces;
    for (const build::ImageStepTrace& step : steps)
      if (step.trace)
        traces.push_back({.trace = &*step.trace, .layers = build::layers_below(image, step.step)});
    for (const build::RunTrace& run : runs) traces.push_back({.trace = &run.trace, .layers = run.layers});
    return traces;
  }
};

std::string counted(std::uint64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string render(const build::UnusedFiles& files, const Known& known, bool all) {
  const std::size_t shown = all ? files.places.size() : std::min(files.places.size(), k_shown);
  std::vector<std::vector<std::string>> cells;
  build::UnusedFiles::Sum rest;
  for (std::size_t i = 0; i < files.places.size(); ++i) {
    const auto& [path, sum] = files.places[i];
    if (i < shown) {
      cells.push_back({human_size(sum.bytes), std::to_string(sum.files), "/" + printable(path)});
    } else {
      rest.bytes += sum.bytes;
      rest.files += sum.files;
    }
  }
  if (shown < files.places.size())
    cells.push_back({human_size(rest.bytes), std::to_string(rest.files),
                     fmt::format("({} more: --all)", files.places.size() - shown)});
  std::string text;
  if (!cells.empty()) text = format_table({"SIZE", "FILES", "PATH"}, cells, Heading::shown);
  text += fmt::format("{} of {} were not read: {} of {}\n", human_size(files.unused.bytes),
                      human_size(files.all.bytes), files.unused.files, counted(files.all.files, "file"));
  text += fmt::format("this rests on {} of {} and {}\n", known.traced_steps(),
                      counted(known.steps.size(), "step"), counted(known.traced_runs(), "traced run"));
  if (known.traced_runs() == 0)
    text += "no run is known: this tells what the build read, not what programs of the image need\n";
  return text;
}

Json place_json(const build::UnusedFiles::Place& place) {
  return {{"Path", "/" + place.path},
          {"Size", human_size(place.sum.bytes)},
          {"RawSize", place.sum.bytes},
          {"Files", place.sum.files}};
}

Json document(const oci::Image& image, const build::UnusedFiles& files, const Known& known) {
  Json json = {{"Id", image.id().digest.hex()},
               {"Size", files.all.bytes},
               {"Files", files.all.files},
               {"UnusedSize", files.unused.bytes},
               {"UnusedFiles", files.unused.files},
               {"Steps", known.steps.size()},
               {"TracedSteps", known.traced_steps()},
               {"TracedRuns", known.traced_runs()},
               {"Unused", Json::array()}};
  for (const build::UnusedFiles::Place& place : files.places) json["Unused"].push_back(place_json(place));
  return json;
}

Outcome run(Session& session, const Arguments& arguments) {
  const Interrupts interrupts;
  build::Workshop& workshop = *TRY(session.workshop());
  const std::string& words = arguments.operands().front();
  const oci::Image image = TRY(open_image(workshop.images(), words));
  Known known;
  known.steps = TRY(build::all_traces_of_image(workshop, image, &interrupts.token()));
  known.runs = TRY(build::RunTraces(workshop.store().database()).of(image.id().digest.to_string()));
  if (known.traced_steps() == 0 && known.runs.empty())
    return std::unexpected(
        Error(ErrorKind::not_found, fmt::format("nothing is known of what reads the files of '{}': no step "
                                                "and no run of it was recorded",
                                                printable(words)))
            .hint("'ecrin run --trace' records a run, 'ecrin build --cache=traced' the steps"));
  const std::vector<fs::Layer> layers = TRY(workshop.unpack(image, &interrupts.token()));
  const build::UnusedFiles files = TRY(build::find_unused_files(build::layer_paths(workshop, layers),
                                                                known.traces(image), &interrupts.token()));
  const std::string format = arguments.value("format");
  if (format == "json") {
    print(dump_json_pretty(document(image, files, known)));
  } else if (!format.empty()) {
    std::vector<Json> rows;
    std::ranges::transform(files.places, std::back_inserter(rows), place_json);
    TRY(print_formatted(format, rows));
  } else {
    print(render(files, known, arguments.on("all")));
  }
  return 0;
}

}  // namespace

const Verb& image_unused_verb() {
  static const Verb verb{
      .name = "image unused",
      .operands = "IMAGE",
      .summary = "Show which files of an image nothing was seen to read",
      .details =
          "Neither a later step of its build ('ecrin build --cache=traced') nor a container of it "
          "('ecrin run --trace') read them. A directory stands for all that is in it when nothing in it was "
          "read.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "all paths, not only the largest ones"},
              {.name = "format",
               .value = "FORMAT",
               .help = "json, or a template like '{{.RawSize}} {{.Path}}'"},
          },
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
