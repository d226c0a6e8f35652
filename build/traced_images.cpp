#include "build/traced_images.hpp"

#include <algorithm>
#include <span>

#include "base/text.hpp"
#include "build/build_cache.hpp"
#include "build/file_digests.hpp"
#include "build/own_steps.hpp"
#include "build/step_traces.hpp"

namespace ecrin::build {
namespace {

constexpr const char* k_not_run = "it did not run here";

struct Row {
  std::string key;
  std::string text;
  std::string below;  // tree_name
  bool is_traced = false;
};

Result<std::vector<Row>> rows_of(Database& database, const std::string& layer) {
  auto lock = database.lock();
  auto select = TRY(
      database.prepare("SELECT s.key, s.text, s.below, EXISTS (SELECT 1 FROM build_traces t WHERE t.key = "
                       "s.key) FROM build_steps s WHERE s.layer = ?1 ORDER BY s.last_used DESC"));
  select.bind(1, layer);
  std::vector<Row> rows;
  while (TRY(select.step()) == Statement::Step::row)
    rows.push_back({.key = select.text(0),
                    .text = select.text(1),
                    .below = select.text(2),
                    .is_traced = select.integer(3) != 0});
  return rows;
}

// "run: make all ..." or "RUN make all": the history has the whole of what follows the first word.
bool is_told_by(const std::string& history, std::string_view text) {
  text.remove_prefix(std::min(text.find(' '), text.size()));
  if (text.ends_with("...")) text.remove_suffix(3);
  text = trim(text);
  return !text.empty() && history.contains(text);
}

// One layer may be the result of several steps: of other commands, and of the same on other trees. A row says
// which layer it was made on, unless that came with a base image.
int likeness(const Row& row, const std::string& history, const std::string& below) {
  int points = row.is_traced ? 1 : 0;
  if (row.below.empty()) points += 2;
  if (!row.below.empty() && split(row.below, ' ').front() == below) points += 4;
  if (is_told_by(history, row.text)) points += 8;
  return points;
}

Result<std::string> why_there_is_none(BuildCache& cache, const std::string& key) {
  const std::optional<KeyInputs> inputs = TRY(cache.inputs_of(key));
  if (!inputs) return k_not_run;
  if (const auto kind = inputs->find("kind"); kind && kind != "run") return "it runs no program of the image";
  if (inputs->find("network") == "host") return "it had the host's network";
  for (const KeyInput input : *inputs)
    if (input.name.starts_with("mount ") && input.value.starts_with("type=ssh "))
      return "it had an ssh-agent";
  return "it ran without --cache=traced, or used its network";
}

// Steps that changed nothing, of whatever images.
Result<std::vector<Row>> rows_without_layer(Database& database) {
  auto lock = database.lock();
  auto select = TRY(
      database.prepare("SELECT s.key, s.below FROM build_steps s WHERE s.layer IS NULL AND EXISTS (SELECT 1 "
                       "FROM build_traces t WHERE t.key = s.key) ORDER BY s.last_used DESC"));
  std::vector<Row> rows;
  while (TRY(select.step()) == Statement::Step::row)
    rows.push_back({.key = select.text(0), .text = "", .below = select.text(1), .is_traced = true});
  return rows;
}

// Nothing in an image names such a step. It is one of the same command to which this tree gives the same
// answers.
class LayerlessSteps {
public:
  LayerlessSteps(Workshop& workshop, BuildCache& cache, std::vector<Row> rows, const CancelToken* cancel)
      : m_workshop(workshop),
        m_cache(cache),
        m_rows(std::move(rows)),
        m_cancel(cancel),
        m_digests(workshop.store().database()) {}

