// verb: logout
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/registry_options.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  const Interrupts interrupts;
  const oci::RegistryAccess access =
      TRY(registry_access(arguments, surroundings(session), interrupts, Authfile::write));
  if (arguments.on("all")) {
    if (!arguments.operands().empty())
      return std::unexpected(Failure(Error(ErrorKind::invalid, "--all takes no registry")));
    TRY(access.credentials.erase_all());
    print_line("Removed login credentials for all registries");
    return 0;
  }
  if (arguments.operands().empty() && access.registries.search.empty())
    return std::unexpected(
        Failure(Error(ErrorKind::invalid, "which registry?").hint("'ecrin logout REGISTRY', or --all")));
  const oci::CredentialKey key = TRY(oci::CredentialKey::parse(
      arguments.operands().empty() ? access.registries.search.front() : arguments.operands().front()));
  const bool erased = TRY(access.credentials.erase(key));
  const auto left = TRY(access.credentials.find(key));
  if (!erased) {
    Error error(ErrorKind::not_found, "not logged in to " + key.to_string());
    if (!left) return std::unexpected(Failure(std::move(error)));
    return std::unexpected(Failure(std::move(error).hint(fmt::format(
        "there are credentials in '{}': 'ecrin logout --authfile' names a file", printable(left->where)))));
  }
  print_line("Removed login credentials for " + key.to_string());
  if (left) log::warning("{} still has credentials, in '{}'", key.to_string(), printable(left->where));
  return 0;
}

}  // namespace

const Verb& logout_verb() {
  static const Verb verb{
      .name = "logout",
      .operands = "[REGISTRY]",
      .summary = "Forget the credentials of a registry",
      .details =
          "Takes them from where 'ecrin login' and 'podman login' keep them, credential helpers included. "
          "Without "
          "a "
          "REGISTRY it is the first of registries.conf's unqualified-search-registries.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "of all registries"},
              {.name = "authfile",
               .value = "FILE",
               .help =
                   "the file with credentials; default: $REGISTRY_AUTH_FILE, else the one of 'ecrin login'",
               .completion = Completion::file},
          },
      .most_operands = 1,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
