#include "base/encoding.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;

TEST_CASE("encoding: what is put comes out again") {
  const std::vector<std::string> items = {"", "a", std::string("\0b", 2)};
  Encoder encoder;
  encoder.put(std::uint64_t{0}).put(UINT64_MAX).put("text").put(std::string_view()).put(items).put_flag(true);
  Decoder decoder(encoder.bytes());
  CHECK(decoder.get_unsigned() == 0);
  CHECK(decoder.get_unsigned() == UINT64_MAX);
  CHECK(decoder.get_string() == "text");
  CHECK(decoder.get_string().empty());
  CHECK(decoder.get_strings() == items);
  CHECK(decoder.get_flag());
  CHECK(decoder.ok());
  CHECK(decoder.at_end());
}

TEST_CASE("encoding: the bytes are fixed, because cache keys depend on them") {
  Encoder encoder;
  encoder.put(std::uint64_t{0x0102}).put("ab");
  CHECK(encoder.bytes() == std::string("\x02\x01\0\0\0\0\0\0\x02\0\0\0\0\0\0\0ab", 18));
}

TEST_CASE("encoding: where one string ends and the next begins makes a difference") {
  CHECK(Encoder().put("ab").put("c").bytes() != Encoder().put("a").put("bc").bytes());
  CHECK(Encoder().put(std::vector<std::string>{"a", "b"}).bytes() !=
        Encoder().put(std::vector<std::string>{"a"}).put("b").bytes());
}

TEST_CASE("encoding: every truncation fails") {
  const std::string bytes =
      Encoder().put(std::uint64_t{1}).put("text").put(std::vector<std::string>{"a", "b"}).bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Decoder decoder(std::string_view(bytes).substr(0, size));
    decoder.get_unsigned();
    decoder.get_string();
    decoder.get_strings();
    CHECK(!decoder.ok());
  }
}

TEST_CASE("encoding: lying lengths and counts allocate nothing") {
  const std::string huge = Encoder().put(UINT64_MAX).bytes() + "abc";
  {
    Decoder decoder(huge);
    CHECK(decoder.get_string().empty());
    CHECK(!decoder.ok());
  }
  {
    Decoder decoder(huge);
    CHECK(decoder.get_strings().empty());
    CHECK(!decoder.ok());
  }
  {
    Decoder decoder(huge);
    CHECK(decoder.get_count(0) == 0);
    CHECK(!decoder.ok());
  }
  // 2^61 items of eight bytes: the product overflows to 0.
  const std::string many = Encoder().put(std::uint64_t{1} << 61).bytes();
  Decoder decoder(many);
  CHECK(decoder.get_count(8) == 0);
  CHECK(!decoder.ok());
}

TEST_CASE("encoding: after a failure only zero values come") {
  const std::string bytes = Encoder().put(std::uint64_t{100}).put(std::uint64_t{5}).bytes();
  Decoder decoder(bytes);
  CHECK(decoder.get_string().empty());
  CHECK(decoder.get_unsigned() == 0);
  CHECK(decoder.get_strings().empty());
  CHECK(!decoder.ok());
}
