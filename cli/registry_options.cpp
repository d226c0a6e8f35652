#include "cli/registry_options.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/prompt.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_most_retries = 100;
constexpr auto k_longest_delay = std::chrono::hours(1);

// "" = not set
std::string variable(const Surroundings& around, const char* name) {
  return around.environment(name).value_or("");
}

// A variable that names an absolute directory (the XDG specification has others ignored), else HOME/`below`.
std::string directory_of(const Surroundings& around, const char* name, const char* below) {
  if (const std::string value = variable(around, name); value.starts_with('/')) return value;
  std::string home = variable(around, "HOME");
  if (!home.starts_with('/')) home = around.passwd_home;
  return home.starts_with('/') ? home + below : "";
}

Result<oci::CredentialPlaces> places(const Arguments& arguments, const Surroundings& around, Authfile use) {
  std::string file = arguments.value("authfile");
  if (file.empty()) file = variable(around, "REGISTRY_AUTH_FILE");
  oci::CredentialPlaces result =
      TRY(oci::credential_places({.authfile = file.empty() ? "" : TRY(absolute_path(file)),
                                  .runtime_directory = variable(around, "XDG_RUNTIME_DIR"),
                                  .config_directory = directory_of(around, "XDG_CONFIG_HOME", "/.config"),
                                  .docker_directory = directory_of(around, "DOCKER_CONFIG", "/.docker"),
                                  .home = directory_of(around, "HOME", ""),
                                  .user = around.user}));
  if (use == Authfile::write) {
    for (oci::CredentialPlace& place : result.files) place.origin = oci::CredentialPlace::Origin::usual;
  }
  return result;
}

// USER[:PASSWORD]
Result<oci::Credentials> parse_credentials(const std::string& text, const Interrupts& interrupts) {
  const std::size_t colon = text.find(':');
  oci::Credentials credentials;
  credentials.username = text.substr(0, colon);
  if (credentials.username.empty()) {
    return std::unexpected(
        Error(ErrorKind::invalid, "--creds has no user name").hint("--creds USER[:PASSWORD]"));
  }
  if (colon != std::string::npos) {
    warn_visible("creds", "--creds USER asks for it, 'ecrin login' keeps it");
    credentials.password = Secret(std::string_view(text).substr(colon + 1));
  } else {
    credentials.password =
        TRY(ask(fmt::format("Password of {}: ", printable(credentials.username, 100)), Echo::no, interrupts));
  }
  return credentials;
}

Result<oci::RetryPolicy> retry_policy(const Arguments& arguments) {
  oci::RetryPolicy policy;
  if (const auto text = arguments.find("retry")) {
    const auto count = parse_unsigned(*text, k_most_retries);
    if (!count)
      return fail(ErrorKind::invalid, "--retry is a number from 0 to {}, not '{}'", k_most_retries,
                  printable(*text, 100));
    policy.attempts = static_cast<int>(*count) + 1;
  }
  if (const auto text = arguments.find("retry-delay")) {
    policy.first = TRY_WHILE(parse_duration(*text), "reading --retry-delay");
    policy.longest = std::max(policy.longest, policy.first);
  }
  return policy;
}

}  // namespace

std::vector<Flag> server_flags() {
  return {{.name = "authfile",
           .value = "FILE",
           .help = "the file with credentials; default: $REGISTRY_AUTH_FILE, else those of podman and docker",
           .completion = Completion::file},
          {.name = "cert-dir",
           .value = "DIR",
           .help = "certificates for registries: *.crt of CAs, *.cert and *.key of the client",
           .completion = Completion::directory},
          {.name = "tls-verify",
           .value = "",
           .help = "=false: allow plain http and certificates that cannot be verified"}};
}

std::vector<Flag> registry_flags() {
  return with_flags(
      server_flags(),
      {{.name = "creds",
        .value = "USER[:PASSWORD]",
        .help = "credentials for the registry; without a password it is asked for"},
       {.name = "retry", .value = "COUNT", .help = "how often a failed request is tried again; default 4"},
       {.name = "retry-delay",
        .value = "DURATION",
        .help = "how long the first wait for that is, as 500ms or 2s; the next ones are longer"}});
}

std::vector<Flag> with_flags(std::vector<Flag> own, const std::vector<Flag>& shared) {
  own.insert(own.end(), shared.begin(), shared.end());
  return own;
}

Surroundings surroundings(const Session& session) {
  return {.environment = session.environment(),
          .search_path = session.search_path(),
          .passwd_home = session.passwd_home(),
          .user = session.user()};
}

Result<oci::RegistryAccess> registry_access(const Arguments& arguments, const Surroundings& around,
                                            const Interrupts& interrupts, Authfile use) {
  const std::string config = directory_of(around, "XDG_CONFIG_HOME", "/.config");
  oci::RegistriesConf registries = TRY(oci::load_registries_conf(
      oci::registries_conf_places(variable(around, "CONTAINERS_REGISTRIES_CONF"), config,
                                  directory_of(around, "XDG_CACHE_HOME", "/.cache"))));
  std::string certificates = arguments.value("cert-dir");
  if (!certificates.empty()) certificates = TRY(absolute_path(certificates));
  oci::CredentialStore credentials(TRY(places(arguments, around, use)), {.search_path = around.search_path},
                                   registries.credential_helpers);
  oci::RegistryAccess access{.registries = std::move(registries),
                             .credentials = std::move(credentials),
                             .given = std::nullopt,
                             .certificates = oci::certificate_places(certificates, config),
                             .exchange = {}};
  access.exchange.retry = TRY(retry_policy(arguments));
  if (arguments.has("tls-verify"))
    access.verify = arguments.on("tls-verify") ? oci::TlsVerify::on : oci::TlsVerify::off;
  if (const auto text = arguments.find("creds")) access.given = TRY(parse_credentials(*text, interrupts));
  return access;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  // A number alone is seconds, as podman has it.
  const bool is_number = parse_unsigned(text).has_value();
  const auto nanoseconds = ecrin::parse_duration(is_number ? fmt::format("{}s", text) : text);
  const auto limit = std::chrono::duration_cast<std::chrono::nanoseconds>(k_longest_delay).count();
  if (nanoseconds && *nanoseconds <= limit) return std::chrono::milliseconds(*nanoseconds / 1'000'000);
  return std::unexpected(
      Error(ErrorKind::invalid, fmt::format("'{}' is not a duration", printable(text, 100)))
          .hint("as 500ms, 2s, 1m30s; at most one hour"));
}

void warn_visible(std::string_view flag, std::string_view better) {
  log::warning("other users of this machine can see the password in --{}: {}", flag, better);
}

}  // namespace ecrin::cli
