// Settings of an image's steps: what is written down, and how long it stays.
#include "build/image_steps.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

/// An image whose history has these entries, all without a layer.
oci::Image image_of(const std::string& name, std::size_t entries) {
  oci::Image image;
  image.config.history.assign(entries, {.empty_layer = true});
  image.manifest.config.digest = oci::Digest::of(name);
  return image;
}

oci::ImageConfig config_of(const std::string& variable) {
  oci::ImageConfig config;
  config.platform = oci::Platform::host();
  config.env = {variable};
  return config;
}

}  // namespace

TEST_CASE("the settings of an image's first steps stay when its base is gone") {
  testing::TemporaryDirectory scratch;
  const auto workshop = testing::open_workshop(scratch.path() + "/store");
  Database& database = workshop->store().database();
  const oci::Image base = image_of("base", 1), middle = image_of("middle", 2), top = image_of("top", 3);
  const auto id = [](const oci::Image& image) { return image.id().digest.to_string(); };
  REQUIRE(record_states(database, id(base), {.base = "", .base_entries = 0, .states = {config_of("A=1")}}));
  REQUIRE(record_states(database, id(middle),
                        {.base = id(base), .base_entries = 1, .states = {config_of("A=2")}}));
  REQUIRE(record_states(database, id(top),
                        {.base = id(middle), .base_entries = 2, .states = {config_of("A=3")}}));
  const auto known = [&](const oci::Image& image, std::size_t step) {
    const auto found = image_at_step(database, image, step);
    REQUIRE(found);
    return found->settings_known ? found->image.config.env.front() : "unknown";
  };
  REQUIRE(forget_states(database, {id(top)}));
  CHECK(known(top, 1) == "A=1");
  CHECK(known(top, 2) == "A=2");
  REQUIRE(forget_states(database, {id(middle)}));
  CHECK(known(top, 2) == "unknown");
  CHECK(known(middle, 1) == "A=1");
  REQUIRE(forget_states(database, {}));
  CHECK(known(middle, 1) == "unknown");
}
