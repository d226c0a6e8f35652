#include "recipes/lint.hpp"

#include <set>

#include "recipes/yaml_lint.hpp"
#include "recipes/yaml_recipe.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::recipes;

namespace {

std::vector<std::string> linted(std::string_view text, const LintOptions& options = {}) {
  const Result<Recipe> recipe = parse_yaml_recipe(text, {.file = "app.yaml"});
  INFO((recipe ? "" : recipe.error().message()));
  REQUIRE(recipe);
  const Result<LintReport> report = lint_yaml(*recipe, SourceText("app.yaml", text), options);
  REQUIRE(report);
  std::vector<std::string> lines;
  for (const LintFinding& finding : report->findings) {
    lines.push_back(fmt::format("{}:{}", finding.rule->name, finding.location.line));
  }
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("every rule has all its texts and a name of its own") {
  std::set<std::string_view> names;
  for (const LintRule& rule : lint_rules()) {
    CHECK(names.insert(rule.name).second);
    CHECK_FALSE(rule.summary.empty());
    CHECK_FALSE(rule.reason.empty());
    CHECK_FALSE(rule.fix.empty());
  }
  CHECK(names.size() == 21);
}

TEST_CASE("settings of build checks") {
  const Result<LintSettings> settings = parse_lint_settings(" skip = A, B ;error=1;experimental=all");
  REQUIRE(settings);
  CHECK(settings->skipped == std::set<std::string, std::less<>>{"A", "B"});
  CHECK(settings->fails_build);
  CHECK(settings->with_experimental);
  CHECK_FALSE(settings->skips_all);
  CHECK(parse_lint_settings("skip=all")->skips_all);
  CHECK(parse_lint_settings(""));
  CHECK_FALSE(parse_lint_settings("skip"));
  CHECK_FALSE(parse_lint_settings("error=maybe"));
  CHECK_FALSE(parse_lint_settings("warn=all"));
}

TEST_CASE("names of secrets") {
  CHECK(names_secret("api_key"));
  CHECK(names_secret("AUTH"));
  CHECK(names_secret("my_Secret_thing"));
  CHECK_FALSE(names_secret("author"));
  CHECK_FALSE(names_secret("public_key"));
  CHECK_FALSE(names_secret(""));
}

TEST_CASE("a finding is shown with its place, reason and fix") {
  const SourceText source("Containerfile", "FROM a\nMAINTAINER me\n");
  LintCollector collector(source, {});
  collector.add("MaintainerDeprecated", {7, 10}, "MAINTAINER is deprecated");
  const LintReport report = std::move(collector).report();
  REQUIRE(report.findings.size() == 1);
  CHECK(show(source, report.findings[0]) ==
        "Containerfile:2:1: MaintainerDeprecated: MAINTAINER is deprecated\n"
        "    2 | MAINTAINER me\n"
        "      | ^~~~~~~~~~\n"
        "  why: the instruction is deprecated; a label says the same\n"
        "  fix: write LABEL org.opencontainers.image.authors=\"...\"\n");
}

TEST_CASE("YAML: secrets in arguments and the environment are found") {
  CHECK(linted("from: debian:12\nargs:\n  API_TOKEN: x\n  MODE: y\nsteps:\n  - env: {DB_PASSWORD: z}\n") ==
        Lines{"SecretsUsedInArgOrEnv:3", "SecretsUsedInArgOrEnv:6"});
}

TEST_CASE("YAML: an argument is found where it is declared, however many there are") {
  CHECK(linted("x-note: 'see API_KEY: below'\nfrom: scratch\nargs: {MODE: y, API_KEY: x}\n") ==
        Lines{"SecretsUsedInArgOrEnv:3"});
  std::string text = "from: scratch\nargs:\n";
  for (int i = 0; i < 40'000; ++i) text += "  A" + std::to_string(i) + "_KEY: x\n";
  CHECK(linted(text).size() == 1000);
}

TEST_CASE("YAML: a relative first work directory is found") {
  CHECK(linted("from: debian:12\nsteps:\n  - workdir: app\n  - workdir: b\n") ==
        Lines{"WorkdirRelativePath:3"});
  CHECK(linted("from: debian:12\nworkdir: /app\nsteps:\n  - workdir: b\n").empty());
}

TEST_CASE("YAML: a copy of an ignored file is found") {
  const LintOptions options{.is_ignored = [](const std::string& path) { return path == "out"; }};
  CHECK(linted("from: scratch\nsteps:\n  - copy: {src: out, dest: /x}\n  - copy: {src: in, dest: /y}\n",
               options) == Lines{"CopyIgnoredFile:3"});
}

TEST_CASE("YAML: rules are left out by a comment at the top or a build argument") {
  CHECK(linted("# a recipe\n# check=skip=WorkdirRelativePath\nfrom: scratch\nsteps:\n  - workdir: a\n")
            .empty());
  CHECK(
      linted("from: scratch\nsteps:\n  - workdir: a\n", {.args = {{"BUILDKIT_DOCKERFILE_CHECK", "skip=all"}}})
          .empty());
}
