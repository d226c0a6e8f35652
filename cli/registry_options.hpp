// What all verbs that talk to registries share: their flags, and how flags and environment become one value.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/environment.hpp"
#include "cli/interrupt.hpp"
#include "oci/registry/registry_access.hpp"

namespace ecrin::cli {

/// --authfile, --tls-verify, --cert-dir: of every such verb.
std::vector<Flag> server_flags();
/// The same with --creds, --retry and --retry-delay: of verbs that move images. For a verb's declaration:
/// `.flags = with_flags({own...}, registry_flags())`.
std::vector<Flag> registry_flags();
std::vector<Flag> with_flags(std::vector<Flag> own, const std::vector<Flag>& shared);

/// What the surroundings say, as values.
struct Surroundings {
  Environment environment;
  std::string search_path;  // for credential helpers
  std::string passwd_home;  // when HOME is not set
  unsigned user = 0;
};
class Session;
Surroundings surroundings(const Session& session);

enum class Authfile { read, write };  // a chosen file that is only read must be there
/// From the flags that the verb has. With --creds USER the password is asked for.
Result<oci::RegistryAccess> registry_access(const Arguments& arguments, const Surroundings& around,
                                            const Interrupts& interrupts, Authfile use = Authfile::read);

/// "500ms", "2s", "1m30s", or a number of seconds.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Warns that others can see the flag's value while the program runs.
void warn_visible(std::string_view flag, std::string_view better);

}  // namespace ecrin::cli
