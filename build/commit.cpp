#include "build/commit.hpp"

#include "base/text.hpp"
#include "build/image_edit.hpp"
#include "oci/mutate.hpp"
#include "recipes/step_text.hpp"

namespace ecrin::build {

Result<ImageParts> make_image(const Plan& plan, const std::vector<CommittedStep>& steps,
                              const BuildTime& time, const ImageSettings& settings) {
  const PreparedStep& last = *steps.back().step;
  const recipes::Stage& target = *plan.stages[last.plan->stage].stage;
  ImageParts parts;
  parts.config = last.after;
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
  const auto add_history = [&](const std::string& text, bool empty) {
    oci::HistoryEntry entry;
    entry.created = parts.config.created;
    entry.created_by = text;
    entry.empty_layer = empty;
    parts.config.history.push_back(std::move(entry));
  };
  for (const CommittedStep& committed : steps) {
    const PlanStep& step = *committed.step->plan;
    const bool is_image = step.is_from() && !makes_layer(step);
    // What a base image or another stage is says its own history.
    if (!is_image) {
      const auto* kind = std::get_if<recipes::StepKind>(&step.what);
      add_history(kind ? recipes::history_text(*kind, committed.step->shell) : step.text,
                  !committed.layer.has_value());
    }
    if (committed.layer) {
      const fs::Layer& layer = *committed.layer;
      const oci::Digest diff_id = TRY(oci::Digest::parse(layer.diff_id));
      parts.config.diff_ids.push_back({diff_id});
      oci::Descriptor descriptor;
      descriptor.media_type = oci::media_type::k_layer;
      descriptor.digest = diff_id;
      descriptor.size = layer.size;
      parts.manifest.layers.push_back(std::move(descriptor));
    }
  }
  for (const auto& [name, value] : target.annotations) parts.manifest.annotations[name] = value;
  for (const auto& [name, value] : settings.annotations) parts.manifest.annotations[name] = value;
  for (const auto& [name, value] : settings.labels) parts.config.labels[name] = value;
  for (const auto& [name, value] : settings.env) set_variable(parts.config.env, name, value);
  for (const std::string& name : settings.unset_env) {
    std::erase_if(parts.config.env,
                  [&](const std::string& variable) { return variable.starts_with(name + "="); });
  }
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
  oci::BlobStore& blobs = session.workshop.blobs();
  const std::string config = parts.config.to_bytes();
  const bool config_is_new = !TRY(blobs.size_of(oci::Digest::of(config)));
  parts.manifest.config = TRY(blobs.put_bytes(oci::media_type::k_config, config));
  const std::string bytes = parts.manifest.to_bytes();
  const bool manifest_is_new = !TRY(blobs.size_of(oci::Digest::of(bytes)));
  const oci::Descriptor manifest = TRY(blobs.put_bytes(oci::media_type::k_manifest, bytes));
  const std::size_t base_layers =
      steps.back().step->base ? steps.back().step->base->manifest.layers.size() : 0;
  const std::size_t first = session.options.squash == Squash::all ? 0 : base_layers;
  if (session.options.squash != Squash::no && first + 1 < parts.manifest.layers.size()) {
    const oci::Image image{.manifest_descriptor = manifest,
                           .manifest_bytes = bytes,
                           .manifest = parts.manifest,
                           .config_bytes = config,
                           .config = parts.config};
    const oci::NewLayer layer = TRY(squash_layers(session.workshop, image, first, &session.cancel));
    const oci::NewImage squashed = TRY(oci::replace_layers(image, first, layer, parts.config.created));
    return oci::store_image(session.workshop.images(), squashed, session.options.tags, session.options.role);
  }
  // From here on the image survives a power cut. An image that was there is on the disk: nothing to wait for.
  if (config_is_new || manifest_is_new) TRY(blobs.sync());
  TRY(session.workshop.layers().sync());
  return session.workshop.images().add(manifest, session.options.tags, session.options.role);
}

}  // namespace ecrin::build
