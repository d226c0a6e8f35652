#include "build/image_state.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::recipes;

TEST_CASE("paths are taken from the work directory, a slash at the end stays") {
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

TEST_CASE("steps that change no settings share them") {
  const auto before = std::make_shared<const oci::ImageConfig>();
  PlanStep step;
  for (StepKind kind : std::vector<StepKind>{RunStep{.command = "x"}, CopyStep{}, AddStep{}, WriteStep{}}) {
    step.what = std::move(kind);
    CHECK(config_after(before, step) == before);
  }
  step.what = StepKind(UserStep{"web"});
  const auto after = config_after(before, step);
  CHECK(after->user == "web");
  CHECK(before->user.empty());
}

TEST_CASE("an entrypoint drops the command only where it says so") {
  oci::ImageConfig config;
  config.cmd = {"old"};
  PlanStep step;
  step.what = StepKind(EntrypointStep{.arguments = {"/bin/app"}});
  apply_step(config, step);
  CHECK(config.cmd == std::vector<std::string>{"old"});
  step.what = StepKind(EntrypointStep{.arguments = {"/bin/app"}, .drops_cmd = true});
  apply_step(config, step);
  CHECK_FALSE(config.cmd);
  step.what = StepKind(CmdStep{{"x"}});
  apply_step(config, step);
  CHECK(config.cmd == std::vector<std::string>{"x"});
  CHECK(config.entrypoint == std::vector<std::string>{"/bin/app"});
}

TEST_CASE("what is said about the image adds up") {
  oci::ImageConfig config;
  config.exposed_ports = {"80/tcp"};
  PlanStep step;
  for (StepKind kind :
       std::vector<StepKind>{ExposeStep{{"8080/tcp", "53/udp", "80/tcp"}}, VolumeStep{{"/b", "/a"}},
                             StopSignalStep{"SIGINT"}, ShellStep{{"/bin/bash", "-c"}}, OnBuildStep{"RUN a"},
                             OnBuildStep{"RUN b"}, AuthorStep{"me"}, HealthcheckStep{{.test = {"NONE"}}}}) {
    step.what = std::move(kind);
    apply_step(config, step);
  }
  CHECK(config.exposed_ports == std::vector<std::string>{"53/udp", "80/tcp", "8080/tcp"});
  CHECK(config.volumes == std::vector<std::string>{"/a", "/b"});
  CHECK(config.stop_signal == "SIGINT");
  CHECK(config.shell == std::vector<std::string>{"/bin/bash", "-c"});
  CHECK(config.on_build == std::vector<std::string>{"RUN a", "RUN b"});
  CHECK(config.author == "me");
  CHECK(config.healthcheck->test == std::vector<std::string>{"NONE"});
}

TEST_CASE("a stage's own shell, else the base's, else the plain one") {
  oci::ImageConfig config;
  Stage stage;
  CHECK(first_shell(stage, config) == std::vector<std::string>{"/bin/sh", "-c"});
  config.shell = {"/bin/bash", "-c"};
  CHECK(first_shell(stage, config) == config.shell);
  stage.shell = {"/bin/sh", "-e", "-c"};
  CHECK(first_shell(stage, config) == stage.shell);
}

TEST_CASE("the words of a command") {
  const std::vector<std::string> shell = {"/bin/sh", "-c"};
  CHECK(run_arguments({.command = std::string("a b")}, shell) ==
        std::vector<std::string>{"/bin/sh", "-c", "a b"});
  CHECK(run_arguments({.command = std::vector<std::string>{"a", "b"}}, shell) ==
        std::vector<std::string>{"a", "b"});
  CHECK(run_arguments({.command = InlineFile{"x.py", "#!"}}, shell) ==
        std::vector<std::string>{"/dev/pipes/x.py"});
}
