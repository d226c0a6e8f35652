#include "tests/unit/oci/registry/client_fixture.hpp"

#include <nlohmann/json.hpp>
#include <random>

namespace ecrin::tests {

oci::Clock FakeClock::clock() {
  return {.now = [this] { return now(); },
          .sleep = [this](std::chrono::milliseconds wait, const CancelToken* cancel) -> Result<> {
            if (cancel) TRY(cancel->check());
            milliseconds += wait.count();
            const std::lock_guard lock(mutex);
            sleeps.push_back(wait.count());
            return {};
          },
          .random = [] { return 0.5; }};
}

std::vector<std::int64_t> FakeClock::slept() {
  const std::lock_guard lock(mutex);
  return sleeps;
}

ClientFixture::ClientFixture(MemoryRegistryOptions options)
    : registry(std::move(options)), transport(registry) {
  registry.change([this](MemoryRegistryOptions& changed) { changed.now = [this] { return time.now(); }; });
}

oci::RegistryClient ClientFixture::client(const std::string& repository,
                                          std::optional<oci::Credentials> credentials,
                                          const std::string& url) {
  return oci::RegistryClient(
      transport, {.url = url, .registry = "registry.test", .tls = {}}, repository,
      [credentials](const std::string&, const std::string&) -> Result<std::optional<oci::Credentials>> {
        return credentials;
      },
      {.retry = {}, .clock = time.clock()});
}

oci::Credentials ada() {
  return {.username = "ada", .password = Secret("lovelace"), .identity_token = Secret()};
}

oci::Credentials ada_with_identity() {
  return {.username = "", .password = Secret(), .identity_token = Secret("identity-of-ada")};
}

MemoryRegistryOptions with_tokens() {
  MemoryRegistryOptions options;
  options.authentication = MemoryRegistryOptions::Authentication::token;
  return options;
}

std::string noise(std::size_t size, unsigned seed) {
  std::minstd_rand generator(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(generator() >> 8);
  return bytes;
}

oci::Digest digest(const std::string& bytes) {
  return oci::Digest::of(bytes);
}

PushedImage push_image(MemoryRegistry& registry, const std::string& repository, const std::string& tag,
                       const std::vector<std::string>& layers) {
  const auto descriptor = [](const std::string& type, const std::string& bytes) {
    return nlohmann::json{{"mediaType", type}, {"digest", digest_of(bytes)}, {"size", bytes.size()}};
  };
  const std::string config =
      R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}})";
  registry.add_blob(repository, config);
  nlohmann::json manifest = {{"schemaVersion", 2},
                             {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                             {"config", descriptor("application/vnd.oci.image.config.v1+json", config)},
                             {"layers", nlohmann::json::array()}};
  PushedImage image;
  for (const std::string& layer : layers) {
    image.layers.push_back(must(oci::Digest::parse(registry.add_blob(repository, layer))));
    manifest["layers"].push_back(descriptor("application/vnd.oci.image.layer.v1.tar", layer));
  }
  image.manifest = manifest.dump();
  image.digest = must(oci::Digest::parse(
      registry.add_manifest(repository, tag, "application/vnd.oci.image.manifest.v1+json", image.manifest)));
  return image;
}

}  // namespace ecrin::tests
