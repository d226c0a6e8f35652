#include "fs/store_needs.hpp"

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;

TEST_CASE("a file system without attributes keeps no store, and another place is suggested") {
  const auto proc = posix::open("/proc", O_RDONLY | O_DIRECTORY);
  REQUIRE(proc);
  const auto refused = fs::check_attributes(*proc);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().hint_text().find("--root") != std::string::npos);
  const test::TempDirectory directory;
  CHECK(fs::check_attributes(directory.fd()));
}

TEST_CASE("the root directory holds programs that can be executed, and procfs is no overlay") {
  const auto root = posix::open("/", O_RDONLY | O_DIRECTORY);
  REQUIRE(root);
  CHECK(fs::check_executable(*root));
  CHECK_FALSE(fs::refuses_whiteouts(*posix::open("/proc", O_RDONLY | O_DIRECTORY)));
}

TEST_CASE("whether files can be given away is asked without leaving one") {
  const test::TempDirectory directory;
  (void)fs::check_owners(directory.fd());
  CHECK(posix::list_directory(directory.fd())->empty());
}
