#include "build/commit.hpp"

#include "base/text.hpp"
#include "build/image_steps.hpp"
#include "oci/mutate.hpp"

namespace ecrin::build {

Result<ImageParts> assemble_image(const ImagePointer& base, oci::ImageConfig config,
                                  const std::vector<HistoryStep>& steps, const BuildTime& time) {
  ImageParts parts;
  parts.config = std::move(config);
  parts.config.created = format_time(time.created);
  parts.config.diff_ids.clear();
  parts.config.history.clear();
  parts.manifest.media_type = oci::media_type::k_manifest;
  if (base) {
    parts.config.diff_ids = base->config.diff_ids;
    parts.config.history = base->config.history;
    for (const oci::Descriptor& layer : base->manifest.layers) {
      parts.manifest.layers.push_back(oci::as_oci_layer(layer));
    }
  }
  for (const HistoryStep& step : steps) {
    parts.states.push_back(step.after);
    oci::HistoryEntry entry;
    entry.created = parts.config.created;
    entry.created_by = step.text;
    entry.empty_layer = !step.layer.has_value();
    parts.config.history.push_back(std::move(entry));
    if (!step.layer) continue;
    const oci::Digest diff_id = TRY(oci::Digest::parse(step.layer->diff_id));
    parts.config.diff_ids.push_back({diff_id});
    oci::Descriptor descriptor;
    descriptor.media_type = oci::media_type::k_layer;
    descriptor.digest = diff_id;
    descriptor.size = step.layer->size;
    parts.manifest.layers.push_back(std::move(descriptor));
  }
  return parts;
}

Result<ImageParts> make_image(const Plan& plan, const std::vector<CommittedStep>& steps,
                              const BuildTime& time) {
  const PreparedStep& last = *steps.back().step;
  const recipes::Stage& target = *plan.stages[last.plan->stage].stage;
  oci::ImageConfig config = last.after;
  apply_stage_config(config, target.config);
  std::vector<HistoryStep> history;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const PlanStep& step = *steps[i].step->plan;
    const bool is_image = step.is_from() && !makes_layer(step);
    // What a base image or another stage is says its own history.
    if (!is_image)
      history.push_back({.text = step.text, .layer = steps[i].layer, .after = steps[i].step->after});
    const bool stage_ends = i + 1 == steps.size() || steps[i + 1].step->plan->stage != step.stage;
    if (!stage_ends) continue;
    const std::string changes = describe(plan.stages[step.stage].stage->config);
    if (changes.empty()) continue;
    history.push_back({.text = changes,
                       .layer = std::nullopt,
                       .after = i + 1 == steps.size() ? config : steps[i + 1].step->before});
  }
  ImageParts parts = TRY(assemble_image(last.base, std::move(config), history, time));
  for (const auto& [name, value] : target.annotations) parts.manifest.annotations[name] = value;
  return parts;
}

Result<oci::ImageRecord> store_image(Workshop& workshop, ImageParts parts, const ImagePointer& base,
                                     const std::vector<oci::Reference>& names) {
  oci::BlobStore& blobs = workshop.blobs();
  const std::string config = parts.config.to_bytes();
  const bool config_is_new = !TRY(blobs.size_of(oci::Digest::of(config)));
  parts.manifest.config = TRY(blobs.put_bytes(oci::media_type::k_config, config));
  const std::string bytes = parts.manifest.to_bytes();
  const bool manifest_is_new = !TRY(blobs.size_of(oci::Digest::of(bytes)));
  const oci::Descriptor manifest = TRY(blobs.put_bytes(oci::media_type::k_manifest, bytes));
  // From here on the image survives a power cut. An image that was there is on the disk: nothing to wait for.
  if (config_is_new || manifest_is_new) TRY(blobs.sync());
  TRY(workshop.layers().sync());
  const oci::ImageRecord record = TRY(workshop.images().add(manifest, names));
  TRY(record_states(workshop.store().database(), record.id.digest.to_string(),
                    {.base = base ? base->id().digest.to_string() : "",
                     .base_entries = parts.config.history.size() - parts.states.size(),
                     .states = std::move(parts.states)}));
  return record;
}

Result<oci::ImageRecord> commit_image(Session& session, const std::vector<CommittedStep>& steps) {
  return store_image(session.workshop, TRY(make_image(session.plan, steps, session.time)),
                     steps.back().step->base, session.options.tags);
}

}  // namespace ecrin::build
