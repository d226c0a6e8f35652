#include "build/plan.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::recipes;

namespace {
Stage stage(std::string name, From from, std::vector<Step> steps = {}) {
  Stage made;
  made.name = std::move(name);
  made.from = std::move(from);
  made.steps = std::move(steps);
  return made;
}
Step run(std::string script) {
  return {RunStep{.command = script}, {}, "run: " + script};
}
Step copy_from(std::string name) {
  CopyStep copy;
  copy.from = name;
  return {copy, {}, "copy: " + name};
}
// "stage/step text <- inputs", one a line: the plan as people see it.
std::string drawn(const Plan& plan) {
  std::string text;
  for (const PlanStep& step : plan.steps) {
    text += plan.stages[step.stage].stage->name + "/" + step.text;
    if (step.parent) text += " ^" + std::to_string(*step.parent);
    for (const StepInput& input : step.inputs) {
      text += " <" + (input.stage_step ? std::to_string(*input.stage_step) : input.name);
    }
    text += "\n";
  }
  return text;
}
}  // namespace

TEST_CASE("stages that the target does not need are not in the plan") {
  Recipe recipe;
  recipe.stages = {stage("unused", FromScratch{}, {run("x")}), stage("tool", FromScratch{}, {run("make")}),
                   stage("final", FromImage{"base"}, {run("a"), copy_from("tool"), copy_from("other:1")})};
  const auto plan = make_plan(recipe, "");
  REQUIRE(plan);
  CHECK(drawn(*plan) ==
        "tool/from: scratch\n"
        "tool/run: make ^0\n"
        "final/from: base\n"
        "final/run: a ^2\n"
        "final/copy: tool ^3 <1\n"
        "final/copy: other:1 ^4 <other:1\n");
  CHECK(plan->stages[plan->target].stage->name == "final");
}

TEST_CASE("a stage from a stage stands on its last step, wherever the text has it") {
  Recipe recipe;
  recipe.stages = {stage("final", FromStage{"base"}, {run("b")}), stage("base", FromScratch{}, {run("a")})};
  const auto plan = make_plan(recipe, "final");
  REQUIRE(plan);
  CHECK(drawn(*plan) ==
        "base/from: scratch\n"
        "base/run: a ^0\n"
        "final/from: base ^1\n"
        "final/run: b ^2\n");
}

TEST_CASE("a stage that two others need is planned once") {
  Recipe recipe;
  recipe.stages = {stage("base", FromScratch{}), stage("one", FromStage{"base"}),
                   stage("two", FromStage{"base"}),
                   stage("final", FromStage{"one"}, {copy_from("two"), copy_from("base")})};
  const auto plan = make_plan(recipe, "");
  REQUIRE(plan);
  CHECK(plan->stages.size() == 4);
  CHECK(plan->steps.size() == 6);
  for (const PlanStep& step : plan->steps) {
    if (step.parent) CHECK(*step.parent < step.index);
    for (const StepInput& input : step.inputs) CHECK(*input.stage_step < step.index);
  }
}

TEST_CASE("mounts of other stages are inputs") {
  RunStep with_mount;
  with_mount.command = std::string("x");
  Mount mount;
  mount.type = Mount::Type::bind;
  mount.from = "tool";
  with_mount.mounts = {mount};
  Recipe recipe;
  recipe.stages = {stage("tool", FromScratch{}), stage("final", FromScratch{}, {{with_mount, {}, "run: x"}})};
  const auto plan = make_plan(recipe, "");
  REQUIRE(plan);
  CHECK(drawn(*plan) ==
        "tool/from: scratch\n"
        "final/from: scratch\n"
        "final/run: x ^1 <0\n");
}

TEST_CASE("circles and unknown targets are errors") {
  Recipe recipe;
  recipe.stages = {stage("a", FromStage{"b"}), stage("b", FromScratch{}, {copy_from("a")})};
  CHECK_FALSE(make_plan(recipe, ""));
  const auto missing = make_plan(recipe, "nope");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  CHECK(missing.error().hint_text().find("a, b") != std::string::npos);
  CHECK_FALSE(make_plan(Recipe{}, ""));
}

TEST_CASE("plan: a recipe of too many steps or stages is refused before anything is done") {
  Recipe recipe;
  recipe.stages.push_back({.name = "main", .from = FromScratch{}});
  recipe.stages[0].steps.assign(9'999, Step{.kind = UserStep{"a"}});
  CHECK(make_plan(recipe, ""));
  recipe.stages[0].steps.push_back(Step{.kind = UserStep{"a"}});
  const auto steps = make_plan(recipe, "");
  REQUIRE_FALSE(steps);
  CHECK(steps.error().kind() == ErrorKind::limit);
  recipe.stages.clear();
  for (int i = 0; i <= 1'000; ++i) {
    recipe.stages.push_back({.name = std::to_string(i), .from = FromScratch{}});
    if (i > 0) recipe.stages.back().from = FromStage{std::to_string(i - 1)};
  }
  const auto stages = make_plan(recipe, "");
  REQUIRE_FALSE(stages);
  CHECK(stages.error().kind() == ErrorKind::limit);
  recipe.stages.pop_back();
  CHECK(make_plan(recipe, ""));
}
