// The registry client with real connections: against Debian's docker-registry, plain, with a password and
// with TLS, and against the registry in memory behind a server, for the faults. Everything stays on 127.0.0.1
// and in a temporary directory.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "oci/registry/client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/docker_registry.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/setting.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

constexpr const char* k_type = "application/vnd.oci.image.manifest.v1+json";

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message() + " / " + result.error().hint_text());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 12345;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

BlobOpener opener(const std::string& bytes) {
  return [&bytes](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
    return std::make_unique<MemorySource>(bytes.substr(offset));
  };
}

RawManifest make_manifest(const std::string& config, const std::string& layer, const Json& more) {
  nlohmann::json manifest = {{"schemaVersion", 2},
                             {"mediaType", k_type},
                             {"config",
                              {{"mediaType", "application/vnd.oci.image.config.v1+json"},
                               {"digest", digest_of(config)},
                               {"size", config.size()}}},
                             {"layers",
                              {{{"mediaType", "application/vnd.oci.image.layer.v1.tar"},
                                {"digest", digest_of(layer)},
                                {"size", layer.size()}}}}};
  manifest.update(more);
  return must(RawManifest::from_bytes(manifest.dump(), k_type, "manifest"));
}

struct Server {
  explicit Server(DockerRegistryOptions options = {}, TlsSettings settings = {})
      : tls(std::move(settings)), registry(make_directory(), options) {}
  std::string make_directory() {
    std::filesystem::create_directory(directory.path("registry"));
    return directory.path("registry");
  }
  RegistryClient client(const std::string& repository, std::optional<Credentials> who = std::nullopt) {
    return RegistryClient(*transport, {.url = registry.url(), .registry = registry.host(), .tls = tls},
                          repository, [who](const std::string&, const std::string&) { return who; });
  }
  test::TempDirectory directory;
  TlsSettings tls;
  std::unique_ptr<HttpTransport> transport = make_transport({});
  DockerRegistry registry;
};

Credentials ada(const std::string& password) {
  return {.username = "ada", .password = Secret(password), .identity_token = Secret()};
}

/// Up, down and compare: everything that a push and a pull do.
void round_trip(RegistryClient& client) {
  const std::string config =
      R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}})";
  const std::string layer = noise(20u << 20);
  CHECK(must(client.has_blob(Digest::of(layer), nullptr)) == Presence::absent);
  must(client.upload_blob(Digest::of(layer), layer.size(), opener(layer), nullptr));
  must(client.upload_blob(Digest::of(config), std::nullopt, opener(config), nullptr));
  CHECK(must(client.has_blob(Digest::of(layer), nullptr)) == Presence::present);
  const RawManifest manifest = make_manifest(config, layer, Json::object());
  must(client.put_manifest(manifest, {"v1", std::nullopt}, nullptr));
  const RawManifest back = must(client.get_manifest({"v1", std::nullopt}, nullptr));
  CHECK(back.bytes == manifest.bytes);
  CHECK(back.media_type == k_type);
  CHECK(must(client.get_manifest({"", manifest.digest}, nullptr)).bytes == manifest.bytes);
  CHECK(must(client.head_manifest({"v1", std::nullopt}, nullptr))->digest == manifest.digest);
  const auto whole = must(client.open_blob(Digest::of(layer), layer.size(), 0, nullptr));
  CHECK(must(read_all(*whole, 1u << 30)) == layer);
  const auto rest = must(client.open_blob(Digest::of(layer), layer.size(), 7'000'000, nullptr));
  CHECK(must(read_all(*rest, 1u << 30)) == layer.substr(7'000'000));
}

}  // namespace

#define NEEDS_DOCKER_REGISTRY()     \
  if (!DockerRegistry::installed()) \
  ECRIN_SKIP("docker-registry and htpasswd (apache2-utils) are not installed")

