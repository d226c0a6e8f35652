#include "oci/registry/authorization.hpp"

#include <thread>

#include "tests/support/catch.hpp"
#include "tests/unit/oci/registry/client_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

using Authentication = MemoryRegistryOptions::Authentication;

MemoryRegistryOptions basic() {
  MemoryRegistryOptions options;
  options.authentication = Authentication::basic;
  return options;
}

MemoryRegistryOptions private_tokens() {
  MemoryRegistryOptions options = with_tokens();
  options.anonymous_pull = false;
  return options;
}

}  // namespace

TEST_CASE("a token for nobody is enough for a public image") {
  ClientFixture fixture(with_tokens());
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {"layer"});
  RegistryClient client = fixture.client();
  CHECK(must(client.get_manifest({"v1", std::nullopt}, nullptr)).digest == image.digest);
  CHECK(fixture.registry.count("GET /token") == 1);
  // the token is kept for the next request
  CHECK(must(client.get_manifest({"v1", std::nullopt}, nullptr)).digest == image.digest);
  CHECK(fixture.registry.count("GET /token") == 1);
  CHECK(fixture.registry.count("/manifests/") == 3);
}

TEST_CASE("credentials get a token, by password and by identity token") {
  for (const Credentials& credentials : {ada(), ada_with_identity()}) {
    ClientFixture fixture(private_tokens());
    const PushedImage image = push_image(fixture.registry, "team/app", "v1", {});
    RegistryClient client = fixture.client("team/app", credentials);
    CHECK(must(client.get_manifest({"v1", std::nullopt}, nullptr)).digest == image.digest);
    CHECK(fixture.registry.count(credentials.identity_token.empty() ? "GET /token" : "POST /token") == 1);
  }
}

TEST_CASE("the token request says service, scope and account") {
  ClientFixture fixture(private_tokens());
  push_image(fixture.registry, "team/app", "v1", {});
  RegistryClient client = fixture.client("team/app", ada());
  CHECK(client.get_manifest({"v1", std::nullopt}, nullptr));
  CHECK(fixture.registry.count(
            "GET /token?account=ada&service=memory&scope=repository%3Ateam%2Fapp%3Apull") == 1);
}

TEST_CASE("an identity token goes into the body of a POST, not into a URL") {
  ClientFixture fixture(private_tokens());
  push_image(fixture.registry, "team/app", "v1", {});
  RegistryClient client = fixture.client("team/app", ada_with_identity());
  CHECK(client.get_manifest({"v1", std::nullopt}, nullptr));
  bool posted = false;
  for (const auto& sent : fixture.transport.sent()) {
    CHECK_FALSE(contains(sent.url, "identity-of-ada"));
    if (sent.method == "POST") posted = contains(sent.body, "refresh_token=identity-of-ada");
  }
  CHECK(posted);
}

TEST_CASE("basic authentication, and what it says without credentials or with wrong ones") {
  ClientFixture fixture(basic());
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {});
  CHECK(must(fixture.client("team/app", ada()).get_manifest({"v1", std::nullopt}, nullptr)).digest ==
        image.digest);
  const auto nobody = fixture.client().get_manifest({"v1", std::nullopt}, nullptr);
  CHECK(nobody.error().kind() == ErrorKind::denied);
  CHECK(contains(error_of(nobody), "registry.test asks for a user and a password"));
  CHECK(contains(error_of(nobody), "ecrin login registry.test"));
  Credentials wrong = ada();
  wrong.password = Secret("babbage");
  const auto refused = fixture.client("team/app", wrong).get_manifest({"v1", std::nullopt}, nullptr);
  CHECK(refused.error().kind() == ErrorKind::denied);
  CHECK(contains(error_of(refused), "does not accept the stored credentials"));
  CHECK_FALSE(contains(error_of(refused), "babbage"));
  const auto identity =
      fixture.client("team/app", ada_with_identity()).get_manifest({"v1", std::nullopt}, nullptr);
  CHECK(contains(error_of(identity), "only an identity token is stored"));
}

