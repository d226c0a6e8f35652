#include "oci/platform.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

TEST_CASE("platforms are parsed, with the names that others use") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"linux/amd64", "linux/amd64"},
      {"arm64", "linux/arm64"},
      {"x86_64", "linux/amd64"},
      {"Linux/AArch64", "linux/arm64"},
      {"linux/arm64/v8", "linux/arm64/v8"},
      {"linux/arm/7", "linux/arm/v7"},
      {"armhf", "linux/arm/v7"},
      {"i686", "linux/386"},
      {"linux/ppc64el", "linux/ppc64le"},
      {"windows/amd64", "windows/amd64"},
  }));
  CAPTURE(text);
  const Result<Platform> platform = Platform::parse(text);
  REQUIRE(platform);
  CHECK(platform->to_string() == expected);
  CHECK(Platform::parse(platform->to_string()).value() == *platform);
}

TEST_CASE("words that are no platform are refused") {
  const std::string text =
      GENERATE("", "/", "linux/", "linux/amd64/v1/x", "linux amd64", "linux/am\nd64", "a//b");
  CAPTURE(text);
  CHECK_FALSE(Platform::parse(text));
}

TEST_CASE("the host has a platform that accepts itself") {
  CHECK(Platform::host().os == "linux");
  CHECK_FALSE(Platform::host().architecture.empty());
  CHECK(Platform::host().accepts(Platform::host()));
}

TEST_CASE("a platform accepts its own, unnamed and older variants") {
  const auto accepts = [](const char* wanted, const char* offered) {
    return Platform::parse(wanted).value().accepts(Platform::parse(offered).value());
  };
  CHECK(accepts("linux/arm64", "linux/arm64/v8"));
  CHECK(accepts("linux/arm64/v8", "linux/arm64"));
  CHECK(accepts("linux/arm/v7", "linux/arm/v6"));
  CHECK_FALSE(accepts("linux/arm/v6", "linux/arm/v7"));
  CHECK_FALSE(accepts("linux/amd64", "linux/arm64"));
  CHECK_FALSE(accepts("linux/amd64", "windows/amd64"));
  CHECK_FALSE(accepts("linux/amd64/v1", "linux/amd64/v3"));
}
