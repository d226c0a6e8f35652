#include "base/json.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ecrin;

TEST_CASE("json: values of all types, and back as canonical text") {
  const std::string text =
      R"( {"b":[1,-2,2.5,true,false,null,"\u00e4\ud83d\ude42"],"a":{"z":{},"y":[]},"":18446744073709551615} )";
  const Json value = parse_json(text, "x").value();
  CHECK(dump_json(value) ==
        "{\"\":18446744073709551615,\"a\":{\"y\":[],\"z\":{}},\"b\":[1,-2,2.5,true,false,null,"
        "\"\xc3\xa4\xf0\x9f\x99\x82\"]}");
  CHECK(parse_json(dump_json(value), "x").value() == value);
  CHECK(dump_json_pretty(parse_json(R"({"a":[1]})", "x").value()) == "{\n  \"a\": [\n    1\n  ]\n}\n");
  CHECK(dump_json(parse_json("5", "x").value()) == "5");
}

TEST_CASE("json: equal keys in different objects are fine") {
  CHECK(parse_json(R"([{"a":1},{"a":{"a":2}},{"a":[{"a":3}]}])", "x"));
}

TEST_CASE("json: refusals have a position") {
  struct Case {
    std::string text;
    std::string message;
  };
  const auto refused = GENERATE(values<Case>({
      {"", "doc:1:1: "},
      {"{", "doc:1:"},
      {"{\"a\":1,}", "doc:1:8: "},
      {"[1 2]", "doc:1:5: "},
      {"{}\n{}", "doc:2:1: "},
      {"[\n1,\n  x]", "doc:3:3: "},
      {"{\"a\":1,\"a\":2}", "doc:1:10: the key 'a' is there twice"},
      {"{\"a\":1,\"\\u0061\":2}", "the key 'a' is there twice"},
      {"[{\"k\":[],\n\"k\":{}}]", "doc:2:3: the key 'k' is there twice"},
      {"\"\xff\"", "doc:1:2: "},
      {"\"\xc0\xaf\"", "doc:1:"},
      {"\"\\ud800\"", "doc:1:"},
      {"\"a\nb\"", "doc:"},
      {"'a'", "doc:1:1: "},
      {"[1] x", "doc:1:5: "},
      {"// c\n1", "doc:1:"},
      {"NaN", "doc:1:1: "},
      {"[1e999]", "doc:1:"},
      {"01", "doc:1:2: "},
      {std::string("1\0", 2), "doc:1:2: a NUL byte"},
      {std::string("{}\n\0x", 5), "doc:2:1: a NUL byte"},
      {std::string("[\"a\0\"]", 6), "doc:1:4: a NUL byte"},
  }));
  INFO(refused.text);
  const auto result = parse_json(refused.text, "doc");
  REQUIRE(!result);
  CHECK(result.error().kind() == ErrorKind::invalid);
  CHECK_THAT(result.error().message(), Catch::Matchers::Contains(refused.message));
  CHECK_THAT(result.error().message(), !Catch::Matchers::Contains("exception"));
}

TEST_CASE("json: the depth is bounded") {
  const auto nested = [](std::size_t depth, const std::string& open, const std::string& close) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += open;
    text += "1";
    for (std::size_t i = 0; i < depth; ++i) text += close;
    return text;
  };
  CHECK(parse_json(nested(100, "[", "]"), "x"));
  CHECK(parse_json(nested(100, "{\"a\":", "}"), "x"));
  CHECK(!parse_json(nested(101, "[", "]"), "x"));
  const auto deep = parse_json(nested(101, "{\"a\":", "}"), "x");
  REQUIRE(!deep);
  CHECK_THAT(deep.error().message(), Catch::Matchers::Contains("nested deeper than 100 levels"));
  CHECK(!parse_json(std::string(1'000'000, '['), "x"));
}

TEST_CASE("json: hostile text is printable in errors") {
  const auto result = parse_json("{\"\\u001b[2J\":1,\"\\u001b[2J\":1}", "x");
  REQUIRE(!result);
  CHECK(!result.error().message().contains('\x1b'));
  const auto token = parse_json("\x1b[31m", "x");
  REQUIRE(!token);
  CHECK(!token.error().message().contains('\x1b'));
}

TEST_CASE("json: dumping invalid UTF-8 replaces it") {
  CHECK(dump_json(Json("a\xff")) == "\"a\xef\xbf\xbd\"");
}

TEST_CASE("json: typed members") {
  const Json object =
      parse_json(R"({"s":"text","u":5,"i":-5,"big":18446744073709551615,"f":1.5,"b":true,"n":null,)"
                 R"("l":["a","b"],"m":["a",1],"o":{"x":1},"e":[]})",
                 "x")
          .value();
  CHECK(json_string(object, "s", "doc").value() == "text");
  CHECK(!json_string(object, "n", "doc").value());
  CHECK(!json_string(object, "missing", "doc").value());
  CHECK(!json_string(object, "u", "doc"));
  CHECK(json_unsigned(object, "u", "doc").value() == 5u);
  CHECK(json_unsigned(object, "big", "doc").value() == UINT64_MAX);
  CHECK(!json_unsigned(object, "i", "doc"));
  CHECK(!json_unsigned(object, "f", "doc"));
  CHECK(json_unsigned(Json{{"made", 3}}, "made", "doc").value() == 3u);
  CHECK(json_integer(object, "i", "doc").value() == -5);
  CHECK(json_integer(object, "u", "doc").value() == 5);
  CHECK(!json_integer(object, "big", "doc"));
  CHECK(!json_integer(object, "f", "doc"));
  CHECK(json_bool(object, "b", "doc").value() == true);
  CHECK(!json_bool(object, "u", "doc"));
  CHECK(json_strings(object, "l", "doc").value() == std::vector<std::string>{"a", "b"});
  CHECK(json_strings(object, "e", "doc").value()->empty());
  CHECK(!json_strings(object, "m", "doc"));
  CHECK(!json_strings(object, "s", "doc"));
  CHECK(json_object(object, "o", "doc").value()->size() == 1);
  CHECK(json_object(object, "n", "doc").value() == nullptr);
  CHECK(!json_object(object, "l", "doc"));
  CHECK(json_array(object, "l", "doc").value()->size() == 2);
  CHECK(!json_array(object, "o", "doc"));
  const auto wrong = json_string(object, "u", "the config");
  REQUIRE(!wrong);
  CHECK(wrong.error().kind() == ErrorKind::invalid);
  CHECK(wrong.error().message() == "'u' of the config is not a string");
  CHECK(!json_string(parse_json("[]", "x").value(), "a", "doc"));
}
