#include "cli/build_request.hpp"

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/image_names.hpp"
#include "cli/run_settings.hpp"
#include "cli/standard_streams.hpp"
#include "cli/timestamp.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_build_arg_file_limit = std::uint64_t{1} << 20;
constexpr std::size_t k_platform_limit = 100;

}  // namespace

Result<build::Secret> parse_secret(std::string_view text, const Environment& environment) {
  build::Secret secret;
  std::string type;
  std::string source;
  std::string variable;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (key == "id") {
      secret.id = value;
    } else if (key == "src" || key == "source") {
      source = value;
    } else if (key == "env") {
      variable = value;
    } else if (key == "type" && (value == "file" || value == "env")) {
      type = value;
    } else {
      return fail(ErrorKind::invalid, "--secret is id=NAME,src=FILE or id=NAME,env=VARIABLE, not '{}'",
                  printable(text));
    }
  }
  // docker: with type=env, src names the variable; with neither, the variable or file of the id's own name.
  if (type == "env" && variable.empty()) std::swap(variable, source);
  if (secret.id.empty() || (!source.empty() && !variable.empty())) {
    return fail(ErrorKind::invalid, "--secret is id=NAME,src=FILE or id=NAME,env=VARIABLE, not '{}'",
                printable(text));
  }
  if (source.empty() && variable.empty()) variable = secret.id;
  if (!source.empty()) {
    secret.file = TRY(absolute_path(source));
    TRY_WHILE(posix::open(secret.file, O_RDONLY), "looking for the secret '{}'", printable(secret.id));
    return secret;
  }
  secret.value = environment(variable);
  if (!secret.value) {
    return fail(ErrorKind::not_found, "the secret '{}' has no value: the variable {} is not set",
                printable(secret.id), printable(variable));
  }
  return secret;
}

Result<std::vector<build::Secret>> requested_secrets(const Arguments& arguments,
                                                     const Environment& environment) {
  std::vector<build::Secret> secrets;
  for (const std::string& text : arguments.values("secret")) {
    build::Secret secret = TRY(parse_secret(text, environment));
    if (std::ranges::find(secrets, secret.id, &build::Secret::id) != secrets.end())
      return fail(ErrorKind::invalid, "the secret '{}' is given twice", printable(secret.id));
    secrets.push_back(std::move(secret));
  }
  return secrets;
}

Result<build::SshAgent> parse_ssh(std::string_view text, const Environment& environment) {
  build::SshAgent agent;
  const std::size_t equals = text.find('=');
  agent.id = text.substr(0, equals);
  if (agent.id.empty()) {
    return fail(ErrorKind::invalid, "--ssh is default, ID=SOCKET or ID=KEY[,KEY...], not '{}'",
                printable(text));
  }
  std::vector<std::string> paths;
  if (equals != std::string_view::npos) paths = split(text.substr(equals + 1), ',');
  if (paths.empty()) {
    const auto socket = environment("SSH_AUTH_SOCK");
    if (!socket || socket->empty()) {
      return std::unexpected(
          Error(ErrorKind::not_found,
                fmt::format("the ssh-agent '{}' is not there: SSH_AUTH_SOCK is not set", printable(agent.id)))
              .hint(
                  "start one (eval $(ssh-agent); ssh-add), or name a key: --ssh default=~/.ssh/id_ed25519"));
    }
    paths.push_back(*socket);
  }
  for (const std::string& written : paths) {
    const std::string path = TRY_WHILE(absolute_path(written), "reading --ssh '{}'", printable(text));
    const struct stat status = TRY_WHILE(posix::stat_fd(TRY(posix::open(path, O_PATH))),
                                         "looking for the ssh-agent '{}'", printable(agent.id));
    if (!S_ISSOCK(status.st_mode)) {
      agent.keys.push_back(path);
    } else if (paths.size() == 1) {
      agent.socket = path;
    } else {
      return fail(ErrorKind::invalid, "--ssh '{}': a socket stands alone, keys can be several",
                  printable(text));
    }
  }
  return agent;
}

