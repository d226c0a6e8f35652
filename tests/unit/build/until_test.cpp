#include "build/until.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::recipes;

namespace {

Step run(int line, std::string script) {
  return {RunStep{.command = script}, {.line = line, .column = 1}, "run: " + script};
}

Recipe two_stages() {
  Recipe recipe;
  recipe.file = "dir/app.yaml";
  Stage build;
  build.name = "build";
  build.from = FromScratch{};
  build.from_location = {.line = 3, .column = 1};
  build.steps = {run(4, "b1"), run(6, "b2")};
  Stage main;
  main.name = "main";
  main.from = FromScratch{};
  main.from_location = {.line = 8, .column = 1};
  CopyStep copy;
  copy.from = "build";
  main.steps = {run(9, "m1"), {copy, {.line = 10, .column = 1}, "copy"}, run(12, "m2")};
  recipe.stages = {build, main};
  return recipe;
}

// "stage: steps that stay"
std::string cut(std::string_view until, const std::string& target = "") {
  const auto result = cut_recipe(two_stages(), target, until);
  if (!result) return "error";
  for (const Stage& stage : result->recipe.stages)
    if (stage.name == result->target) return stage.name + ": " + std::to_string(stage.steps.size());
  return "no stage";
}

}  // namespace

TEST_CASE("a recipe is cut at a step's number") {
  // build's from, b1, b2, then main's from, m1, copy, m2
  CHECK(cut("1") == "build: 0");
  CHECK(cut("2") == "build: 1");
  CHECK(cut("3") == "build: 2");
  CHECK(cut("4") == "main: 0");
  CHECK(cut("7") == "main: 3");
  CHECK(cut("2", "build") == "build: 1");
  CHECK(cut("8") == "error");
  CHECK(cut("0") == "error");
  CHECK(cut("4", "build") == "error");
}

TEST_CASE("a recipe is cut at a line") {
  CHECK(cut(":3") == "build: 0");
  CHECK(cut(":5") == "build: 1");
  CHECK(cut(":11") == "main: 2");
  CHECK(cut("app.yaml:12") == "main: 3");
  CHECK(cut("dir/app.yaml:999") == "main: 3");
  CHECK(cut(":2") == "error");
  CHECK(cut("other.yaml:3") == "error");
}

TEST_CASE("a recipe is cut in a stage") {
  CHECK(cut("build") == "build: 2");
  CHECK(cut("build:1") == "build: 0");
  CHECK(cut("main:3") == "main: 2");
  CHECK(cut("main:5") == "error");
  CHECK(cut("main:0") == "error");
  CHECK(cut("mainn") == "error");
  CHECK(cut("") == "error");
  CHECK(cut(":") == "error");
}
