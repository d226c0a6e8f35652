#include "build/mode_change.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

mode_t changed(const char* text, mode_t mode) {
  const auto change = ModeChange::parse(text);
  INFO(text);
  REQUIRE(change);
  return change->apply(mode);
}

constexpr mode_t k_file = S_IFREG;
constexpr mode_t k_directory = S_IFDIR;

}  // namespace

TEST_CASE("symbolic modes do what chmod does with them") {
  CHECK(changed("u+x", k_file | 0644) == 0744);
  CHECK(changed("+x", k_file | 0644) == 0755);
  CHECK(changed("a-w", k_file | 0666) == 0444);
  CHECK(changed("go=", k_file | 0777) == 0700);
  CHECK(changed("=rw", k_file | 0111) == 0666);
  CHECK(changed("u=rwx,go=rx", k_file | 0600) == 0755);
  CHECK(changed("u=rw,g=r,o=", k_file | 0777) == 0640);
  CHECK(changed("ug+rw-x", k_file | 0111) == 0661);
  CHECK(changed("g=u", k_file | 0640) == 0660);
  CHECK(changed("go=u-w", k_file | 0700) == 0755);
  CHECK(changed("o=g", k_file | 0750) == 0755);
}

TEST_CASE("X is for directories and for what could be executed") {
  CHECK(changed("u=rwX,go=rX", k_file | 0600) == 0644);
  CHECK(changed("u=rwX,go=rX", k_file | 0700) == 0755);
  CHECK(changed("u=rwX,go=rX", k_directory | 0600) == 0755);
  CHECK(changed("a-x,+X", k_file | 0755) == 0755);  // as it was before
  CHECK(changed("-X", k_file | 0755) == 0644);
}

TEST_CASE("set-id and sticky bits") {
  CHECK(changed("u+s", k_file | 0755) == 04755);
  CHECK(changed("g+s", k_directory | 0755) == 02755);
  CHECK(changed("ug+s", k_file | 0755) == 06755);
  CHECK(changed("+t", k_directory | 0777) == 01777);
  CHECK(changed("o+s", k_file | 0755) == 0755);
  CHECK(changed("a-st", k_directory | 07777) == 0777);
  CHECK(changed("u=rx", k_file | 04755) == 0555);
}

TEST_CASE("what is no mode is refused") {
  for (const char* text : {"", "u", "+x,", ",+x", "u+q", "z+x", "ug", "u+x,go", "+x ", "u x"}) {
    INFO(text);
    CHECK_FALSE(ModeChange::parse(text));
  }
}
