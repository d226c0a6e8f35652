#include "build/commit.hpp"

#include "base/text.hpp"
#include "base/variables.hpp"
#include "build/image_edit.hpp"
#include "build/image_steps.hpp"
#include "oci/mutate.hpp"
#include "recipes/step_text.hpp"

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
    parts.keys.push_back(step.key);
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
                              const BuildTime& time, const ImageSettings& settings) {
  const PreparedStep& last = *steps.back().step;
  const recipes::Stage& target = *plan.stages[last.plan->stage].stage;
  std::vector<HistoryStep> history;
  for (const CommittedStep& committed : steps) {
    const PlanStep& step = *committed.step->plan;
    const bool is_image = step.is_from() && !makes_layer(step);
    // What a base image or another stage is says its own history.
    if (is_image) continue;
    const auto* kind = std::get_if<recipes::StepKind>(&step.what);
    history.push_back({.text = kind ? recipes::history_text(*kind, committed.step->shell) : step.text,
                       .layer = committed.layer,
                       .after = committed.step->after,
                       .key = makes_layer(step) ? committed.step->key : ""});
  }
  ImageParts parts = TRY(assemble_image(last.base, *last.after, history, time));
  for (const auto& [name, value] : target.annotations) parts.manifest.annotations[name] = value;
  for (const auto& [name, value] : settings.annotations) parts.manifest.annotations[name] = value;
  for (const auto& [name, value] : settings.labels) parts.config.labels[name] = value;
  for (const auto& [name, value] : settings.env) set_variable(parts.config.env, name, value);
  for (const std::string& name : settings.unset_env) erase_variable(parts.config.env, name);
  return parts;
}

std::optional<SpokenSecret> find_secret(const ImageParts& parts, const GuardedSecrets& secrets) {
  std::optional<SpokenSecret> found;
  const auto look = [&](std::string_view text, std::string_view place) {
    if (found) return;
    if (auto id = secret_in(text, secrets)) found = SpokenSecret{std::move(*id), std::string(place)};
  };
  const auto look_at_all = [&](const std::vector<std::string>& texts, std::string_view place) {
    for (const std::string& text : texts) look(text, place);
  };
  const auto look_at_pairs = [&](const std::map<std::string, std::string>& pairs, std::string_view kind) {
    for (const auto& [name, value] : pairs) {
      look(name, fmt::format("the name of a {}", kind));
      look(value, fmt::format("the {} '{}'", kind, printable(name)));
    }
  };
  const oci::ImageConfig& config = parts.config;
  for (const std::string& variable : config.env) {
    const std::string name = variable.substr(0, variable.find('='));
    look(name, "the name of a variable");
    look(variable, fmt::format("the variable '{}'", printable(name)));
  }
  look_at_pairs(config.labels, "label");
  look_at_pairs(parts.manifest.annotations, "annotation");
  for (const oci::HistoryEntry& entry : config.history) {
    look(entry.created_by, "the history");
    look(entry.comment, "the history");
  }
  look_at_all(config.entrypoint.value_or(std::vector<std::string>{}), "the entrypoint");
  look_at_all(config.cmd.value_or(std::vector<std::string>{}), "the command");
  look_at_all(config.shell, "the shell");
  look_at_all(config.on_build, "a trigger");
  look_at_all(config.volumes, "a volume");
  if (config.healthcheck) look_at_all(config.healthcheck->test, "the healthcheck");
  look(config.user, "the user");
  look(config.working_dir, "the work directory");
  look(config.author, "the author");
  return found;
}

namespace {

// Those that some step mounts, whether it ran in this build or not.
Result<GuardedSecrets> mounted_secrets(Session& session) {
  for (const PlanStep& step : session.plan.steps) {
    const auto* run = step.as<recipes::RunStep>();
    if (!run) continue;
    for (const recipes::Mount& mount : run->mounts) {
      if (mount.type == recipes::Mount::Type::secret && session.secrets.has(mount.id))
        TRY(session.secrets.read(mount.id));
    }
  }
  return session.secrets.guarded();
}

}  // namespace

Result<oci::ImageRecord> store_image(Workshop& workshop, ImageParts parts, const ImagePointer& base,
                                     const std::vector<oci::Reference>& names, Squash squash,
                                     const CancelToken& cancel, oci::Role role) {
  if (squash == Squash::no && parts.manifest.layers.size() > oci::k_layer_count_limit) {
    auto error =
        Error(ErrorKind::limit, fmt::format("an image has {} layers at most, and this one would have {}",
                                            oci::k_layer_count_limit, parts.manifest.layers.size()));
    return std::unexpected(
        std::move(error).hint("put steps together, or have --squash make one layer of all that is added"));
  }
  oci::BlobStore& blobs = workshop.blobs();
  const std::string config = parts.config.to_bytes();
  const bool config_is_new = !TRY(blobs.size_of(oci::Digest::of(config)));
  parts.manifest.config = TRY(blobs.put_bytes(oci::media_type::k_config, config));
  const std::string bytes = parts.manifest.to_bytes();
  const bool manifest_is_new = !TRY(blobs.size_of(oci::Digest::of(bytes)));
  const oci::Descriptor manifest = TRY(blobs.put_bytes(oci::media_type::k_manifest, bytes));
  const std::size_t base_layers = base ? base->manifest.layers.size() : 0;
  const std::size_t first = squash == Squash::all ? 0 : base_layers;
  if (squash != Squash::no && first + 1 < parts.manifest.layers.size()) {
    const oci::Image image{.manifest_descriptor = manifest,
                           .manifest_bytes = bytes,
                           .manifest = parts.manifest,
                           .config_bytes = config,
                           .config = parts.config};
    const oci::NewLayer layer = TRY(squash_layers(workshop, image, first, &cancel));
    const oci::NewImage squashed = TRY(oci::replace_layers(image, first, layer, parts.config.created));
    return oci::store_image(workshop.images(), squashed, names, role);
  }
  // From here on the image survives a power cut. An image that was there is on the disk: nothing to wait for.
  if (config_is_new || manifest_is_new) TRY(blobs.sync());
  TRY(workshop.layers().sync());
  const oci::ImageRecord record = TRY(workshop.images().add(manifest, names, role));
  TRY(record_states(workshop.store().database(), record.id.digest.to_string(),
                    {.base = base ? base->id().digest.to_string() : "",
                     .base_entries = parts.config.history.size() - parts.states.size(),
                     .states = std::move(parts.states),
                     .keys = std::move(parts.keys)}));
  return record;
}

Result<oci::ImageRecord> commit_image(Session& session, const std::vector<CommittedStep>& steps) {
  ImageParts parts = TRY(make_image(session.plan, steps, session.time, session.options.image));
  if (!session.options.allow_secret_in_layer) {
    if (const auto spoken = find_secret(parts, TRY(mounted_secrets(session)))) {
      auto error = Error(ErrorKind::denied,
                         fmt::format("{} of the image holds the secret '{}'", spoken->place, spoken->id));
      return std::unexpected(std::move(error).hint(
          "a secret is for a mount only; --allow-secret-in-layer takes it nevertheless"));
    }
  }
  return store_image(session.workshop, std::move(parts), steps.back().step->base, session.options.tags,
                     session.options.squash, session.cancel, session.options.role);
}

}  // namespace ecrin::build
