#include "build/run_settings.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

TEST_CASE("limits reach the container of a step, and no key") {
  const RunSettings none;
  RunSettings limited;
  limited.resources = {.memory = {.limit = 64 << 20}, .pids = 10};
  CHECK(key_inputs(limited) == key_inputs(none));
  run::ContainerOptions options;
  apply(limited, options);
  CHECK(options.config.resources == limited.resources);
}
