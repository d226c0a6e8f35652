#include "build/step_spec.hpp"

#include "base/encoding.hpp"

namespace ecrin::build {

namespace {

// Raised whenever what follows changes its form.
constexpr std::uint64_t k_version = 3;

void put_pairs(Encoder& encoder, const std::vector<recipes::KeyValue>& pairs) {
  encoder.put(std::uint64_t{pairs.size()});
  for (const auto& [name, value] : pairs) encoder.put(name).put(value);
}

std::vector<recipes::KeyValue> get_pairs(Decoder& decoder) {
  const std::uint64_t count = decoder.get_count(16);
  std::vector<recipes::KeyValue> pairs;
  for (std::uint64_t i = 0; i < count && decoder.ok(); ++i) {
    std::string name = decoder.get_string();
    pairs.emplace_back(std::move(name), decoder.get_string());
  }
  return pairs;
}

// An enumerator, if there is one with this number.
template <class E>
bool get_enumerator(Decoder& decoder, E last, E& value) {
  const std::uint64_t number = decoder.get_unsigned();
  if (number > static_cast<std::uint64_t>(last)) return false;
  value = static_cast<E>(number);
  return true;
}

template <class E>
void put_enumerator(Encoder& encoder, E value) {
  encoder.put(static_cast<std::uint64_t>(value));
}

void put_mount(Encoder& encoder, const recipes::Mount& mount) {
  put_enumerator(encoder, mount.type);
  encoder.put(mount.target).put(mount.source).put(mount.from).put(mount.id).put(mount.environment);
  encoder.put_flag(mount.read_only).put_flag(mount.required);
  encoder.put(std::uint64_t{mount.mode}).put(std::uint64_t{mount.uid}).put(std::uint64_t{mount.gid});
  encoder.put(mount.size);
  put_enumerator(encoder, mount.sharing);
}

bool get_mount(Decoder& decoder, recipes::Mount& mount) {
  if (!get_enumerator(decoder, recipes::Mount::Type::ssh, mount.type)) return false;
  mount.target = decoder.get_string();
  mount.source = decoder.get_string();
  mount.from = decoder.get_string();
  mount.id = decoder.get_string();
  mount.environment = decoder.get_string();
  mount.read_only = decoder.get_flag();
  mount.required = decoder.get_flag();
  mount.mode = static_cast<std::uint32_t>(decoder.get_unsigned());
  mount.uid = static_cast<std::uint32_t>(decoder.get_unsigned());
  mount.gid = static_cast<std::uint32_t>(decoder.get_unsigned());
  mount.size = decoder.get_unsigned();
  return get_enumerator(decoder, recipes::Mount::Sharing::locked, mount.sharing);
}

void put_run(Encoder& encoder, const recipes::RunStep& run) {
  encoder.put(std::uint64_t{run.command.index()});
  if (const auto* script = std::get_if<std::string>(&run.command)) encoder.put(*script);
  if (const auto* words = std::get_if<std::vector<std::string>>(&run.command)) encoder.put(*words);
  if (const auto* file = std::get_if<recipes::InlineFile>(&run.command)) {
    encoder.put(file->name).put(file->content);
  }
  encoder.put(std::uint64_t{run.mounts.size()});
  for (const recipes::Mount& mount : run.mounts) put_mount(encoder, mount);
  put_enumerator(encoder, run.network);
  encoder.put_flag(run.has_pinned_network).put(run.user);
  put_pairs(encoder, run.env);
}

bool get_run(Decoder& decoder, recipes::RunStep& run) {
  switch (decoder.get_unsigned()) {
    case 0:
      run.command = decoder.get_string();
      break;
    case 1:
      run.command = decoder.get_strings();
      break;
    case 2: {
      recipes::InlineFile file{.name = decoder.get_string(), .content = ""};
      file.content = decoder.get_string();
      run.command = std::move(file);
      break;
    }
    default:
      return false;
  }
  const std::uint64_t count = decoder.get_count(100);
  for (std::uint64_t i = 0; i < count && decoder.ok(); ++i) {
    if (!get_mount(decoder, run.mounts.emplace_back())) return false;
  }
  if (!get_enumerator(decoder, recipes::StepNetwork::private_network, run.network)) return false;
  run.has_pinned_network = decoder.get_flag();
  run.user = decoder.get_string();
  run.env = get_pairs(decoder);
  return true;
}

void put_settings(Encoder& encoder, const RunSettings& settings) {
  put_pairs(encoder, settings.hosts);
  encoder.put(settings.nameservers).put(settings.search_domains).put(settings.resolver_options);
  encoder.put(std::uint64_t{settings.limits.size()});
  for (const oci::Rlimit& limit : settings.limits) encoder.put(limit.type).put(limit.soft).put(limit.hard);
  encoder.put_flag(settings.shared_memory.has_value()).put(settings.shared_memory.value_or(0));
  encoder.put(std::uint64_t{settings.mounts.size()});
  for (const oci::RuntimeMount& mount : settings.mounts)
    encoder.put(mount.destination).put(mount.type).put(mount.source).put(mount.options);
  encoder.put_flag(settings.capabilities.has_value());
  encoder.put(settings.capabilities.value_or(std::vector<std::string>()));
  encoder.put_flag(settings.seccomp).put_flag(settings.masked_paths).put_flag(settings.no_new_privileges);
}

RunSettings get_settings(Decoder& decoder) {
  RunSettings settings;
  settings.hosts = get_pairs(decoder);
  settings.nameservers = decoder.get_strings();
  settings.search_domains = decoder.get_strings();
  settings.resolver_options = decoder.get_strings();
  const std::uint64_t limits = decoder.get_count(24);
  for (std::uint64_t i = 0; i < limits && decoder.ok(); ++i) {
    oci::Rlimit& limit = settings.limits.emplace_back();
    limit.type = decoder.get_string();
    limit.soft = decoder.get_unsigned();
    limit.hard = decoder.get_unsigned();
  }
  const bool has_shared_memory = decoder.get_flag();
  const std::uint64_t shared_memory = decoder.get_unsigned();
  if (has_shared_memory) settings.shared_memory = shared_memory;
  const std::uint64_t mounts = decoder.get_count(32);
  for (std::uint64_t i = 0; i < mounts && decoder.ok(); ++i) {
    oci::RuntimeMount& mount = settings.mounts.emplace_back();
    mount.destination = decoder.get_string();
    mount.type = decoder.get_string();
    mount.source = decoder.get_string();
    mount.options = decoder.get_strings();
  }
  const bool has_capabilities = decoder.get_flag();
  std::vector<std::string> capabilities = decoder.get_strings();
  if (has_capabilities) settings.capabilities = std::move(capabilities);
  settings.seccomp = decoder.get_flag();
  settings.masked_paths = decoder.get_flag();
  settings.no_new_privileges = decoder.get_flag();
  return settings;
}

}  // namespace

std::string encode_step(const StepSpec& spec) {
  Encoder encoder;
  encoder.put(k_version);
  put_run(encoder, spec.run);
  oci::ImageConfig before = spec.before;
  before.history.clear();
  before.diff_ids.clear();
  encoder.put(before.to_bytes()).put(spec.platform.to_string());
  encoder.put(spec.context_directory).put(spec.recipe_file).put(spec.ignore_file).put(spec.shell);
  encoder.put(static_cast<std::uint64_t>(spec.clamp));
  put_enumerator(encoder, spec.network);
  put_settings(encoder, spec.settings);
  encoder.put(spec.tree);
  encoder.put(std::uint64_t{spec.inputs.size()});
  for (const StepSpec::Input& input : spec.inputs) encoder.put(input.name).put(input.layers);
  return encoder.bytes();
}

std::optional<StepSpec> decode_step(std::string_view bytes) {
  Decoder decoder(bytes);
  if (decoder.get_unsigned() != k_version) return std::nullopt;
  StepSpec spec;
  if (!get_run(decoder, spec.run)) return std::nullopt;
  auto before = oci::ImageConfig::parse(decoder.get_string(), "the step's config");
  auto platform = oci::Platform::parse(decoder.get_string());
  if (!before || !platform) return std::nullopt;
  spec.before = std::move(*before);
  spec.platform = std::move(*platform);
  spec.context_directory = decoder.get_string();
  spec.recipe_file = decoder.get_string();
  spec.ignore_file = decoder.get_string();
  spec.shell = decoder.get_strings();
  spec.clamp = static_cast<std::int64_t>(decoder.get_unsigned());
  if (!get_enumerator(decoder, run::NetworkMode::private_network, spec.network)) return std::nullopt;
  spec.settings = get_settings(decoder);
  spec.tree = decoder.get_strings();
  const std::uint64_t count = decoder.get_count(16);
  for (std::uint64_t i = 0; i < count && decoder.ok(); ++i) {
    StepSpec::Input input{.name = decoder.get_string(), .layers = {}};
    input.layers = decoder.get_strings();
    spec.inputs.push_back(std::move(input));
  }
  if (!decoder.ok() || !decoder.at_end()) return std::nullopt;
  return spec;
}

}  // namespace ecrin::build