TEST_CASE("docker-registry: up and down, plain") {
  NEEDS_DOCKER_REGISTRY();
  Server server;
  RegistryClient client = server.client("team/app");
  round_trip(client);
}

TEST_CASE("docker-registry: up and down, with TLS and a CA of its own") {
  NEEDS_DOCKER_REGISTRY();
  test::TempDirectory directory;
  const TestAuthority authority(directory.path());
  const CertificateFiles files = authority.sign("registry", "IP:127.0.0.1");
  const DockerRegistryOptions options{.certificate = files.certificate, .key = files.key};
  Server server(options, {.authorities = {authority.certificate()}});
  RegistryClient client = server.client("team/app");
  round_trip(client);
  server.tls = {};
  const auto unknown = server.client("team/app").list_tags(nullptr);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message().find("certificate") != std::string::npos);
  server.tls = {.verify = false};
  CHECK(must(server.client("team/app").list_tags(nullptr)).size() == 1);
}

TEST_CASE("docker-registry: up and down, with a password") {
  NEEDS_DOCKER_REGISTRY();
  Server server({.username = "ada", .password = "lovelace"});
  RegistryClient client = server.client("team/app", ada("lovelace"));
  round_trip(client);
  for (const auto& who : {std::optional<Credentials>(), std::optional(ada("babbage"))}) {
    const auto refused = server.client("team/app", who).get_manifest({"v1", std::nullopt}, nullptr);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::denied);
    CHECK(refused.error().hint_text().find("ecrin login " + server.registry.host()) != std::string::npos);
  }
}

TEST_CASE("docker-registry: mounts, tags, referrers, deletion") {
  NEEDS_DOCKER_REGISTRY();
  Server server;
  RegistryClient base = server.client("team/base");
  RegistryClient client = server.client("team/app");
  const std::string config = "{}";
  const std::string layer = noise(100'000);
  must(base.upload_blob(Digest::of(layer), layer.size(), opener(layer), nullptr));
  must(base.upload_blob(Digest::of(config), config.size(), opener(config), nullptr));
  CHECK(must(client.mount_blob(Digest::of(layer), "team/base", nullptr)) == Presence::present);
  CHECK(must(client.mount_blob(Digest::of("none"), "team/base", nullptr)) == Presence::absent);
  CHECK(must(client.mount_blob(Digest::of(config), "team/base", nullptr)) == Presence::present);
  const RawManifest manifest = make_manifest(config, layer, Json::object());
  for (const char* tag : {"a", "b", "c"}) must(client.put_manifest(manifest, {tag, std::nullopt}, nullptr));
  std::vector<std::string> tags = must(client.list_tags(nullptr));
  std::sort(tags.begin(), tags.end());  // this registry does not
  CHECK(tags == std::vector<std::string>{"a", "b", "c"});

  // this registry has no referrers API: the tag takes its place
  CHECK(must(client.list_referrers(manifest.digest, "", nullptr)).empty());
  const RawManifest signature = make_manifest(
      config, layer,
      {{"artifactType", "text/signature"},
       {"subject",
        {{"mediaType", k_type}, {"digest", manifest.digest.to_string()}, {"size", manifest.bytes.size()}}}});
  must(client.put_manifest(signature, {"", signature.digest}, nullptr));
  const auto referrers = must(client.list_referrers(manifest.digest, "text/signature", nullptr));
  REQUIRE(referrers.size() == 1);
  CHECK(referrers[0].digest == signature.digest);

  must(client.delete_manifest({"", manifest.digest}, nullptr));
  CHECK_FALSE(must(client.head_manifest({"a", std::nullopt}, nullptr)));
  CHECK(client.get_manifest({"a", std::nullopt}, nullptr).error().kind() == ErrorKind::not_found);
}

TEST_CASE("docker-registry: an upload of wrong bytes is refused and leaves nothing") {
  NEEDS_DOCKER_REGISTRY();
  Server server;
  RegistryClient client = server.client("team/app");
  const std::string bytes = noise(1000);
  const auto wrong = client.upload_blob(Digest::of("other"), bytes.size(), opener(bytes), nullptr);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().kind() == ErrorKind::invalid);
  CHECK(must(client.has_blob(Digest::of("other"), nullptr)) == Presence::absent);
}

