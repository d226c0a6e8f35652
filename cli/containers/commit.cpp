#include "cli/containers/commit.hpp"

#include "base/text.hpp"
#include "build/layer_hasher.hpp"
#include "cli/containers/container_files.hpp"
#include "cli/import_changes.hpp"
#include "oci/mutate.hpp"

namespace ecrin::cli {
namespace {

Result<oci::NewLayer> keep_layer(build::Workshop& workshop, fs::LayerDraft draft, const CancelToken& cancel) {
  const build::HashedLayer hashed = TRY(build::hash_layer(draft.diff(), {}, &cancel));
  const fs::Layer layer = TRY(workshop.layers().publish(std::move(draft)));
  TRY(workshop.layers().seal(layer.id, hashed.diff_id, hashed.size));
  TRY(workshop.layers().sync());
  const oci::Digest digest = TRY(oci::Digest::parse(hashed.diff_id));
  return oci::NewLayer{
      .blob = {.media_type = std::string(oci::media_type::k_layer), .digest = digest, .size = hashed.size},
      .diff_id = {digest},
      .created_by = ""};
}

// What a container of the new image does when it is told nothing: the same.
oci::ConfigChanges settings_of(const StoredRequest& stored) {
  const ContainerRequest& request = stored.request;
  oci::ConfigChanges changes;
  for (const std::string& line : request.env) {
    const std::size_t equals = line.find('=');
    changes.env.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  for (const auto& [key, value] : request.life.labels) changes.labels.emplace_back(key, value);
  if (request.entrypoint)
    changes.entrypoint = request.entrypoint->empty() ? std::nullopt : std::optional(*request.entrypoint);
  if (!request.command.empty()) changes.cmd = std::optional(request.command);
  if (request.user) changes.user = *request.user;
  if (request.workdir) changes.working_dir = *request.workdir;
  return changes;
}

// An image out of documents that are not stored.
Result<oci::Image> as_image(const oci::NewImage& made) {
  oci::Image image;
  image.manifest = TRY(oci::ImageManifest::parse(made.manifest_bytes, "the manifest of the container"));
  image.config = TRY(oci::ImageConfig::parse(made.config_bytes, "the configuration of the container"));
  image.manifest_bytes = made.manifest_bytes;
  image.config_bytes = made.config_bytes;
  image.manifest_descriptor.media_type = made.manifest_type;
  return image;
}

// Instructions say what the settings shall be, whatever they were.
Result<oci::ConfigChanges> with_instructions(oci::ConfigChanges changes, const oci::ImageConfig& now,
                                             const std::vector<std::string>& instructions) {
  oci::ImageConfig config;
  for (const std::string& text : instructions) TRY(apply_change(config, text));
  for (const std::string& line : config.env) {
    const std::size_t equals = line.find('=');
    changes.env.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  for (const auto& [key, value] : config.labels) changes.labels.emplace_back(key, value);
  for (const std::string& port : config.exposed_ports) changes.ports.emplace_back(port, "");
  for (const std::string& volume : config.volumes) changes.volumes.emplace_back(volume, "");
  if (config.entrypoint) changes.entrypoint = config.entrypoint;
  if (config.cmd) changes.cmd = config.cmd;
  // A new entrypoint drops the command, unless that is told, too.
  if (changes.entrypoint && !changes.cmd && !config.entrypoint && now.cmd) changes.cmd = now.cmd;
  if (!config.user.empty()) changes.user = config.user;
  if (!config.working_dir.empty()) changes.working_dir = config.working_dir;
  if (!config.stop_signal.empty()) changes.stop_signal = config.stop_signal;
  return changes;
}

}  // namespace

Result<oci::ImageRecord> commit_container(build::Workshop& workshop, const run::StoredContainer& record,
                                          const CommitOptions& options, const CancelToken& cancel) {
  Containers containers = TRY(Containers::open(workshop.store()));
  const StoredRequest stored = TRY(decode_request(record.request));
  oci::Image image = TRY(workshop.images().load(TRY(oci::Digest::parse(record.manifest))));
  if (image.manifest.layers.size() != record.layers.size())
    return fail(ErrorKind::unsupported, "container '{}' was made from a step of an image, not from an image",
                record.name);
  // The tree is copied when all else is right.
  ContainerChanges changes = TRY(container_changes(containers, workshop, record, options.epoch, cancel));
  oci::NewLayer layer = TRY(keep_layer(workshop, std::move(changes.draft), cancel));
  layer.created_by = join(stored.request.command, " ");
  const std::string created = format_time(options.epoch);
  const oci::NewImage grown = TRY(oci::append_layers(image, {layer}, created));
  image = TRY(as_image(grown));
  oci::ConfigChanges settings = TRY(with_instructions(settings_of(stored), image.config, options.changes));
  if (!options.author.empty()) settings.author = options.author;
  return oci::store_image(workshop.images(), TRY(oci::reconfigure(image, settings, created)), options.names);
}

}  // namespace ecrin::cli
