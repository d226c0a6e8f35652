#include "base/secret.hpp"

#include <fmt/core.h>

#include "tests/support/catch.hpp"

using namespace ecrin;

static_assert(!fmt::is_formattable<Secret>::value);

TEST_CASE("secret: keeps bytes through copies and moves") {
  CHECK(Secret().empty());
  CHECK(Secret("").reveal() == "");
  Secret first(std::string_view("a\0b", 3));
  Secret copy = first;
  CHECK(copy == first);
  CHECK(copy.reveal().data() != first.reveal().data());
  Secret moved = std::move(first);
  CHECK(moved.reveal() == std::string_view("a\0b", 3));
  copy = Secret("other");
  CHECK(copy.reveal() == "other");
  CHECK_FALSE(copy == moved);
  copy = std::move(moved);
  CHECK(copy.reveal().size() == 3);
}

TEST_CASE("secret: wipe empties a text and overwrites what was in it") {
  std::string text = "short";  // inside of the object, so that it can be looked at afterwards
  const char* bytes = text.data();
  wipe(text);
  CHECK(text.empty());
  CHECK(std::string_view(bytes, 5) == std::string_view("\0\0\0\0\0", 5));
}
