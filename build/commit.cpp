#include "build/commit.hpp"

#include "base/text.hpp"
#include "build/image_steps.hpp"
#include "oci/mutate.hpp"

namespace ecrin::build {

Result<ImageParts> make_image(const Plan& plan, const std::vector<CommittedStep>& steps,
                              const BuildTime& time) {
  const PreparedStep& last = *steps.back().step;
  const recipes::Stage& target = *plan.stages[last.plan->stage].stage;
  ImageParts parts;
  parts.config = last.after;
  apply_stage_config(parts.config, target.config);
  parts.config.created = format_time(time.created);
  parts.config.diff_ids.clear();
  parts.config.history.clear();
  parts.manifest.media_type = oci::media_type::k_manifest;
  if (last.base) {
    parts.config.diff_ids = last.base->config.diff_ids;
    parts.config.history = last.base->config.history;
    for (const oci::Descriptor& layer : last.base->manifest.layers) {
      parts.manifest.layers.push_back(oci::as_oci_layer(layer));
    }
  }
  const auto add_history = [&](const std::string& text, bool empty, const oci::ImageConfig& state) {
    parts.states.push_back(state);
    oci::HistoryEntry entry;
    entry.created = parts.config.created;
    entry.created_by = text;
    entry.empty_layer = empty;
    parts.config.history.push_back(std::move(entry));
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const PlanStep& step = *steps[i].step->plan;
    const bool is_image = step.is_from() && !makes_layer(step);
    // What a base image or another stage is says its own history.
    if (!is_image) add_history(step.text, !steps[i].layer.has_value(), steps[i].step->after);
    if (steps[i].layer) {
      const fs::Layer& layer = *steps[i].layer;
      const oci::Digest diff_id = TRY(oci::Digest::parse(layer.diff_id));
      parts.config.diff_ids.push_back({diff_id});
      oci::Descriptor descriptor;
      descriptor.media_type = oci::media_type::k_layer;
      descriptor.digest = diff_id;
      descriptor.size = layer.size;
      parts.manifest.layers.push_back(std::move(descriptor));
    }
    const bool stage_ends = i + 1 == steps.size() || steps[i + 1].step->plan->stage != step.stage;
    if (stage_ends) {
      const std::string changes = describe(plan.stages[step.stage].stage->config);
      if (!changes.empty())
        add_history(changes, true, i + 1 == steps.size() ? parts.config : steps[i + 1].step->before);
    }
  }
  for (const auto& [name, value] : target.annotations) parts.manifest.annotations[name] = value;
  return parts;
}

Result<oci::ImageRecord> commit_image(Session& session, const std::vector<CommittedStep>& steps) {
  ImageParts parts = TRY(make_image(session.plan, steps, session.time));
  oci::BlobStore& blobs = session.workshop.blobs();
  const std::string config = parts.config.to_bytes();
  const bool config_is_new = !TRY(blobs.size_of(oci::Digest::of(config)));
  parts.manifest.config = TRY(blobs.put_bytes(oci::media_type::k_config, config));
  const std::string bytes = parts.manifest.to_bytes();
  const bool manifest_is_new = !TRY(blobs.size_of(oci::Digest::of(bytes)));
  const oci::Descriptor manifest = TRY(blobs.put_bytes(oci::media_type::k_manifest, bytes));
  // From here on the image survives a power cut. An image that was there is on the disk: nothing to wait for.
  if (config_is_new || manifest_is_new) TRY(blobs.sync());
  TRY(session.workshop.layers().sync());
  const oci::ImageRecord record = TRY(session.workshop.images().add(manifest, session.options.tags));
  const ImagePointer& base = steps.back().step->base;
  TRY(record_states(session.workshop.store().database(), record.id.digest.to_string(),
                    {.base = base ? base->id().digest.to_string() : "",
                     .base_entries = parts.config.history.size() - parts.states.size(),
                     .states = std::move(parts.states)}));
  return record;
}

}  // namespace ecrin::build