TEST_CASE("registry in memory, over real connections: every passing fault ends in success") {
  for (const Fault fault :
       {Fault::cut, Fault::internal_error, Fault::bad_gateway, Fault::unavailable, Fault::reset,
        Fault::lost_answer, Fault::no_length, Fault::short_silent, Fault::drip, Fault::ignored_range}) {
    CAPTURE(fault_name(fault));
    MemoryRegistryOptions options;
    options.authentication = MemoryRegistryOptions::Authentication::token;
    MemoryRegistry registry(options);
    RegistryServer server(registry);
    registry.change([&](MemoryRegistryOptions& changed) { changed.blob_host = server.blob_url(); });
    const std::string layer = noise(1u << 20);
    const std::string digest = registry.add_blob("team/app", layer);
    const auto transport = make_transport({});
    ExchangeSettings settings;
    settings.retry.first = std::chrono::milliseconds(10);
    RegistryClient client(
        *transport, {.url = server.url(), .registry = server.host(), .tls = {}}, "team/app",
        [](const std::string&, const std::string&) { return std::optional(ada("lovelace")); }, settings);
    registry.order(fault, 2, "/storage/");
    const auto source = must(client.open_blob(must(Digest::parse(digest)), layer.size(), 0, nullptr));
    CHECK(must(read_all(*source, 1u << 30)) == layer);
    CHECK(registry.downloads(digest).bytes <=
          layer.size() + (fault == Fault::lost_answer ? 2 * layer.size() : 0));
    CHECK(registry.leaked_credentials() == 0);
  }
}

TEST_CASE("registry in memory, over real connections: uploads go on after a cut") {
  MemoryRegistry registry;
  RegistryServer server(registry);
  const auto transport = make_transport({});
  ExchangeSettings settings;
  settings.retry.first = std::chrono::milliseconds(10);
  RegistryClient client(*transport, {.url = server.url(), .registry = server.host(), .tls = {}}, "team/app",
                        {}, settings);
  const std::string layer = noise(3u << 20);
  registry.order(Fault::cut_upload, 2);
  registry.order(Fault::too_many, 1);
  must(client.upload_blob(Digest::of(layer), layer.size(), opener(layer), nullptr));
  CHECK(registry.blob("team/app", digest_of(layer)) == layer);
  CHECK(registry.uploads().bytes == layer.size() + layer.size() / 2 + layer.size() / 4);
  CHECK(registry.open_uploads() == 0);
}

TEST_CASE("registry in memory, over real connections: hostile answers are refused") {
  MemoryRegistry registry;
  RegistryServer server(registry);
  const auto transport = make_transport({});
  ExchangeSettings settings;
  settings.retry.first = std::chrono::milliseconds(10);
  RegistryClient client(*transport, {.url = server.url(), .registry = server.host(), .tls = {}}, "team/app",
                        {}, settings);
  const std::string layer = noise(1u << 20);
  const Digest digest = must(Digest::parse(registry.add_blob("team/app", layer)));
  registry.add_manifest("team/app", "v1", k_type, "{}");
  for (const Fault fault : {Fault::huge_header, Fault::redirect_loop, Fault::endless}) {
    CAPTURE(fault_name(fault));
    registry.order(fault, 1000, "GET");
    CHECK_FALSE(client.get_manifest({"v1", std::nullopt}, nullptr));
    Result<std::unique_ptr<Source>> source = client.open_blob(digest, layer.size(), 0, nullptr);
    if (source) CHECK_FALSE(read_all(**source, 1u << 30));
    registry.clear_orders();
  }
}