  Result<> find(ImageStepTrace& step, const std::vector<fs::Layer>& below) {
    std::unique_ptr<fs::ImageView> view;
    for (const Row& row : m_rows) {
      if (!row.below.empty() && split(row.below, ' ').front() != below.back().id) continue;
      const auto inputs = TRY(m_cache.inputs_of(row.key));
      if (!inputs || inputs->find("kind") != "run" || !is_history_of(*inputs, step.text)) continue;
      auto trace = TRY(StepTraces(m_workshop.store().database(), m_workshop.layers()).of(row.key));
      if (!trace) continue;
      if (!view) view = TRY(fs::open_image_view(distinct_layer_paths(m_workshop, below), m_cancel));
      if (!TRY(fs::trace_differences(*trace, *view, m_digests.function(), 1, m_cancel)).empty()) continue;
      step.key = row.key;
      step.trace = std::move(trace);
      break;
    }
    return m_digests.keep();
  }

private:
  Workshop& m_workshop;
  BuildCache& m_cache;
  std::vector<Row> m_rows;
  const CancelToken* m_cancel;
  FileDigests m_digests;
};

}  // namespace

std::size_t layers_below(const oci::Image& image, std::size_t step) {
  const auto entries = std::span(image.config.history).first(step - 1);
  return static_cast<std::size_t>(std::ranges::count(entries, false, &oci::HistoryEntry::empty_layer));
}

Result<std::vector<ImageStepTrace>> all_traces_of_image(Workshop& workshop, const oci::Image& image,
                                                        const CancelToken* cancel) {
  std::vector<ImageStepTrace> steps = TRY(traces_of_image(workshop, image));
  Database& database = workshop.store().database();
  std::vector<Row> rows = TRY(rows_without_layer(database));
  if (rows.empty()) return steps;
  const auto cache = TRY(BuildCache::open(database, workshop.layers()));
  LayerlessSteps layerless(workshop, *cache, std::move(rows), cancel);
  std::vector<fs::Layer> below;
  std::vector<ImageStepTrace> found;
  for (std::size_t i = 0; i < image.config.history.size(); ++i) {
    const oci::HistoryEntry& entry = image.config.history[i];
    if (!entry.empty_layer) {
      auto layer = TRY(workshop.layers().find(image.config.diff_ids[below.size()].digest.to_string()));
      if (!layer) break;  // nothing ran on it here
      below.push_back(std::move(*layer));
      continue;
    }
    if (below.empty() || !entry.created_by.starts_with("RUN ")) continue;
    ImageStepTrace step{.step = i + 1, .text = entry.created_by, .key = "", .trace = std::nullopt};
    TRY(layerless.find(step, below));
    if (step.trace) found.push_back(std::move(step));
  }
  std::ranges::move(found, std::back_inserter(steps));
  std::ranges::sort(steps, {}, &ImageStepTrace::step);
  return steps;
}

Result<std::vector<ImageStepTrace>> traces_of_image(Workshop& workshop, const oci::Image& image) {
  const std::vector<oci::HistoryEntry>& history = image.config.history;
  const std::vector<oci::DiffId>& diff_ids = image.config.diff_ids;
  const auto made = std::ranges::count(history, false, &oci::HistoryEntry::empty_layer);
  if (static_cast<std::size_t>(made) != diff_ids.size())
    return fail(ErrorKind::invalid, "the image's history does not say which steps made its {} layers",
                diff_ids.size());
  Database& database = workshop.store().database();
  const auto cache = TRY(BuildCache::open(database, workshop.layers()));
  StepTraces traces(database, workshop.layers());
  std::vector<ImageStepTrace> steps;
  std::string below;  // directory id; "" = unknown
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (history[i].empty_layer) continue;
    ImageStepTrace step{.step = i + 1, .text = history[i].created_by, .key = "", .trace = std::nullopt};
    step.missing = k_not_run;
    const auto layer = TRY(workshop.layers().find(diff_ids[steps.size()].digest.to_string()));
    const std::vector<Row> rows = layer ? TRY(rows_of(database, layer->id)) : std::vector<Row>();
    if (!rows.empty()) {
      const auto row = std::ranges::max_element(
          rows, {}, [&](const Row& each) { return likeness(each, step.text, below); });
      step.key = row->key;
      step.trace = TRY(traces.of(row->key));
      step.missing = step.trace ? "" : TRY(why_there_is_none(*cache, row->key));
    }
    below = layer ? layer->id : "";
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace ecrin::build
