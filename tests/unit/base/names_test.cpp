#include "base/names.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace ecrin;

TEST_CASE("names of things have letters, digits and few signs") {
  for (const char* name : {"a", "7", "A.b-c_d", "a..b"}) CHECK(is_plain_name(name, 10));
  for (const char* name : {"", ".a", "-a", "_a", "a/b", "a b", "a\n", "\xc3\xa9", "a:b"})
    CHECK_FALSE(is_plain_name(name, 10));
  CHECK(is_plain_name(std::string(10, 'a'), 10));
  CHECK_FALSE(is_plain_name(std::string(11, 'a'), 10));
}

TEST_CASE("a short ID is its first 12 digits") {
  CHECK(short_id("0123456789abcdef0123") == "0123456789ab");
  CHECK(short_id("0123") == "0123");
}