TEST_CASE("a token service that refuses is quoted, once, with what to do") {
  ClientFixture fixture(private_tokens());
  push_image(fixture.registry, "team/app", "v1", {});
  Credentials wrong = ada();
  wrong.password = Secret("babbage");
  const auto refused = fixture.client("team/app", wrong).get_manifest({"v1", std::nullopt}, nullptr);
  CHECK(refused.error().kind() == ErrorKind::denied);
  CHECK(contains(error_of(refused), "incorrect username or password"));
  CHECK(contains(error_of(refused), "ecrin login registry.test"));
  CHECK_FALSE(contains(error_of(refused), "babbage"));
  CHECK(fixture.registry.count("/token") == 1);
  const auto nobody = fixture.client().get_manifest({"v1", std::nullopt}, nullptr);
  CHECK(nobody.error().kind() == ErrorKind::denied);
  CHECK(contains(error_of(nobody), "ecrin login registry.test"));
}

TEST_CASE("a token that ends by the clock is renewed before it is refused") {
  ClientFixture fixture(with_tokens());
  push_image(fixture.registry, "team/app", "v1", {});
  RegistryClient client = fixture.client();
  CHECK(client.get_manifest({"v1", std::nullopt}, nullptr));
  fixture.time.advance(280);
  CHECK(client.get_manifest({"v1", std::nullopt}, nullptr));
  CHECK(fixture.registry.count("/token") == 1);
  fixture.time.advance(15);  // it lives 300 seconds and is renewed 10 before its end
  CHECK(client.get_manifest({"v1", std::nullopt}, nullptr));
  CHECK(fixture.registry.count("/token") == 2);
  CHECK(fixture.registry.count("/manifests/") == 4);  // one of them was the first challenge
}

TEST_CASE("a token that ends early is renewed once after the 401") {
  ClientFixture fixture(with_tokens());
  const std::string layer = noise(100'000);
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {layer});
  RegistryClient client = fixture.client();
  CHECK(client.get_manifest({"v1", std::nullopt}, nullptr));
  fixture.registry.order(Fault::expired_token);
  const auto source = must(client.open_blob(image.layers[0], layer.size(), 0, nullptr));
  CHECK(must(read_all(*source, 1u << 20)) == layer);
  CHECK(fixture.registry.count("/token") == 2);
  // for ever refused: two requests, then an end
  fixture.registry.forget_counts();
  fixture.registry.order(Fault::expired_token, 100);
  const auto refused = client.get_manifest({"v1", std::nullopt}, nullptr);
  CHECK(refused.error().kind() == ErrorKind::denied);
  CHECK(contains(error_of(refused), "status 401"));
  CHECK(fixture.registry.count("/manifests/") == 2);
}

TEST_CASE("many threads share one token") {
  ClientFixture fixture(with_tokens());
  push_image(fixture.registry, "team/app", "v1", {});
  RegistryClient client = fixture.client();
  std::vector<std::thread> threads;
  std::atomic<int> fine = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      if (client.get_manifest({"v1", std::nullopt}, nullptr)) ++fine;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(fine == 8);
  CHECK(fixture.registry.count("/token") == 1);
}

TEST_CASE("a token service that is overloaded is asked again, within bounds") {
  ClientFixture fixture(with_tokens());
  push_image(fixture.registry, "team/app", "v1", {});
  fixture.registry.order(Fault::too_many, 2, "/token");
  CHECK(fixture.client().get_manifest({"v1", std::nullopt}, nullptr));
  CHECK(fixture.registry.count("/token") == 3);
  fixture.registry.forget_counts();
  fixture.registry.order(Fault::reset, 100, "/token");
  const auto down = fixture.client().get_manifest({"v1", std::nullopt}, nullptr);
  CHECK(down.error().kind() == ErrorKind::network);
  CHECK(fixture.registry.count("/token") == 5);
}

