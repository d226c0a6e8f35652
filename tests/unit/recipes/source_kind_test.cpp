// One rule says what a source is, and all that read sources keep to it.
#include "recipes/source_kind.hpp"

#include "recipes/yaml_lint.hpp"
#include "recipes/yaml_recipe.hpp"
#include "tests/unit/recipes/containerfile/lowered.hpp"

using namespace ecrin;
using namespace ecrin::recipes;

namespace {

constexpr std::string_view k_git[] = {"https://host/repo.git",      "HTTPS://host/repo.git#main:docs",
                                      "http://host/repo.git?ref=x", "git://host/repo",
                                      "SSH://git@host/repo",        "git@host:user/repo",
                                      "deploy@host:r.git"};
constexpr std::string_view k_urls[] = {"https://host/file.tar.gz", "HTTP://host/", "https://host/x.git/y"};
constexpr std::string_view k_paths[] = {"dir/name@host:x", "./git@host:x", "a:b",  "@host:x",
                                        "a b@host:x",      "x.git",        "C:/x", "git@host"};

std::string yaml_refusal(std::string_view source, std::string_view more = "") {
  const auto recipe = parse_yaml_recipe(
      fmt::format("from: scratch\nsteps:\n- add: {{src: '{}', dest: /x{}}}\n", source, more),
      {.file = "a.yaml"});
  return recipe ? "" : recipe.error().message();
}

}  // namespace

TEST_CASE("sources are told apart by their text") {
  for (const std::string_view text : k_git) CHECK(kind_of_source(text) == SourceKind::git);
  for (const std::string_view text : k_urls) CHECK(kind_of_source(text) == SourceKind::url);
  for (const std::string_view text : k_paths) CHECK(kind_of_source(text) == SourceKind::path);
  CHECK(kind_of_source("ftp://host/x") == SourceKind::path);
}

TEST_CASE("YAML asks for the checksum of all that comes from elsewhere") {
  for (const std::string_view text : k_git) {
    CHECK(yaml_refusal(text).contains("'add' from a URL needs a 'checksum'"));
    CHECK(yaml_refusal(text, ", checksum: " + std::string(40, 'a')).empty());
  }
  for (const std::string_view text : k_urls) {
    CHECK(yaml_refusal(text).contains("'add' from a URL needs a 'checksum'"));
    CHECK(yaml_refusal(text, ", checksum: 'sha256:" + std::string(64, 'a') + "'").empty());
  }
  for (const std::string_view text : k_paths) CHECK(yaml_refusal(text).empty());
  for (const std::string_view text : {"ftp://host/x", "git+ssh://host/x"})
    CHECK(yaml_refusal(text).contains("'add' takes URLs of http, https and git"));
}

TEST_CASE("a Containerfile has the same kinds of sources") {
  using namespace containerfile;
  const std::string commit = "ADD --checksum=" + std::string(40, 'a') + " ";
  for (const std::string_view text : k_git) {
    CHECK(step_refusal("COPY " + std::string(text) + " /x").starts_with("COPY downloads nothing"));
    CHECK(step_refusal(commit + std::string(text) + " /x") == "accepted");
  }
  for (const std::string_view text : k_urls) {
    CHECK(step_refusal("COPY " + std::string(text) + " /x").starts_with("COPY downloads nothing"));
    CHECK(step_refusal(commit + std::string(text) + " /x") != "accepted");
  }
  CHECK(step_refusal("COPY a:b x.git dir/name@host:x /x/") == "accepted");
}

TEST_CASE("what comes from elsewhere is no file that an ignore file leaves out") {
  const LintOptions all_ignored{.is_ignored = [](const std::string&) { return true; }};
  const std::string text =
      "from: scratch\nsteps:\n- add: {src: 'deploy@host:r.git', dest: /x, checksum: none}\n- add: [a, /b]\n";
  const auto recipe = parse_yaml_recipe(text, {.file = "a.yaml"});
  REQUIRE(recipe);
  const auto report = lint_yaml(*recipe, SourceText("a.yaml", text), all_ignored);
  REQUIRE(report);
  REQUIRE(report->findings.size() == 1);
  CHECK(report->findings[0].location.line == 4);
}
