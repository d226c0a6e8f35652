#include "cli/containers/stored_request.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/mount_spec.hpp"
#include "cli/registry_options.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_version = 1;
constexpr std::string_view k_what = "the request of a container";

// Said once, or resolved below.
constexpr std::array<std::string_view, 20> k_passing = {
    "cidfile", "detach", "detach-keys", "entrypoint", "env",      "env-file",    "interactive",
    "into",    "label",  "label-file",  "name",       "no-cache", "pull",        "quiet",
    "replace", "rm",     "secret",      "sig-proxy",  "tty",      "volumes-from"};

bool is_passing(std::string_view flag) {
  if (std::ranges::find(k_passing, flag) != k_passing.end()) return true;
  const std::vector<Flag> registry = registry_flags();
  return std::ranges::find(registry, flag, &Flag::name) != registry.end();
}

Result<std::string> with_absolute_source(const std::string& volume) {
  if (!volume.starts_with('.')) return volume;
  const std::size_t colon = volume.find(':');
  std::string source = TRY(absolute_path(volume.substr(0, colon)));
  return colon == std::string::npos ? source : source + volume.substr(colon);
}

Result<std::string> with_absolute_mount_source(const std::string& mount) {
  if (TRY(parse_mount(mount)).type != MountSpec::Type::bind) return mount;
  std::vector<std::string> parts = split(mount, ',');
  for (std::string& part : parts) {
    for (const std::string_view key : {"source=", "src="})
      if (part.starts_with(key)) part = std::string(key) + TRY(absolute_path(part.substr(key.size())));
  }
  return join(parts, ",");
}

Result<std::string> with_absolute_profile(const std::string& option) {
  const SecurityOptions options = TRY(parse_security_options({option}));
  if (options.seccomp != SecurityOptions::Seccomp::profile) return option;
  return "seccomp=" + TRY(absolute_path(options.seccomp_profile));
}

std::vector<std::string> network_names(const Arguments& arguments, const run::NetworkRequest& request) {
  if (request.attachments.empty()) return {arguments.value("network", "private")};
  std::vector<std::string> names;
  for (const run::NetworkAttachment& attachment : request.attachments) names.push_back(attachment.network);
  return names;
}

}  // namespace

Result<std::vector<std::string>> lasting_words(const Arguments& arguments, const ContainerRequest& request) {
  std::vector<std::string> words;
  for (const Flag& flag : run_verb().flags) {
    if (is_passing(flag.name)) continue;
    for (std::string value : arguments.values(flag.name)) {
      if (flag.name == "volume") value = TRY(with_absolute_source(value));
      if (flag.name == "cdi-spec-dir" || flag.name == "pidfile" || flag.name == "conmon-pidfile")
        value = TRY(absolute_path(value));
      if (flag.name == "security-opt") value = TRY(with_absolute_profile(value));
      if (flag.name == "mount") value = TRY(with_absolute_mount_source(value));
      words.push_back(fmt::format("--{}={}", flag.name, value));
    }
  }
  if (request.interactive) words.emplace_back("--interactive=true");
  if (request.terminal) words.emplace_back("--tty=true");
  if (request.life.remove) words.emplace_back("--rm=true");
  if (request.entrypoint)
    words.push_back("--entrypoint=" +
                    (request.entrypoint->empty() ? "" : dump_json(Json(*request.entrypoint))));
  words.insert(words.end(), request.inherited.begin(), request.inherited.end());
  for (const std::string& line : request.env) words.push_back("--env=" + line);
  for (const auto& [key, value] : request.life.labels)
    words.push_back(fmt::format("--label={}={}", key, value));
  words.push_back(request.is_rootfs ? TRY(absolute_path(request.image)) : request.image);
  words.insert(words.end(), request.command.begin(), request.command.end());
  return words;
}

std::size_t count_flag_words(const std::vector<std::string>& words) {
  const auto end = std::ranges::find_if(words, [](const auto& word) { return !word.starts_with("--"); });
  return static_cast<std::size_t>(end - words.begin());
}

std::string encode_request(const std::vector<std::string>& words, const oci::ImageConfig& image) {
  oci::ImageConfig config = image;
  config.history.clear();
  config.diff_ids.clear();
  // A directory of the user's has no image, and a configuration must name a platform.
  if (config.platform.architecture.empty()) config.platform = oci::Platform::host();
  return dump_json({{"version", k_version}, {"words", words}, {"image", config.to_bytes()}});
}

Result<StoredRequest> decode_request(const std::string& text) {
  const Json json = TRY(parse_json(text, k_what));
  if (TRY(json_unsigned(json, "version", k_what)) != k_version)
    return std::unexpected(Error(ErrorKind::unsupported, "the container was made by another version of ecrin")
                               .hint("remove it and make it again"));
  StoredRequest stored;
  stored.words = TRY(json_strings(json, "words", k_what)).value_or(std::vector<std::string>{});
  const Arguments arguments = TRY(parse_arguments(run_verb(), stored.words));
  const auto no_environment = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  stored.request = TRY(container_request(arguments, no_environment));
  stored.networks = network_names(arguments, stored.request.network);
  stored.image = TRY(oci::ImageConfig::parse(TRY(json_string(json, "image", k_what)).value_or("{}"), k_what));
  return stored;
}

}  // namespace ecrin::cli
