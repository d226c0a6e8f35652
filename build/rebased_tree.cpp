#include "build/rebased_tree.hpp"

#include <algorithm>
#include <thread>

#include "base/text.hpp"
#include "build/rebased_inputs.hpp"
#include "build/step_descriptions.hpp"
#include "build/step_traces.hpp"
#include "fs/lower_tree.hpp"

namespace ecrin::build {
namespace {

constexpr std::size_t k_shown_differences = 3;

bool is_same_result(const StepOutcome& one, const StepOutcome& other) {
  if (!one.layer || !other.layer) return !one.layer && !other.layer;
  return one.layer->id == other.layer->id;
}

}  // namespace

Result<> RebasedTree::open(const KeyInputs& known) {
  Workshop& workshop = m_session.workshop;
  m_session.cache = TRY(BuildCache::open(workshop.store().database(), workshop.layers()));
  m_hasher.emplace(workshop.layers(), *m_session.cache, std::max(1u, std::thread::hardware_concurrency()));
  m_old = TRY(workshop.unpack(m_request.image, &m_session.cancel));
  const auto own = m_old.begin() + static_cast<std::ptrdiff_t>(m_request.old_base.config.diff_ids.size());
  m_before.layers.assign(m_old.begin(), own);
  m_now.base = std::make_shared<const oci::Image>(m_request.new_base);
  if (known.empty()) return {};

  // As builds of a recipe know the tree of its base: they find what is made here.
  PlanStep from;
  from.what = recipes::From(recipes::FromImage{m_request.new_base_name});
  KeyInputs inputs = step_inputs(from, {}, common_settings(known), "");
  inputs.push_back({"image", diff_ids_input(m_request.new_base.config)});
  m_key = key_digest(inputs);
  if (TRY(m_session.cache->inputs_of(m_key))) return {};
  return m_session.cache->add({.key = m_key,
                               .layer_id = "",
                               .below_id = "",
                               .text = describe(std::get<recipes::From>(from.what)),
                               .inputs = &inputs},
                              m_request.now);
}

StepOutcome RebasedTree::made_by(const OwnStep& step) const {
  StepOutcome made{.layer = std::nullopt, .bytes = step.bytes, .entries = step.entries};
  if (step.layer) made.layer = m_old[*step.layer];
  return made;
}

Result<std::optional<StepOutcome>> RebasedTree::cached(const KeyInputs& inputs) {
  const auto found = TRY(m_session.cache->find(
      {{.key = "", .parent = std::nullopt, .independent = false, .known_tree = m_name},
       {.key = key_digest(inputs), .parent = 0, .independent = false, .known_tree = std::nullopt}}));
  if (!found[1]) return std::nullopt;
  return StepOutcome{found[1]->layer, found[1]->bytes, found[1]->entries};
}

Result<std::vector<std::string>> RebasedTree::differences_for(const OwnStep& step, const KeyInputs& inputs) {
  const KeyInputs before = with_parent(step.inputs, "");
  const KeyInputs now = with_parent(inputs, "");
  if (!(before == now)) return explain_difference(before, now, "", k_shown_differences);
  const std::vector<std::string> paths = distinct_layer_paths(m_session.workshop, TRY(layers()));
  const auto view = TRY(fs::open_image_view(paths, &m_session.cancel));
  std::vector<std::string> found = TRY(fs::trace_differences(*step.trace, *view, m_session.digests.function(),
                                                             k_shown_differences, &m_session.cancel));
  TRY(m_session.digests.keep());
  for (std::string& difference : found) difference = "it used " + difference;
  return found;
}

Result<const std::vector<fs::Difference>*> RebasedTree::differences() {
  if (!m_differences) {
    Workshop& workshop = m_session.workshop;
    auto before = TRY(fs::LowerTree::of_layers(distinct_layer_paths(workshop, m_before.layers)));
    auto now = TRY(fs::LowerTree::of_layers(distinct_layer_paths(workshop, TRY(layers()))));
    m_differences = TRY(fs::compare_trees(before, now, &m_session.cancel));
  }
  return &*m_differences;
}

Result<> RebasedTree::record(const OwnStep& step, SettledStep& settled) {
  const StepOutcome& outcome = settled.outcome;
  const std::string layer = outcome.layer ? outcome.layer->id : "";
  if (settled.inputs.empty()) {
    m_name = tree_name(layer, m_name, false);
    m_keys.emplace_back();
    m_key = key_digest({{"below", m_key}, {"layer as it was", outcome.layer ? outcome.layer->diff_id : ""}});
    return {};
  }
  // What a build would not make for sure must not be found by any.
  if (!settled.is_sure && !settled.inputs.find("carried over"))
    settled.inputs.push_back({"carried over", "as it was"});
  const std::string key = key_digest(settled.inputs);
  const bool is_alone = is_linked(settled.inputs);
  const bool has_row = settled.is_cached && settled.is_sure;
  if (!has_row)
    TRY(m_session.cache->add(
        {.key = key,
         .layer_id = layer,
         .below_id = is_alone ? "" : m_name,
         .text = step.text,
         .bytes = outcome.bytes,
         .entries = outcome.entries,
         .seconds = settled.report.fate == RebasedStep::Fate::ran ? settled.report.seconds : step.seconds,
         .inputs = &settled.inputs},
        m_request.now));
  if (!has_row && outcome.trace) {
    Database& database = m_session.workshop.store().database();
    TRY(StepTraces(database, m_session.workshop.layers())
            .add(settled.command, key, *outcome.trace, m_request.now));
    if (settled.spec) TRY(StepDescriptions(database).add(key, *settled.spec));
  }
  m_name = tree_name(layer, m_name, is_alone);
  m_keys.push_back(key);
  m_key = is_alone ? key_digest({{"below", m_key}, {"layer", key}}) : key;
  return {};
}

Result<> RebasedTree::put(const OwnStep& step, const StepOutcome& made, SettledStep settled) {
  TRY(record(step, settled));
  if (made.layer) m_before.layers.push_back(*made.layer);
  if (settled.outcome.layer) {
    m_now.layers.push_back(*settled.outcome.layer);
    m_hasher->add(*settled.outcome.layer);
  }
  if (!is_same_result(made, settled.outcome)) m_differences.reset();
  m_settled.push_back(std::move(settled));
  return {};
}

void RebasedTree::put_unchanged(const OwnStep& step) {
  if (step.layer) m_now.layers.push_back(m_old[*step.layer]);
}

Result<RebasedSteps> RebasedTree::finish(const std::vector<OwnStep>& steps) {
  RebasedSteps result{
      .image = m_request.image, .ran = 0, .found = 0, .carried = 0, .keys = m_keys, .unknown = {}};
  oci::ImageConfig& config = result.image.config;
  std::vector<oci::Descriptor>& layers = result.image.manifest.layers;
  const std::size_t base_layers = m_request.old_base.config.diff_ids.size();
  config.diff_ids.resize(base_layers);
  layers.resize(base_layers);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const SettledStep& settled = m_settled[i];
    using Fate = RebasedStep::Fate;
    ++(settled.report.fate == Fate::ran     ? result.ran
       : settled.report.fate == Fate::found ? result.found
                                            : result.carried);
    if (settled.report.fate == Fate::unknown && steps[i].may_run) result.unknown.push_back(steps[i].text);
    config.history[steps[i].entry].empty_layer = !settled.outcome.layer;
    if (!settled.outcome.layer) continue;
    const fs::Layer layer = TRY(m_hasher->sealed(*settled.outcome.layer));
    const oci::DiffId diff_id{TRY(oci::Digest::parse(layer.diff_id))};
    config.diff_ids.push_back(diff_id);
    // The same layer may have come here in another form.
    const bool is_same = steps[i].layer && m_request.image.config.diff_ids[*steps[i].layer] == diff_id;
    layers.push_back(is_same ? m_request.image.manifest.layers[*steps[i].layer]
                             : oci::Descriptor{.media_type = std::string(oci::media_type::k_layer),
                                               .digest = diff_id.digest,
                                               .size = layer.size});
  }
  TRY(m_session.workshop.layers().sync());
  return result;
}

}  // namespace ecrin::build
