#include "build/rebased_inputs.hpp"

#include "build/own_steps.hpp"
#include "build/run_settings.hpp"
#include "recipes/step_text.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

KeySettings settings_with(std::vector<std::string> shell) {
  return {.platform = "linux/amd64", .epoch = "7", .default_network = "private", .shell = std::move(shell)};
}

KeyInputs inputs_of(const recipes::StepKind& kind, const oci::ImageConfig& before,
                    const KeySettings& settings) {
  PlanStep step;
  step.what = kind;
  return step_inputs(step, before, settings, "below");
}

oci::ImageConfig base_with(const std::string& variable, const std::string& user = "") {
  oci::ImageConfig config;
  config.env = {"PATH=/bin", variable};
  config.user = user;
  return config;
}

struct RunCase {
  oci::ImageConfig old_base = base_with("KIND=one");
  oci::ImageConfig new_base = base_with("KIND=two");
  StepSpec spec;
  KeyInputs recorded;
  RunCase() {
    spec.run.command = "make";
    spec.run.env = {{"ARG", "a"}};
    spec.before = old_base;
    spec.before.env.emplace_back("OWN=x");
    spec.shell = {"/bin/sh", "-c"};
    recorded = inputs_of(spec.run, spec.before, settings_with(spec.shell));
    recorded.push_back({"image tools", "sha256:1"});
  }
  std::optional<RebasedInputs> there() const {
    return rebased_inputs(recorded, spec, {old_base, new_base, "parent"});
  }
};

}  // namespace

TEST_CASE("a RUN step has the settings of its new base, and its own") {
  const RunCase run;
  const auto there = run.there();
  REQUIRE(there);
  CHECK(there->inputs.find("env KIND") == "two");
  CHECK(there->inputs.find("env OWN") == "x");
  CHECK(there->inputs.find("env ARG") == "a");
  CHECK(there->inputs.find("parent") == "parent");
  CHECK(there->inputs.find("epoch") == "7");
  CHECK(there->inputs.find("image tools") == "sha256:1");
  CHECK(there->before.env == std::vector<std::string>{"PATH=/bin", "KIND=two", "OWN=x"});
}

TEST_CASE("a shell that came from the base is that of the new one") {
  RunCase run;
  run.new_base.shell = {"/bin/bash", "-c"};
  const auto there = run.there();
  REQUIRE(there);
  CHECK(there->shell == std::vector<std::string>{"/bin/bash", "-c"});
  CHECK(there->inputs.find("command") == "/bin/bash -c make");
}

TEST_CASE("on the same base a step is what it was") {
  RunCase run;
  run.new_base = run.old_base;
  const auto there = rebased_inputs(run.recorded, run.spec, {run.old_base, run.new_base, "below"});
  REQUIRE(there);
  CHECK(there->inputs == run.recorded);
}

TEST_CASE("the description of another step is not taken") {
  RunCase run;
  run.spec.run.command = "make install";
  CHECK_FALSE(run.there());
}

TEST_CASE("steps that need nothing are made of their inputs") {
  const KeySettings settings = settings_with({});
  recipes::CopyStep copy;
  copy.files = {{"a", "content"}};
  copy.destination = "/x/";
  copy.mode_change = "u+x";
  const std::vector<recipes::StepKind> kinds = {
      recipes::WriteStep{.destination = "/etc/motd", .content = "hello\n", .owner = "app:app", .mode = 0640},
      recipes::WorkdirStep{"/srv/app"}, copy};
  for (const recipes::StepKind& kind : kinds) {
    const KeyInputs recorded = inputs_of(kind, {}, settings);
    const auto step = whole_step(recorded);
    REQUIRE(step);
    const RebasedInputs there = rebased_inputs(recorded, *step, {{}, {}, "other"});
    CHECK(there.inputs == with_parent(recorded, "other"));
  }
}

TEST_CASE("steps that took files are not made again") {
  recipes::CopyStep copy;
  copy.sources = {"src"};
  copy.destination = "/src/";
  CHECK_FALSE(whole_step(inputs_of(copy, {}, settings_with({}))));
  copy.link = true;
  const KeyInputs linked = inputs_of(copy, {}, settings_with({}));
  CHECK(is_linked(linked));
  CHECK_FALSE(whole_step(linked));
}

TEST_CASE("a work directory belongs to the user of the new base") {
  oci::ImageConfig before;
  before.user = "one";
  const KeyInputs recorded = inputs_of(recipes::WorkdirStep{"/srv"}, before, settings_with({}));
  const oci::ImageConfig old_base = base_with("A=b", "one");
  const oci::ImageConfig new_base = base_with("A=b", "two");
  const auto there = rebased_inputs(recorded, *whole_step(recorded), {old_base, new_base, "parent"});
  CHECK(there.inputs.find("owner") == "two");
}

TEST_CASE("the history tells a step by its words") {
  recipes::RunStep run;
  run.command = "echo 'it''s' \\\n && echo \"a  b\"";
  const std::vector<std::string> shell = {"/bin/sh", "-e", "-c"};
  const auto told = [&] {
    return is_history_of(inputs_of(run, {}, settings_with(shell)), recipes::history_text(run, shell));
  };
  CHECK(told());
  run.command = std::vector<std::string>{"printf", "%s\n", "a'b", ""};
  CHECK(told());
  run.command = recipes::InlineFile{"script", "#!/bin/sh\necho more\n"};
  CHECK(told());
  CHECK_FALSE(is_history_of(inputs_of(run, {}, settings_with(shell)), "RUN something else"));
}

TEST_CASE("the time of a step is read from its inputs") {
  CHECK(clamp_of({{"epoch", "17"}}) == 17);
  CHECK(clamp_of({{"epoch", "kept"}}) == INT64_MAX);
}