Result<std::map<std::string, std::string>> parse_build_args(const std::vector<std::string>& texts,
                                                            const Environment& environment) {
  std::map<std::string, std::string> result;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || text.empty())
      return fail(ErrorKind::invalid, "--build-arg needs NAME=VALUE, not '{}'", printable(text));
    if (equals != std::string::npos) {
      result.insert_or_assign(text.substr(0, equals), text.substr(equals + 1));
    } else if (auto value = environment(text)) {
      result.insert_or_assign(text, *std::move(value));
    }
  }
  return result;
}

Result<std::vector<std::string>> read_build_arg_file(const std::string& path) {
  std::vector<std::string> result;
  for (const std::string& raw : split(TRY(posix::read_file(path, k_build_arg_file_limit)), '\n')) {
    std::string_view line = raw;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trim(line).empty() || trim(line).starts_with('#')) continue;
    result.emplace_back(line);
  }
  return result;
}

Result<run::NetworkMode> parse_network(std::string_view name) {
  if (name == "none") return run::NetworkMode::none;
  if (name == "host") return run::NetworkMode::host;
  // Docker's and buildah's words for a network of its own.
  for (const std::string_view word : {"private", "default", "bridge", "pasta", "slirp4netns"}) {
    if (name == word) return run::NetworkMode::private_network;
  }
  return fail(ErrorKind::invalid, "a network is none, host or private, not '{}'", printable(name));
}

namespace {

/// With the variant as docker writes it: "linux/arm64/v8" is linux/arm64, "linux/arm" is linux/arm/v7.
oci::Platform in_docker_words(oci::Platform platform) {
  std::string& variant = platform.variant;
  if (platform.architecture == "arm" && variant.empty()) variant = "v7";
  if (platform.architecture == "arm64" && variant == "v8") variant.clear();
  if (platform.architecture == "amd64" && variant == "v1") variant.clear();
  return platform;
}

Result<> add_platforms(std::vector<oci::Platform>& platforms, std::string_view list) {
  for (const std::string& word : split(list, ',')) {
    const std::string_view name = trim(word);
    oci::Platform platform = name == "local" ? oci::Platform::host() : TRY(oci::Platform::parse(name));
    platform = in_docker_words(std::move(platform));
    if (std::ranges::find(platforms, platform) == platforms.end()) platforms.push_back(platform);
    if (platforms.size() > k_platform_limit)
      return fail(ErrorKind::limit, "a build is for at most {} platforms", k_platform_limit);
  }
  return {};
}

/// NAME=VALUE; `alone` says what NAME without a value is.
Result<std::vector<recipes::KeyValue>> read_pairs(const Arguments& arguments, std::string_view flag,
                                                  const Environment* environment) {
  std::vector<recipes::KeyValue> pairs;
  for (const std::string& text : arguments.values(flag)) {
    const std::size_t equals = text.find('=');
    std::string name = text.substr(0, equals);
    if (name.empty())
      return fail(ErrorKind::invalid, "--{} needs NAME=VALUE, not '{}'", flag, printable(text));
    if (equals != std::string::npos) {
      pairs.emplace_back(std::move(name), text.substr(equals + 1));
    } else if (environment == nullptr) {
      pairs.emplace_back(std::move(name), "");
    } else if (auto value = (*environment)(name)) {
      pairs.emplace_back(std::move(name), *std::move(value));
    }
  }
  return pairs;
}

Result<build::ImageSettings> image_settings(const Arguments& arguments, const Environment& environment) {
  build::ImageSettings settings;
  settings.labels = TRY(read_pairs(arguments, "label", nullptr));
  settings.env = TRY(read_pairs(arguments, "env", &environment));
  settings.unset_env = arguments.values("unsetenv");
  settings.annotations = TRY(read_pairs(arguments, "annotation", nullptr));
  for (auto& [name, value] : settings.annotations) {
    // Docker: whose annotation it is, in front; a build makes manifests.
    if (name.starts_with("manifest:")) name.erase(0, 9);
    for (const char* other : {"index:", "manifest-descriptor:", "index-descriptor:", "manifest["}) {
      if (name.starts_with(other))
        return fail(ErrorKind::unsupported, "--annotation '{}': a build annotates its manifest only",
                    printable(name));
    }
  }
  return settings;
}

/// Flags that scripts pass to other tools: what they ask for is so in any case, or is refused.
Result<> check_foreign_flags(const Arguments& arguments) {
  const std::string format = arguments.value("format", "oci");
  if (!arguments.on("check") && format != "oci" && format != "docker") {
    return std::unexpected(Error(ErrorKind::invalid, "--format is for what --check prints")
                               .hint("add --check, or leave it out"));
  }
  if (format == "docker") {
    return std::unexpected(
        Error(ErrorKind::unsupported, "--format docker: images in the store are OCI images")
            .hint("-o type=docker-archive,dest=FILE writes docker's form, 'ecrin push --format v2s2' pushes "
                  "it"));
  }
  for (const char* flag : {"provenance", "sbom"}) {
    if (arguments.value(flag, "false") != "false")
      return fail(ErrorKind::unsupported, "--{} {}: builds make no attestations", flag,
                  printable(arguments.value(flag)));
  }
  return {};
}

}  // namespace

