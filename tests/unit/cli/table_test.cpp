#include "cli/table.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

TEST_CASE("tables") {
  CHECK(format_table({"A", "LONG"}, {{"xxx", "1"}, {"y", ""}}, Heading::shown) == "A    LONG\nxxx  1\ny\n");
  CHECK(format_table({"A", "LONG"}, {{"xxx", "1"}}, Heading::hidden) == "xxx  1\n");
  CHECK(format_table({"A"}, {}, Heading::shown) == "A\n");
  CHECK(format_table({}, {{"a:", "1"}, {"bcd:", "2"}}, Heading::hidden) == "a:    1\nbcd:  2\n");
}

TEST_CASE("templates") {
  const Json value = {{"ID", "abc"},
                      {"Size", 12},
                      {"Config", {{"Env", {"A=1", "B=2"}}, {"Labels", {{"x.y", "z"}}}, {"Cmd", nullptr}}}};
  const auto render = [&value](std::string_view text) { return render_template(text, value); };
  CHECK(render("{{.ID}}\\t{{ .Size }}").value() == "abc\t12");
  CHECK(render("{{.Config.Env}}").value() == "[A=1 B=2]");
  CHECK(render("{{json .Config.Env}}").value() == R"(["A=1","B=2"])");
  CHECK(render("{{index .Config.Env 1}}").value() == "B=2");
  CHECK(render("{{index .Config.Labels \"x.y\"}}").value() == "z");
  CHECK(render("{{index .Config.Labels \"gone\"}}").value().empty());
  CHECK(render("{{.Config.Labels}}").value() == "map[x.y:z]");
  CHECK(render("table {{.ID}}").value() == "abc");
}

TEST_CASE("templates that are not understood say what is") {
  const Json value = {{"Digest", "x"}, {"Size", 1}};
  const auto typo = render_template("{{.Digst}}", value);
  REQUIRE_FALSE(typo);
  CHECK(typo.error().message() == "bad --format: there is no field 'Digst'");
  CHECK(typo.error().hint_text() == "did you mean 'Digest'?");
  CHECK_FALSE(render_template("{{range .Digest}}", value));
  CHECK_FALSE(render_template("{{.Digest", value));
  CHECK_FALSE(render_template("{{.Size.More}}", value));
  CHECK_FALSE(render_template("{{index .Digest}}", value));
}

TEST_CASE("ages") {
  CHECK(time_ago(100, 100) == "less than a second ago");
  CHECK(time_ago(100, 101) == "1 second ago");
  CHECK(time_ago(0, 7200) == "2 hours ago");
  CHECK(time_ago(0, 86400 * 10) == "1 week ago");
  CHECK(time_ago(0, 86400 * 800) == "2 years ago");
  CHECK(time_ago(10, 0) == "in the future");
}
