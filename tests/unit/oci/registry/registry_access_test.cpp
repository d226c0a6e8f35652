#include "oci/registry/registry_access.hpp"

#include "oci/registry/login.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/memory_transport.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using tests::MemoryRegistryOptions;

namespace {

// No files, no waiting.
RegistryAccess access() {
  return {.registries = {},
          .credentials = CredentialStore({}, {}),
          .given = std::nullopt,
          .certificates = {},
          .exchange = {
              .retry = {.attempts = 2},
              .clock = {.now = [] { return std::int64_t{1'000'000}; },
                        .sleep = [](std::chrono::milliseconds, const CancelToken*) -> Result<> { return {}; },
                        .random = [] { return 0.5; }}}};
}

// Servers that speak only one scheme.
class OneScheme final : public HttpTransport {
public:
  OneScheme(HttpTransport& transport, std::string scheme)
      : m_transport(transport), m_scheme(std::move(scheme)) {}
  Result<HttpResponse> send(const HttpRequest& request, const CancelToken* cancel) override {
    asked.push_back(request.url);
    if (!request.url.starts_with(m_scheme + "://"))
      return fail(ErrorKind::network, "no answer by that scheme");
    return m_transport.send(request, cancel);
  }
  std::vector<std::string> asked;

private:
  HttpTransport& m_transport;
  std::string m_scheme;
};

struct Server {
  tests::MemoryRegistry registry;
  tests::MemoryTransport transport{registry};
  explicit Server(MemoryRegistryOptions options = {}) : registry(std::move(options)) {}
};

Reference name(const std::string& text) {
  return Reference::parse(text).value();
}
Credentials ada(const std::string& password) {
  return {.username = "ada", .password = Secret(password), .identity_token = {}};
}

}  // namespace

TEST_CASE("registry access: --tls-verify is for all endpoints") {
  RegistryAccess one = access();
  CHECK(one.pull_endpoints(name("localhost/a"))->front().insecure);
  CHECK_FALSE(one.pull_endpoints(name("host.example/a"))->front().insecure);
  one.verify = TlsVerify::on;
  CHECK_FALSE(one.pull_endpoints(name("localhost/a"))->front().insecure);
  CHECK_FALSE(one.push_endpoint(name("localhost/a"))->insecure);
  one.verify = TlsVerify::off;
  CHECK(one.pull_endpoints(name("host.example/a"))->front().insecure);
  CHECK(one.registry_endpoint("host.example")->insecure);
}

TEST_CASE("registry access: only insecure servers are asked by which scheme they speak") {
  Server server;
  const RegistryAccess one = access();
  OneScheme plain(server.transport, "http");
  const auto secure = one.connect(plain, *one.push_endpoint(name("docker.io/a")), nullptr);
  REQUIRE(secure);
  CHECK(secure->url == "https://registry-1.docker.io");
  CHECK(secure->registry == "docker.io");
  CHECK(secure->tls.verify);
  CHECK(plain.asked.empty());

  const Endpoint local = *one.push_endpoint(name("localhost:5000/a"));
  CHECK(one.connect(plain, local, nullptr)->url == "http://localhost:5000");
  CHECK(plain.asked == std::vector<std::string>{"https://localhost:5000/v2/", "http://localhost:5000/v2/"});
  OneScheme encrypted(server.transport, "https");
  const auto found = one.connect(encrypted, local, nullptr);
  CHECK(found->url == "https://localhost:5000");
  CHECK_FALSE(found->tls.verify);
  OneScheme none(server.transport, "gopher");
  CHECK(one.connect(none, local, nullptr).error().kind() == ErrorKind::network);
}

TEST_CASE("registry access: given credentials are used instead of stored ones") {
  RegistryAccess one = access();
  CHECK_FALSE(one.lookup()("host.example", "a").value());
  one.given = ada("pw");
  CHECK(one.lookup()("host.example", "a").value()->username == "ada");
}

TEST_CASE("login: credentials are checked") {
  using Authentication = MemoryRegistryOptions::Authentication;
  const auto authentication = GENERATE(Authentication::none, Authentication::basic, Authentication::token);
  Server server({.authentication = authentication});
  const RegistryAccess one = access();
  const CredentialKey key{.registry = "host.example", .path = "team"};
  CHECK(check_credentials(server.transport, one, key, ada("lovelace"), nullptr));
  const auto wrong = check_credentials(server.transport, one, key, ada("wr0ng"), nullptr);
  if (authentication == Authentication::none) {
    CHECK(wrong);
    return;
  }
  REQUIRE(!wrong);
  CHECK(wrong.error().kind() == ErrorKind::denied);
  CHECK(wrong.error().message().starts_with("cannot log in to host.example: "));
  CHECK_FALSE(wrong.error().message().contains("wr0ng"));
  if (authentication == Authentication::token)
    CHECK(check_credentials(server.transport, one, key,
                            {.username = "", .password = {}, .identity_token = Secret("identity-of-ada")},
                            nullptr));
}

TEST_CASE("login: a registry that is out of order") {
  Server server;
  server.registry.order(tests::Fault::unavailable, 10);
  const auto result = check_credentials(server.transport, access(), {.registry = "host.example", .path = ""},
                                        ada("lovelace"), nullptr);
  REQUIRE(!result);
  CHECK(result.error().message().contains("cannot log in to host.example"));
}
