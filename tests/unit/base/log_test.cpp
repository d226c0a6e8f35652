#include "base/log.hpp"

#include <vector>

#include "tests/support/catch.hpp"

using namespace ecrin;

TEST_CASE("log: only what is asked for reaches the handler") {
  std::vector<std::string> seen;
  log::warning("nobody listens {}", 1);  // dropped
  log::set_handler(log::Level::info, [&](log::Level level, const std::string& message) {
    seen.push_back(fmt::format("{}:{}", static_cast<int>(level), message));
  });
  CHECK(!log::enabled(log::Level::debug));
  CHECK(log::enabled(log::Level::info));
  log::debug("no {}", 1);
  log::info("yes {}", 2);
  log::warning("yes {}", 3);
  log::set_handler(log::Level::warning, nullptr);
  log::warning("after");
  CHECK(seen == std::vector<std::string>{"1:yes 2", "2:yes 3"});
}