TEST_CASE("credentials do not follow a realm to where they could be read") {
  const auto try_with = [](const std::string& url, const std::string& realm, std::optional<Credentials> who) {
    MemoryRegistryOptions options = with_tokens();
    options.realm = realm;
    ClientFixture fixture(options);
    push_image(fixture.registry, "team/app", "v1", {});
    const auto result =
        fixture.client("team/app", std::move(who), url).get_manifest({"v1", std::nullopt}, nullptr);
    if (!result) {
      for (const auto& sent : fixture.transport.sent())
        CHECK_FALSE((contains(sent.url, "/token") && !sent.authorization.empty()));
    }
    return error_of(result);
  };
  // the registry is encrypted: the service must be
  CHECK(
      contains(try_with("https://registry.test", "http://registry.test/token", ada()), "without encryption"));
  CHECK(contains(try_with("https://registry.test", "http://evil.test/token", ada()), "without encryption"));
  CHECK(try_with("https://registry.test", "https://auth.test/token", ada()) == "no error");
  // it is not: then its own host, or one with encryption
  CHECK(contains(try_with("http://registry.test", "http://evil.test/token", ada()), "without encryption"));
  CHECK(contains(try_with("http://registry.test", "http://evil.test/token", ada_with_identity()),
                 "without encryption"));
  CHECK(try_with("http://registry.test", "http://registry.test:5001/token", ada()) == "no error");
  CHECK(try_with("http://registry.test", "https://auth.test/token", ada()) == "no error");
  // nobody's token may come from anywhere that speaks http
  CHECK(try_with("http://registry.test", "http://other.test/token", std::nullopt) == "no error");
  CHECK(contains(try_with("http://registry.test", "file:///etc/passwd", std::nullopt),
                 "no usable token service"));
  CHECK(contains(try_with("http://registry.test", "gopher://x", ada()), "no usable token service"));
  CHECK(contains(try_with("http://registry.test", "not a url", ada()), "no usable token service"));
}

TEST_CASE("answers of a token service that are none are refused") {
  class OddService final : public HttpTransport {
  public:
    std::string body;
    Result<HttpResponse> send(const HttpRequest& request, const CancelToken*) override {
      HttpResponse response;
      response.status = contains(request.url, "/token") ? 200 : 401;
      response.headers = {{"WWW-Authenticate", "Bearer realm=\"https://auth.test/token\""}};
      response.body = std::make_unique<MemorySource>(response.status == 200 ? body : "");
      return response;
    }
  } service;
  FakeClock time;
  const auto ask = [&](const std::string& body) {
    service.body = body;
    RegistryClient client(service, {.url = "https://registry.test", .registry = "registry.test", .tls = {}},
                          "a", {}, {.retry = {}, .clock = time.clock()});
    return error_of(client.get_manifest({"v1", std::nullopt}, nullptr));
  };
  CHECK(contains(ask(""), "token service"));
  CHECK(contains(ask("[]"), "not an object"));
  CHECK(contains(ask("{}"), "no usable token"));
  CHECK(contains(ask(R"({"token":5})"), "token"));
  CHECK(contains(ask(R"({"token":"a\r\nX-Evil: 1"})"), "no usable token"));
  CHECK(contains(ask(R"({"token":"with blank"})"), "no usable token"));
  CHECK(contains(ask(R"({"token":")" + std::string(100'000, 'x') + "\"}"), "no usable token"));
  CHECK(contains(ask(std::string(2u << 20, ' ')), "bytes allowed"));
  // fine, but the registry still says no
  CHECK(contains(ask(R"({"access_token":"x","expires_in":-5})"), "status 401"));
  CHECK(contains(ask(R"({"token":"x","expires_in":"soon"})"), "status 401"));
}

TEST_CASE("a registry that asks for something unknown is named") {
  class Unknown final : public HttpTransport {
  public:
    std::string challenge;
    Result<HttpResponse> send(const HttpRequest&, const CancelToken*) override {
      HttpResponse response;
      response.status = 401;
      if (!challenge.empty()) response.headers = {{"WWW-Authenticate", challenge}};
      response.body = std::make_unique<MemorySource>("");
      return response;
    }
  } unknown;
  RegistryClient client(unknown, {.url = "https://registry.test", .registry = "registry.test", .tls = {}},
                        "a", {});
  CHECK(contains(error_of(client.get_manifest({"v1", std::nullopt}, nullptr)), "does not say which"));
  unknown.challenge = "Negotiate";
  CHECK(contains(error_of(client.get_manifest({"v1", std::nullopt}, nullptr)),
                 "'negotiate', which is not supported"));
}

TEST_CASE("the place that a blob is redirected to sees no credentials and cannot ask for them") {
  MemoryRegistryOptions options = with_tokens();
  options.blob_host = "http://storage.test";
  ClientFixture fixture(options);
  const std::string layer = noise(10'000);
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {layer});
  RegistryClient client = fixture.client("team/app", ada());
  const auto source = must(client.open_blob(image.layers[0], layer.size(), 0, nullptr));
  CHECK(must(read_all(*source, 1u << 20)) == layer);
  CHECK(fixture.registry.leaked_credentials() == 0);
  for (const auto& sent : fixture.transport.sent())
    if (contains(sent.url, "storage.test")) CHECK(sent.authorization.empty());
}
