#include "cli/environment.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

Environment with(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

}  // namespace

TEST_CASE("the store is found by flag, ECRIN_ROOT, XDG_DATA_HOME, HOME and passwd, in this order") {
  std::map<std::string, std::string> variables = {
      {"ECRIN_ROOT", "/e"}, {"XDG_DATA_HOME", "/x"}, {"HOME", "/h"}};
  CHECK(store_root("/flag", with(variables), "/p").value() == "/flag");
  CHECK(store_root("", with(variables), "/p").value() == "/e");
  variables.erase("ECRIN_ROOT");
  CHECK(store_root("", with(variables), "/p").value() == "/x/ecrin");
  variables["XDG_DATA_HOME"] = "relative";
  CHECK(store_root("", with(variables), "/p").value() == "/h/.local/share/ecrin");
  variables.erase("HOME");
  CHECK(store_root("", with(variables), "/p").value() == "/p/.local/share/ecrin");
  const auto nowhere = store_root("", with({}), "");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().hint_text().find("--root") != std::string::npos);
}

TEST_CASE("helper programs are never looked for in relative directories") {
  CHECK(helper_search_path(with({{"PATH", ".:/opt/bin::bin:/usr/bin"}})) ==
        "/opt/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin");
}

TEST_CASE("SOURCE_DATE_EPOCH must be a number") {
  CHECK(source_date_epoch(with({}))->has_value() == false);
  CHECK(source_date_epoch(with({{"SOURCE_DATE_EPOCH", "86400"}})).value() == 86400);
  CHECK_FALSE(source_date_epoch(with({{"SOURCE_DATE_EPOCH", "yesterday"}})));
  CHECK_FALSE(source_date_epoch(with({{"SOURCE_DATE_EPOCH", "-1"}})));
}

TEST_CASE("locale and colour") {
  CHECK(has_utf8_locale(with({{"LANG", "de_DE.UTF-8"}})));
  CHECK_FALSE(has_utf8_locale(with({{"LANG", "de_DE.UTF-8"}, {"LC_ALL", "C"}})));
  CHECK(choose_colour(with({{"TERM", "xterm"}}), true) == Colour::yes);
  CHECK(choose_colour(with({{"TERM", "xterm"}, {"NO_COLOR", "1"}}), true) == Colour::no);
  CHECK(choose_colour(with({{"TERM", "dumb"}}), true) == Colour::no);
  CHECK(choose_colour(with({{"TERM", "xterm"}}), false) == Colour::no);
}

TEST_CASE("proxy variables are passed on as they are written") {
  const auto proxies =
      proxy_environment(with({{"http_proxy", "http://p:1"}, {"NO_PROXY", "a"}, {"HTTPS_PROXY", ""}}));
  CHECK(proxies == std::map<std::string, std::string>{{"http_proxy", "http://p:1"}, {"NO_PROXY", "a"}});
}
