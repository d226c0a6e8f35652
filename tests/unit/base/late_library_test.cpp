#include "base/late_library.hpp"

#include <math.h>

#include "tests/support/catch.hpp"

using namespace ecrin;

TEST_CASE("a library is loaded when it is asked for, and its functions are found") {
  LateLibrary library("libm.so.6", "libc6");
  REQUIRE(library.load());
  REQUIRE(library.load());
  const auto cosine = reinterpret_cast<double (*)(double)>(library.function("cos"));
  CHECK(cosine(0) == 1);
}

TEST_CASE("a library that is not there is one error with what to install") {
  LateLibrary library("libnowhere.so.7", "libnowhere7");
  for (int i = 0; i < 2; ++i) {
    const auto loaded = library.load();
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().kind() == ErrorKind::unsupported);
    CHECK(loaded.error().message().find("libnowhere.so.7") != std::string::npos);
    CHECK(loaded.error().hint_text().find("libnowhere7") != std::string::npos);
  }
}
