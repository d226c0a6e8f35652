#include "build/own_steps.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "build/image_steps.hpp"
#include "build/rebased_inputs.hpp"
#include "build/step_descriptions.hpp"
#include "build/step_traces.hpp"
#include "recipes/step_text.hpp"

namespace ecrin::build {
namespace {

// "RUN make" is "run", docker's "/bin/sh -c #(nop) COPY ..." "copy".
std::string instruction_of(std::string_view created_by) {
  constexpr std::string_view old_way = "/bin/sh -c #(nop)";
  if (created_by.starts_with(old_way)) created_by = trim(created_by.substr(old_way.size()));
  return to_lower(created_by.substr(0, created_by.find(' ')));
}

bool makes_files(std::string_view instruction) {
  constexpr std::string_view all[] = {"run", "copy", "add", "write", "workdir"};
  return std::ranges::find(all, instruction) != std::end(all);
}

// The words that shell_quote() wrote, with a space between them.
std::vector<std::string> unquoted(std::string_view text) {
  std::vector<std::string> words(1);
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && text[i] == '\\' && i + 1 < text.size()) {
      words.back() += text[++i];
    } else if (!is_quoted && text[i] == ' ') {
      words.emplace_back();
    } else {
      words.back() += text[i];
    }
  }
  return words;
}

class Collector {
public:
  Collector(Workshop& workshop, BuildCache& cache, const oci::Image& image, std::vector<std::string> keys)
      : m_database(workshop.store().database()),
        m_cache(cache),
        m_traces(m_database, workshop.layers()),
        m_descriptions(m_database),
        m_image(image),
        m_keys(std::move(keys)) {}

  Result<std::vector<OwnStep>> run(std::size_t first, const std::vector<ImageStepTrace>& made) {
    std::vector<OwnStep> steps;
    std::size_t layer = 0;
    for (std::size_t i = 0; i < m_image.config.history.size(); ++i) {
      const oci::HistoryEntry& entry = m_image.config.history[i];
      const std::size_t own_layer = layer;
      if (!entry.empty_layer) ++layer;
      if (i < first || (entry.empty_layer && !makes_files(instruction_of(entry.created_by)))) continue;
      OwnStep step = unknown(i);
      if (!entry.empty_layer) step.layer = own_layer;
      TRY(look_up(step, entry.empty_layer ? nullptr : &made[own_layer]));
      // A COPY of which nothing is known and that made nothing is no step that anybody could look at.
      if (step.layer || !step.key.empty() || step.may_run) steps.push_back(std::move(step));
    }
    return steps;
  }

private:
  OwnStep unknown(std::size_t entry) const {
    const std::string& text = m_image.config.history[entry].created_by;
    const std::string instruction = instruction_of(text);
    return {.entry = entry,
            .layer = std::nullopt,
            .text = text,
            .may_run = instruction == "run" || (!makes_files(instruction) && instruction != "append"),
            .key = ""};
  }

  // `made`: the row that its layer points to, which may be of the same step on another base.
  Result<> look_up(OwnStep& step, const ImageStepTrace* made) {
    const std::string listed = m_keys.empty() ? "" : m_keys[step.entry];
    if (TRY(fill(step, listed))) {
      if (step.kind() == "run" && !step.trace && made && made->trace) TRY(take_trace(step, *made));
    } else if (made && TRY(fill(step, made->key)) && !TRY(has_settings_of_image(step))) {
      const std::optional<std::size_t> layer = step.layer;
      step = unknown(step.entry);
      step.layer = layer;
    }
    return {};
  }

  // What the row says, if it is of this step.
  Result<bool> fill(OwnStep& step, const std::string& key) {
    const auto inputs = key.empty() ? std::nullopt : TRY(m_cache.inputs_of(key));
    if (!inputs) return false;
    const std::string& created_by = m_image.config.history[step.entry].created_by;
    const std::string_view kind = inputs->find("kind").value_or("");
    if (kind != instruction_of(created_by) || (kind == "run" && !is_history_of(*inputs, created_by)))
      return false;
    {
      auto lock = m_database.lock();
      auto select = TRY(
          m_database.prepare("SELECT text, bytes, entries, milliseconds FROM build_steps WHERE key = ?1"));
      select.bind(1, key);
      if (TRY(select.step()) != Statement::Step::row) return false;
      step.text = select.text(0);
      step.bytes = static_cast<std::uint64_t>(select.integer(1));
      step.entries = static_cast<std::uint64_t>(select.integer(2));
      step.seconds = static_cast<double>(select.integer(3)) / 1000;
    }
    step.key = key;
    step.inputs = *inputs;
    if (kind == "run") step.trace = TRY(m_traces.of(key));
    step.command = TRY(m_traces.command(key));
    return true;
  }

  // The same step made the same layer on another tree, and there its use was recorded.
  Result<> take_trace(OwnStep& step, const ImageStepTrace& made) {
    const auto inputs = TRY(m_cache.inputs_of(made.key));
    if (!inputs || !(with_parent(*inputs, "") == with_parent(step.inputs, ""))) return {};
    step.key = made.key;
    step.trace = made.trace;
    step.command = TRY(m_traces.command(made.key));
    return {};
  }

  // A row that nobody listed for this image may be of a step that saw other variables and made the same.
  Result<bool> has_settings_of_image(const OwnStep& step) {
    if (step.kind() != "run") return true;
    const auto spec = TRY(m_descriptions.of(step.key));
    if (!spec) return !step.trace;
    const oci::ImageConfig& config = m_image.config;
    return spec->before.user == config.user && spec->before.working_dir == config.working_dir &&
           std::ranges::all_of(spec->before.env, [&](const std::string& variable) {
             return std::ranges::find(config.env, variable) != config.env.end();
           });
  }

  Database& m_database;
  BuildCache& m_cache;
  StepTraces m_traces;
  StepDescriptions m_descriptions;
  const oci::Image& m_image;
  const std::vector<std::string> m_keys;  // by entry of the history
};

}  // namespace

bool is_history_of(const KeyInputs& inputs, const std::string& created_by) {
  recipes::RunStep run;
  run.command = unquoted(inputs.find("command").value_or(""));
  for (const KeyInput input : inputs)
    if (input.name.starts_with("inline "))
      run.command = recipes::InlineFile{std::string(input.name.substr(7)), std::string(input.value)};
  return recipes::history_text(recipes::StepKind(run), {}) == created_by;
}

Result<std::optional<std::vector<OwnStep>>> own_steps(Workshop& workshop, const oci::Image& image,
                                                      std::size_t first) {
  const auto made = std::ranges::count(image.config.history, false, &oci::HistoryEntry::empty_layer);
  if (static_cast<std::size_t>(made) != image.config.diff_ids.size()) return std::nullopt;
  const auto cache = TRY(BuildCache::open(workshop.store().database(), workshop.layers()));
  const std::vector<ImageStepTrace> traces = TRY(traces_of_image(workshop, image));
  std::vector<std::string> keys = TRY(step_keys(workshop.store().database(), image));
  return TRY(Collector(workshop, *cache, image, std::move(keys)).run(first, traces));
}

}  // namespace ecrin::build
