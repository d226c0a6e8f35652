// verb: login
#include <sys/resource.h>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/prompt.hpp"
#include "cli/registry_options.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "oci/registry/login.hpp"

namespace ecrin::cli {
namespace {

using Found = oci::CredentialStore::Found;

// This process has little but a secret in its memory.
void forbid_core_dumps() {
  const struct rlimit none {};
  ::setrlimit(RLIMIT_CORE, &none);  // never refused: limits may always be lowered
}

Result<> check_flags(const Arguments& arguments) {
  if (arguments.has("password") && arguments.on("password-stdin"))
    return fail(ErrorKind::invalid, "--password and --password-stdin exclude each other");
  if (arguments.on("password-stdin") && arguments.value("username").empty())
    return fail(ErrorKind::invalid, "--password-stdin needs --username");
  return {};
}

Result<oci::CredentialKey> chosen_key(const Arguments& arguments, const oci::RegistryAccess& access) {
  if (!arguments.operands().empty()) return oci::CredentialKey::parse(arguments.operands().front());
  if (!access.registries.search.empty()) return oci::CredentialKey::parse(access.registries.search.front());
  return std::unexpected(Error(ErrorKind::invalid, "which registry?").hint("'ecrin login REGISTRY'"));
}

Result<oci::Credentials> read_credentials(const Arguments& arguments, const std::optional<Found>& existing,
                                          const Interrupts& interrupts) {
  oci::Credentials result;
  result.username = arguments.value("username");
  if (result.username.empty()) {
    const std::string known = existing ? existing->credentials.username : "";
    const std::string question =
        known.empty() ? "Username: " : fmt::format("Username ({}): ", printable(known, 100));
    result.username = TRY(ask(question, Echo::yes, interrupts)).reveal();
    if (result.username.empty()) result.username = known;
    if (result.username.empty()) return fail(ErrorKind::invalid, "the user name is empty");
  }
  if (result.username.contains(':')) return fail(ErrorKind::invalid, "a user name cannot have a ':' in it");
  if (arguments.on("password-stdin")) {
    result.password = TRY(read_secret_input());
  } else if (const auto given = arguments.find("password")) {
    warn_visible("password", "--password-stdin reads it from a pipe, and without it it is asked for");
    result.password = Secret(*given);
  } else {
    result.password = TRY(ask("Password: ", Echo::no, interrupts));
  }
  if (result.password.empty()) return fail(ErrorKind::invalid, "the password is empty");
  return result;
}

Outcome show_login(const oci::CredentialKey& key, const std::optional<Found>& existing) {
  if (!existing)
    return std::unexpected(Failure(Error(ErrorKind::not_found, "not logged in to " + key.to_string())));
  print_line(existing->credentials.username);
  return 0;
}

Result<int> log_in(const Arguments& arguments, const oci::RegistryAccess& access,
                   const oci::CredentialKey& key, const std::optional<Found>& existing, Session& session,
                   const Interrupts& interrupts) {
  const auto transport = oci::make_transport({.proxies = proxy_environment(session.environment())});
  const auto check = [&](const oci::Credentials& credentials) {
    return oci::check_credentials(*transport, access, key, credentials, &interrupts.token());
  };
  if (existing && arguments.value("username").empty() && !arguments.has("password")) {
    const auto valid = check(existing->credentials);
    if (valid) {
      print_line(fmt::format("Existing credentials are valid. Already logged in to {}", key.to_string()));
      return 0;
    }
    if (valid.error().kind() != ErrorKind::denied) return std::unexpected(valid.error());
    session.console().print(
        fmt::format("The credentials that are kept for {} are not valid any more.", key.to_string()));
  }
  const oci::Credentials credentials = TRY(read_credentials(arguments, existing, interrupts));
  TRY(check(credentials));
  const std::string where = TRY(access.credentials.store(key, credentials));
  if (arguments.on("verbose")) print_line("Used: " + printable(where));
  print_line("Login Succeeded!");
  return 0;
}

Outcome run(Session& session, const Arguments& arguments) {
  forbid_core_dumps();
  TRY(check_flags(arguments));
  const Interrupts interrupts;
  const oci::RegistryAccess access =
      TRY(registry_access(arguments, surroundings(session), interrupts, Authfile::write));
  const oci::CredentialKey key = TRY(chosen_key(arguments, access));
  const auto existing = TRY(access.credentials.find(key));
  if (arguments.on("get-login")) return show_login(key, existing);
  auto done = log_in(arguments, access, key, existing, session, interrupts);
  if (!done) return std::unexpected(std::move(done).error());
  return *done;
}

}  // namespace

const Verb& login_verb() {
  static const Verb verb{
      .name = "login",
      .operands = "[REGISTRY]",
      .summary = "Keep the user name and password of a registry",
      .details =
          "The registry is asked whether they are right; then they are kept where podman, buildah and skopeo "
          "keep "
          "theirs. A REGISTRY with a path (HOST/TEAM) has credentials for that part of it only. Without a "
          "REGISTRY it is the first of registries.conf's unqualified-search-registries.",
      .flags = with_flags(
          {
              {.name = "username",
               .letter = 'u',
               .value = "NAME",
               .help = "the user; default: it is asked for"},
              {.name = "password",
               .letter = 'p',
               .value = "PASSWORD",
               .help = "the password, which other users can see then; default: it is asked for"},
              {.name = "password-stdin", .value = "", .help = "read the password from standard input"},
              {.name = "get-login",
               .value = "",
               .help = "show the user that is logged in, and do nothing else"},
              {.name = "verbose", .letter = 'v', .value = "", .help = "show where the credentials are kept"},
          },
          server_flags()),
      .most_operands = 1,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
