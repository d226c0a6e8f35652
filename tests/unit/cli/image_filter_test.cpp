#include "cli/image_filter.hpp"

#include "cli/image_tree.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

TEST_CASE("references are patterns that may leave out registry and tag") {
  const std::string name = "registry.example:5000/team/app:1.2";
  for (const char* pattern : {"app", "app:1.2", "app:1.*", "team/app", "team/a?p:1.2", "*/app", "a[p]p",
                              "registry.example:5000/team/app", "registry.example:5000/*/*"}) {
    CAPTURE(pattern);
    CHECK(matches_reference(name, pattern));
  }
  for (const char* pattern : {"ap", "pp", "app:1.3", "*", "other/app", "registry.example:5000/*", ""}) {
    CAPTURE(pattern);
    CHECK(matches_reference(name, pattern) == (std::string(pattern) == "*"));
  }
}

TEST_CASE("ages and moments") {
  CHECK(parse_age("90m").value() == 5400);
  CHECK(parse_age("1h30m").value() == 5400);
  CHECK(parse_age("2d").value() == 172800);
  CHECK(parse_age("1w").value() == 604800);
  for (const char* text : {"", "h", "1", "1x", "-1h", "1h30", "99999999999h", "1 h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_age(text));
  }
  CHECK(parse_moment("24h", 100'000).value() == 13'600);
  CHECK(parse_moment("12345", 0).value() == 12345);
  CHECK(parse_moment("1970-01-02", 0).value() == 86400);
  CHECK(parse_moment("1970-01-01T00:00:07Z", 0).value() == 7);
  CHECK_FALSE(parse_moment("yesterday", 0));
}

TEST_CASE("a wrong filter is told with what was meant") {
  const auto error = [](const std::string& text) {
    const auto parsed = ImageFilter::parse({text}, 0);
    return parsed ? "none" : parsed.error().message() + " / " + parsed.error().hint_text();
  };
  CHECK_THAT(error("dangling"), Catch::Matchers::Contains("has no '='"));
  CHECK_THAT(error("dangling=maybe"), Catch::Matchers::Contains("true or false"));
  CHECK_THAT(error("referense=x"), Catch::Matchers::Contains("did you mean 'reference'?"));
  CHECK_THAT(error("until=tomorrow"), Catch::Matchers::Contains("is no time"));
  CHECK(error("label!=a=b") == "none");
}

TEST_CASE("labels with and without values") {
  const std::map<std::string, std::string> labels = {{"a", "1"}, {"b", ""}};
  const auto fits = [&](const std::string& text, bool present) {
    return build::has_labels(labels, {parse_label_filter(text, present)});
  };
  CHECK(fits("a", true));
  CHECK(fits("a=1", true));
  CHECK_FALSE(fits("a=2", true));
  CHECK(fits("a=2", false));
  CHECK(fits("b=", true));
  CHECK_FALSE(fits("c", true));
  CHECK(fits("c", false));
}

TEST_CASE("the tree shows shared layers once") {
  const LayeredImage::Layer base{.diff_id = std::string(64, 'a'), .size = 1000};
  const LayeredImage::Layer one{.diff_id = std::string(64, 'b'), .size = 200};
  const LayeredImage::Layer two{.diff_id = std::string(64, 'c'), .size = 30};
  CHECK(format_image_tree({{"one", {base, one}}, {"base", {base}}, {"two", {base, two}}, {"none", {}}},
                          Lines::ascii) ==
        "(no layers)  none\n"
        "aaaaaaaaaaaa  1 kB  base\n"
        "|-- bbbbbbbbbbbb  200 B  one\n"
        "`-- cccccccccccc  30 B  two\n"
        "4 images, 3 layers, 1.23 kB; 3.23 kB without sharing\n");
}