Result<std::vector<oci::Platform>> build_platforms(const Arguments& arguments,
                                                   const Environment& environment) {
  std::vector<oci::Platform> platforms;
  for (const std::string& list : arguments.values("platform")) TRY(add_platforms(platforms, list));
  if (!platforms.empty()) return platforms;
  if (const auto usual = environment("DOCKER_DEFAULT_PLATFORM"); usual && !usual->empty()) {
    TRY_WHILE(add_platforms(platforms, *usual), "reading DOCKER_DEFAULT_PLATFORM");
  }
  return platforms;
}

Result<build::BuildOptions> build_options(const Arguments& arguments, const Environment& environment,
                                          std::int64_t now) {
  build::BuildOptions options;
  options.target = arguments.value("target");
  options.epoch = TRY(source_date_epoch(environment));
  if (const auto timestamp = TRY(requested_timestamp(arguments))) {
    options.current_time = timestamp->now;
    options.epoch = timestamp->seconds;
  }
  const std::string cache = arguments.value("cache", "exact");
  if (cache != "exact" && cache != "traced" && cache != "off")
    return fail(ErrorKind::invalid, "--cache is exact, traced or off, not '{}'", printable(cache));
  options.no_cache = arguments.on("no-cache") || cache == "off";
  if (cache == "traced") options.cache = build::CacheUse::traced;
  options.no_cache_stages = arguments.words("no-cache-filter");
  TRY(check_foreign_flags(arguments));
  options.run = TRY(run_settings(arguments));
  options.image = TRY(image_settings(arguments, environment));
  options.squash = arguments.on("squash-all") ? build::Squash::all
                   : arguments.on("squash")   ? build::Squash::above_base
                                              : build::Squash::no;
  options.explain = arguments.on("explain");
  if (const auto jobs = arguments.find("jobs")) {
    const auto count = parse_unsigned(*jobs, 1024);
    if (!count) return fail(ErrorKind::invalid, "--jobs is a number up to 1024, not '{}'", printable(*jobs));
    options.jobs = static_cast<unsigned>(*count);
  }
  options.network = TRY(parse_network(arguments.value("network", "private")));
  options.secrets = TRY(requested_secrets(arguments, environment));
  options.allow_secret_in_layer = arguments.on("allow-secret-in-layer");
  for (const std::string& text : arguments.values("ssh")) {
    build::SshAgent agent = TRY(parse_ssh(text, environment));
    if (std::ranges::find(options.ssh_agents, agent.id, &build::SshAgent::id) != options.ssh_agents.end()) {
      return fail(ErrorKind::invalid, "the ssh-agent '{}' is given twice", printable(agent.id));
    }
    options.ssh_agents.push_back(std::move(agent));
  }
  for (const std::string& name : arguments.values("tag")) options.tags.push_back(TRY(parse_new_name(name)));
  options.proxy_environment = proxy_environment(environment);
  options.now = now;
  return options;
}

}  // namespace ecrin::cli
