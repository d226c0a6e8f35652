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

ConfigPointer config_of(const std::string& variable) {
  oci::ImageConfig config;
  config.platform = oci::Platform::host();
  config.env = {variable};
  return std::make_shared<const oci::ImageConfig>(std::move(config));
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

TEST_CASE("the results that an image is made of are known, also those of its base, and by the last build") {
  testing::TemporaryDirectory scratch;
  const auto workshop = testing::open_workshop(scratch.path() + "/store");
  Database& database = workshop->store().database();
  const oci::Image base = image_of("base", 2), top = image_of("top", 4);
  const auto record = [&](const oci::Image& image, const std::string& below, std::vector<std::string> keys) {
    ImageStates states{.base = below, .base_entries = below.empty() ? 0u : 2u, .states = {}, .keys = keys};
    states.states.assign(keys.size(), config_of("A=1"));
    REQUIRE(record_states(database, image.id().digest.to_string(), states));
  };
  const auto known = [&] {
    const auto keys = step_keys(database, top);
    REQUIRE(keys);
    return *keys;
  };
  CHECK(known().empty());
  record(top, base.id().digest.to_string(), {"", "c"});
  CHECK(known() == std::vector<std::string>{"", "", "", "c"});
  record(base, "", {"a", "b"});
  record(top, base.id().digest.to_string(), {"d", "e"});
  CHECK(known() == std::vector<std::string>{"a", "b", "d", "e"});
  // Whoever knows none takes none away.
  record(top, base.id().digest.to_string(), {"", ""});
  CHECK(known().back() == "e");
}

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
