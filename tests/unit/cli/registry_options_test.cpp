#include "cli/registry_options.hpp"

#include "base/log.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

struct Host {
  test::TempDirectory directory;
  std::map<std::string, std::string> variables{{"HOME", directory.path()},
                                               {"CONTAINERS_REGISTRIES_CONF", "/dev/null"}};

  Result<oci::RegistryAccess> access(const std::vector<std::string>& words,
                                     Authfile use = Authfile::read) const {
    static const Verb verb{
        .name = "pull", .operands = "", .summary = "", .details = "", .flags = registry_flags()};
    const Arguments arguments = parse_arguments(verb, words).value();
    const Interrupts interrupts;
    return registry_access(arguments,
                           {.environment = [this](const std::string& name) -> std::optional<std::string> {
                              const auto found = variables.find(name);
                              if (found == variables.end()) return std::nullopt;
                              return found->second;
                            },
                            .search_path = "/usr/bin:/bin",
                            .passwd_home = "",
                            .user = 1000},
                           interrupts, use);
  }
};

}  // namespace

TEST_CASE("registry options: flags become one value") {
  const Host host;
  const auto usual = host.access({});
  REQUIRE(usual);
  CHECK(usual->verify == oci::TlsVerify::as_configured);
  CHECK_FALSE(usual->given);
  CHECK(usual->certificates.directories.front() == host.directory.path(".config/containers/certs.d"));
  CHECK(usual->exchange.retry.attempts == 5);

  const auto set =
      host.access({"--tls-verify=false", "--cert-dir", "/c", "--retry", "0", "--retry-delay", "30s"});
  REQUIRE(set);
  CHECK(set->verify == oci::TlsVerify::off);
  CHECK(set->certificates.chosen == "/c");
  CHECK(set->exchange.retry.attempts == 1);
  CHECK(set->exchange.retry.first == std::chrono::seconds(30));
  CHECK(set->exchange.retry.longest == std::chrono::seconds(30));
  CHECK(host.access({"--tls-verify"})->verify == oci::TlsVerify::on);
  CHECK_FALSE(host.access({"--retry", "-1"}));
  CHECK_FALSE(host.access({"--retry", "1000"}));
  CHECK_FALSE(host.access({"--retry-delay", "soon"}));
}

TEST_CASE("registry options: a password on the command line is warned about") {
  const Host host;
  std::vector<std::string> warnings;
  log::set_handler(log::Level::warning,
                   [&warnings](log::Level, const std::string& text) { warnings.push_back(text); });
  const auto access = host.access({"--creds", "me:p:w"});
  log::set_handler(log::Level::warning, {});
  REQUIRE(access);
  CHECK(access->given->username == "me");
  CHECK(access->given->password.reveal() == "p:w");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].contains("--creds"));
  CHECK_FALSE(warnings[0].contains("p:w"));
  CHECK_FALSE(host.access({"--creds", ":pw"}));
}

TEST_CASE("registry options: the file with credentials") {
  Host host;
  const oci::CredentialKey key{.registry = "host.example", .path = ""};
  const oci::Credentials me{.username = "me", .password = Secret("pw"), .identity_token = {}};
  CHECK(host.access({})->credentials.store(key, me).value() ==
        host.directory.path(".config/containers/auth.json"));
  CHECK(host.access({})->credentials.find(key).value()->credentials == me);
  host.variables["REGISTRY_AUTH_FILE"] = host.directory.path("mine.json");
  CHECK(host.access({})->credentials.find(key).error().kind() == ErrorKind::not_found);
  CHECK_FALSE(host.access({}, Authfile::write)->credentials.find(key).value());
  CHECK(host.access({}, Authfile::write)->credentials.store(key, me).value() ==
        host.directory.path("mine.json"));
  CHECK(host.access({"--authfile", host.directory.path("other.json")}, Authfile::write)
            ->credentials.store(key, me)
            .value() == host.directory.path("other.json"));
}

TEST_CASE("registry options: durations") {
  CHECK(parse_duration("500ms").value() == std::chrono::milliseconds(500));
  CHECK(parse_duration("2").value() == std::chrono::seconds(2));
  CHECK(parse_duration("1m30s").value() == std::chrono::seconds(90));
  CHECK(parse_duration("0s").value() == std::chrono::seconds(0));
  for (const char* text : {"", "s", "-1s", "1d", "1m30", "2h", "99999999999999999999s", "1.5s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}
