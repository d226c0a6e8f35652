#include "build/unpacking_destination.hpp"

#include "oci/image_manifest.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message());
  return *std::move(result);
}

}  // namespace

TEST_CASE("what was pulled is known, also when somebody has removed it meanwhile") {
  const testing::TemporaryDirectory scratch;
  const auto workshop = testing::open_workshop(scratch.path() + "/store");
  oci::ImageConfig config;
  config.platform.architecture = "amd64";
  config.diff_ids = {{oci::Digest::of("layer")}};
  oci::ImageManifest manifest;
  manifest.media_type = oci::media_type::k_manifest;
  manifest.config = must(workshop->blobs().put_bytes(oci::media_type::k_config, config.to_bytes()));
  manifest.layers = {must(workshop->blobs().put_bytes(oci::media_type::k_layer, "layer"))};
  const auto raw = must(oci::RawManifest::from_bytes(manifest.to_bytes(), "", "manifest"));

  const auto destination =
      make_unpacking_destination(*workshop, {must(oci::Reference::parse("example.org/pulled:1"))});
  REQUIRE(destination->put_manifest(raw, oci::ImageDestination::Place::top, nullptr));
  REQUIRE(destination->commit(nullptr));
  REQUIRE(workshop->images().remove(raw.digest));
  CHECK(must(destination->recorded(raw.digest)).id.digest == manifest.config.digest);
  CHECK(!destination->recorded(oci::Digest::of("another")));
}
