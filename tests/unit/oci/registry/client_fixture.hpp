// A registry in memory, a clock that does not wait, and clients of both.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "oci/registry/client.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/memory_transport.hpp"
#include "tests/unit/oci/fixture.hpp"

namespace ecrin::tests {

/// What a test sees of time: sleeping moves it on.
struct FakeClock {
  std::atomic<std::int64_t> milliseconds{1'700'000'000'000};
  std::mutex mutex;
  std::vector<std::int64_t> sleeps;  // milliseconds

  std::int64_t now() const { return milliseconds / 1000; }
  void advance(std::int64_t seconds) { milliseconds += seconds * 1000; }
  oci::Clock clock();
  std::vector<std::int64_t> slept();
};

struct ClientFixture {
  explicit ClientFixture(MemoryRegistryOptions options = {});
  /// For http://registry.test/`repository`, with `credentials` for every registry.
  oci::RegistryClient client(const std::string& repository = "team/app",
                             std::optional<oci::Credentials> credentials = std::nullopt,
                             const std::string& url = "http://registry.test");

  FakeClock time;
  MemoryRegistry registry;
  MemoryTransport transport;
};

oci::Credentials ada();
oci::Credentials ada_with_identity();
MemoryRegistryOptions with_tokens();

/// Bytes that look like nothing, always the same for the same seed.
std::string noise(std::size_t size, unsigned seed = 1);
oci::Digest digest(const std::string& bytes);

/// An image in the registry: one config, these layers, a manifest with a tag.
struct PushedImage {
  std::string manifest;
  oci::Digest digest;
  std::vector<oci::Digest> layers;
};
PushedImage push_image(MemoryRegistry& registry, const std::string& repository, const std::string& tag,
                       const std::vector<std::string>& layers);

}  // namespace ecrin::tests
