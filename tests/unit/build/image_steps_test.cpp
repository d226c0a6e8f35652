#include "build/image_steps.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

TEST_CASE("what an image was after its steps is kept, as far as it can be read again") {
  testing::TemporaryDirectory scratch;
  const auto workshop = testing::open_workshop(scratch.path() + "/store");
  Database& database = workshop->store().database();
  oci::Image image;
  image.manifest.config.digest = oci::Digest::of("config");
  const auto known_after = [&](std::size_t count) {
    // The same as long as it is shared, then one more.
    oci::ImageConfig config;
    config.platform = oci::Platform::host();
    config.labels["large"] = std::string(1u << 20, 'x');
    std::vector<ConfigPointer> states(count, std::make_shared<const oci::ImageConfig>(config));
    config.user = "last";
    states.push_back(std::make_shared<const oci::ImageConfig>(config));
    image.config.history.assign(count + 2, oci::HistoryEntry{.created_by = "x", .empty_layer = true});
    image.manifest.config.digest = oci::Digest::of(std::to_string(count));
    REQUIRE(record_states(database, image.id().digest.to_string(), {"", 0, std::move(states)}));
    const auto found = image_at_step(database, image, count + 1);
    REQUIRE(found);
    if (found->settings_known) CHECK(found->image.config.user == "last");
    return found->settings_known;
  };
  CHECK(known_after(3));
  CHECK_FALSE(known_after(70));
}
