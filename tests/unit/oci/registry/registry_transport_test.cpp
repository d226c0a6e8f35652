// Images from registry to registry: RegistrySource and RegistryDestination under the engine that moves
// images.
#include <thread>

#include "oci/copy_image.hpp"
#include "oci/registry/registry_destination.hpp"
#include "oci/registry/registry_source.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/registry/client_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

struct TwoRegistries {
  ClientFixture from;
  ClientFixture to;
  std::string layer = noise(500'000);
  std::string second_layer = noise(50'000, 2);
  PushedImage image = push_image(from.registry, "team/app", "v1", {layer, second_layer});

  Result<RawManifest> copy(RegistryDestinationOptions options = {}) {
    RegistryClient reader = from.client();
    RegistryClient writer = to.client("other/app");
    RegistrySource source(reader, {"v1", std::nullopt});
    RegistryDestination destination(writer, {"v2", std::nullopt}, std::move(options));
    CopyObserver observer;
    return copy_image(source, destination, {}, observer, nullptr);
  }
  bool arrived() { return to.registry.manifest("other/app", "v2") == image.manifest; }
};

}  // namespace

TEST_CASE("an image goes from registry to registry with its digest") {
  TwoRegistries two;
  CHECK(must(two.copy()).digest == two.image.digest);
  CHECK(two.arrived());
  CHECK(two.to.registry.blob("other/app", two.image.layers[0].to_string()) == two.layer);
  // all of it is there: nothing moves
  two.from.registry.forget_counts();
  two.to.registry.forget_counts();
  CHECK(two.copy());
  CHECK(two.to.registry.uploads().requests == 0);
  CHECK(two.from.registry.downloads(two.image.layers[0].to_string()).requests == 0);
}

TEST_CASE("faults on the way do not stop an image, and no byte is downloaded twice") {
  TwoRegistries two;
  two.from.registry.order(Fault::cut, 2, "/blobs/" + two.image.layers[0].to_string());
  two.from.registry.order(Fault::too_many, 3);
  two.from.registry.order(Fault::reset, 1, "/blobs/");
  two.to.registry.order(Fault::unavailable, 2);
  CHECK(error_of(two.copy()) == "no error");
  CHECK(two.arrived());
  CHECK(two.from.registry.downloads(two.image.layers[0].to_string()).bytes == two.layer.size());
}

TEST_CASE("wrong content arrives nowhere") {
  for (const Fault fault : {Fault::wrong_bytes, Fault::too_short, Fault::too_long}) {
    CAPTURE(fault_name(fault));
    TwoRegistries two;
    two.from.registry.order(fault, 1000, "/blobs/" + two.image.layers[0].to_string());
    const auto result = two.copy();
    REQUIRE_FALSE(result);
    CHECK(result.error().kind() == ErrorKind::invalid);
    CHECK_FALSE(two.arrived());
    CHECK_FALSE(two.to.registry.has_blob("other/app", two.image.layers[0].to_string()));
    CHECK(two.to.registry.open_uploads() == 0);
  }
}

TEST_CASE("blobs of other repositories are mounted instead of uploaded") {
  TwoRegistries two;
  two.to.registry.add_blob("other/base", two.layer);
  RegistryDestinationOptions options;
  options.mount_candidates = [](const Digest&) {
    return std::vector<std::string>{"other/app", "other/none", "other/base"};
  };
  CHECK(error_of(two.copy(options)) == "no error");
  CHECK(two.arrived());
  CHECK(two.to.registry.uploads().bytes < two.layer.size());
  CHECK(two.from.registry.downloads(two.image.layers[0].to_string()).requests == 0);
}

TEST_CASE("nothing is visible before the commit") {
  TwoRegistries two;
  RegistryClient writer = two.to.client("other/app");
  RegistryDestination destination(writer, {"v2", std::nullopt});
  RegistryClient reader = two.from.client();
  const RawManifest manifest = must(reader.get_manifest({"v1", std::nullopt}, nullptr));
  CHECK(destination.put_manifest(manifest, ImageDestination::Place::top, nullptr));
  CHECK(two.to.registry.requests().empty());
  CHECK(destination.name() == "registry.test/other/app:v2");
  RegistryDestination fixed(writer, {"", digest("another image")});
  CHECK(fixed.put_manifest(manifest, ImageDestination::Place::top, nullptr).error().kind() ==
        ErrorKind::invalid);
}

TEST_CASE("a manifest of another size than its index says is refused") {
  TwoRegistries two;
  RegistryClient reader = two.from.client();
  RegistrySource source(reader, {"v1", std::nullopt});
  Descriptor descriptor{
      .media_type = std::string(media_type::k_manifest), .digest = two.image.digest, .size = 5};
  CHECK(source.manifest(descriptor, nullptr).error().kind() == ErrorKind::invalid);
  descriptor.size = two.image.manifest.size();
  CHECK(must(source.manifest(descriptor, nullptr)).bytes == two.image.manifest);
}

TEST_CASE("blobs are uploaded from several threads") {
  ClientFixture fixture(with_tokens());
  RegistryClient client = fixture.client("team/app", ada());
  RegistryDestination destination(client, {"v1", std::nullopt});
  std::vector<std::thread> threads;
  std::atomic<int> fine = 0;
  for (unsigned i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      const std::string bytes = noise(100'000, i + 1);
      const Descriptor descriptor{.media_type = "a/b", .digest = digest(bytes), .size = bytes.size()};
      const BlobOpener open = [&](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
        return std::make_unique<MemorySource>(bytes.substr(offset));
      };
      if (destination.find_blob(descriptor, nullptr) && destination.put_blob(descriptor, open, {}, nullptr) &&
          fixture.registry.blob("team/app", descriptor.digest.to_string()) == bytes)
        ++fine;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(fine == 8);
  CHECK(fixture.registry.count("/token") == 1);
  CHECK(fixture.registry.open_uploads() == 0);
}
