#include "build/image_state.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::recipes;

TEST_CASE("a variable keeps its place when it is set again") {
  std::vector<std::string> environment = {"A=1", "AB=2", "C=3"};
  set_variable(environment, "A", "9");
  set_variable(environment, "D", "4");
  CHECK(environment == std::vector<std::string>{"A=9", "AB=2", "C=3", "D=4"});
  std::string value;
  CHECK(find_variable(environment, "B", value) == nullptr);
  REQUIRE(find_variable(environment, "AB", value) != nullptr);
  CHECK(value == "2");
}

TEST_CASE("paths are taken from the work directory; a slash at the end stays") {
  oci::ImageConfig config;
  CHECK(absolute_path(config, "a") == "/a");
  config.working_dir = "/src";
  CHECK(absolute_path(config, "a/b") == "/src/a/b");
  CHECK(absolute_path(config, "a/") == "/src/a/");
  CHECK(absolute_path(config, ".") == "/src/");
  CHECK(absolute_path(config, "/x/../y") == "/y");
  CHECK(absolute_path(config, "../../..") == "/");
  CHECK(absolute_path(config, "/") == "/");
}

TEST_CASE("steps change what follows them") {
  oci::ImageConfig config;
  PlanStep step;
  step.what = StepKind(WorkdirStep{"app"});
  apply_step(config, step);
  step.what = StepKind(WorkdirStep{"sub/"});
  apply_step(config, step);
  CHECK(config.working_dir == "/app/sub");
  step.what = StepKind(LabelStep{{{"k", "v"}}});
  apply_step(config, step);
  step.what = StepKind(UserStep{"web"});
  apply_step(config, step);
  CHECK(config.labels.at("k") == "v");
  CHECK(config.user == "web");
}

TEST_CASE("a new entrypoint drops the base's command") {
  oci::ImageConfig config;
  config.cmd = {"old"};
  StageConfig changes;
  changes.labels = {{"a", "b"}};
  apply_stage_config(config, changes);
  CHECK(config.cmd == std::vector<std::string>{"old"});
  changes.entrypoint = {"/bin/app"};
  apply_stage_config(config, changes);
  CHECK_FALSE(config.cmd);
  changes.cmd = {"x"};
  apply_stage_config(config, changes);
  CHECK(config.cmd == std::vector<std::string>{"x"});
  CHECK(describe(changes) == "config: entrypoint /bin/app, cmd x, label a");
  CHECK(describe(StageConfig{}).empty());
}

TEST_CASE("only a shell that is not the default is part of the image") {
  oci::ImageConfig config;
  Stage stage;
  begin_stage(config, stage);
  CHECK(config.shell.empty());
  stage.shell = {"/bin/bash", "-c"};
  begin_stage(config, stage);
  CHECK(config.shell == stage.shell);
}
