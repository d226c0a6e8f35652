#include "base/base64.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;

TEST_CASE("base64: there and back") {
  const auto [bytes, text] = GENERATE(table<std::string, std::string>({
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foobar", "Zm9vYmFy"},
      {std::string("\0\xff\xfe", 3), "AP/+"},
  }));
  CHECK(encode_base64(bytes) == text);
  CHECK(decode_base64(text).value() == bytes);
  CHECK(decode_base64(text.substr(0, text.find('='))).value() == bytes);
  CHECK(decode_base64(" " + text + "\n").value() == bytes);
}

TEST_CASE("base64: anything else is refused without repeating it") {
  for (const char* text : {"Z", "Zg=", "Zg===", "=", "Z=g=", "Zm9v!", "Zm 9v", "Zm9v-_"}) {
    CAPTURE(text);
    const auto bytes = decode_base64(text);
    REQUIRE(!bytes);
    CHECK(bytes.error().message() == "not valid base64");
  }
}
