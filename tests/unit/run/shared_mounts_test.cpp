#include "run/shared_mounts.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::run;

TEST_CASE("only the mounts of a container are taken off its root directory") {
  const std::string_view engine =
      "30 1 8:1 / / rw - ext4 /dev/root rw\n31 30 0:40 / /b/root rw - overlay overlay rw\n";
  CHECK(count_container_mounts(engine, "/b/root") == 0);
  // The copy of the root directory is older than what it lies on.
  const std::string with = std::string(engine) +
                           "32 33 0:40 / /b/root rw - overlay overlay rw\n"
                           "33 31 0:41 / /b/root rw,nosuid - tmpfs ecrin-container rw\n"
                           "34 32 0:42 / /b/root/proc rw - proc proc rw\n"
                           "35 30 0:41 / /other rw - tmpfs ecrin-container rw\n";
  CHECK(count_container_mounts(with, "/b/root") == 2);
  CHECK(count_container_mounts(with, "/b") == 0);
  // Another one's lie below.
  CHECK(count_container_mounts(with + "36 32 0:50 / /b/root rw - tmpfs ecrin-container rw\n", "/b/root") ==
        1);
  CHECK(count_container_mounts("40 1 0:9 / /a\\040b rw - tmpfs ecrin-container rw\n", "/a b") == 1);
  CHECK(count_container_mounts("40 40 0:9 / /a rw - ext4 x rw\n", "/a") == 0);
  CHECK(count_container_mounts("", "/") == 0);
}
