#include "tests/unit/recipes/containerfile/lowered.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

std::string image(std::string_view text, const Request& request = {}) {
  const Lowered result = lowered(text, request);
  const auto* from = std::get_if<FromImage>(&result.recipe.stages.back().from);
  return from ? from->reference : "none";
}

Request with(std::map<std::string, std::string> args) {
  Request request{.args = std::move(args)};
  for (const char* name : {"a:1", "a:2", "b", "host"}) request.images[name] = {};
  return request;
}

}  // namespace

TEST_CASE("arguments before the first FROM are for FROM") {
  CHECK(image("ARG I=a\nARG T=1\nFROM ${I}:$T", with({})) == "a:1");
  CHECK(image("ARG T=1\nFROM a:$T", with({{"T", "2"}})) == "a:2");
  CHECK(image("ARG I=b\nARG J=$I\nFROM $J", with({})) == "b");
  CHECK(image("ARG I\nFROM ${I:-b}", with({})) == "b");
  // A stage does not see them.
  CHECK(steps<EnvStep>(lowered("ARG T=1\nFROM base\nENV X=[$T]"))[1].variables == Pairs{{"X", "[]"}});
}

TEST_CASE("a FROM that is empty after all is refused at its place") {
  CHECK(refusal("ARG I\nFROM $I") == "'$I' is empty: no image to begin with");
  const auto result = try_lower("ARG I\nFROM $I");
  REQUIRE_FALSE(result);
  CHECK(result.error().message().starts_with("Containerfile:2:6: "));
}

TEST_CASE("a stage takes over a global argument by declaring it") {
  const std::string text = "ARG T=1\nFROM base\nARG T\nRUN x";
  CHECK(steps<RunStep>(lowered(text))[0].env == Pairs{{"T", "1"}});
  CHECK(steps<RunStep>(lowered(text, with({{"T", "2"}})))[0].env == Pairs{{"T", "2"}});
  CHECK(steps<RunStep>(lowered("ARG T=1\nFROM base\nARG T=3\nRUN x"))[0].env == Pairs{{"T", "3"}});
}

TEST_CASE("arguments hold from their line on, are variables of RUN and steps of nothing") {
  const Lowered result =
      lowered("FROM base\nRUN a\nARG X=1 Y=$X Z\nRUN b\nARG X\nRUN c\nARG X=2\nRUN d", with({}));
  CHECK(result.recipe.stages[0].steps.size() == 5);  // PATH and four RUNs
  const std::vector<RunStep> runs = steps<RunStep>(result);
  CHECK(runs[0].env.empty());
  CHECK(runs[1].env == Pairs{{"X", "1"}, {"Y", "1"}});
  CHECK(runs[2].env == runs[1].env);
  CHECK(runs[3].env == Pairs{{"X", "2"}, {"Y", "1"}});
}

TEST_CASE("the default of an argument that is given is not looked at") {
  CHECK(step_refusal("ARG X=${Y:?missing}") == "Y: missing");
  CHECK(step_refusal("ARG X=${Y:?missing}\nRUN x", with({{"X", "1"}})) == "accepted");
}

TEST_CASE("ENV wins over ARG, before it and after it") {
  CHECK(last_step<RunStep>("ARG X=a\nENV X=e\nRUN x").env.empty());
  CHECK(last_step<RunStep>("ENV X=e\nARG X=a\nRUN x").env.empty());
  CHECK(last_step<LabelStep>("ENV X=e\nARG X=a\nLABEL l=$X").labels == Pairs{{"l", "e"}});
  CHECK(last_step<EnvStep>("ARG V\nENV V=${V:-v1}", with({{"V", "v2"}})).variables == Pairs{{"V", "v2"}});
  Request request;
  request.images["base"].env = {"X=base"};
  CHECK(last_step<RunStep>("ARG X=a\nRUN x", request).env.empty());
}

TEST_CASE("a stage that begins with another has its arguments") {
  const Lowered result = lowered(
      "FROM base AS a\nARG X=1\nENV E=e\nFROM a\nRUN x\nLABEL l=$X$E\nFROM base\nRUN x", {.target = "1"});
  CHECK(steps<RunStep>(result)[0].env == Pairs{{"X", "1"}});
  CHECK(steps<LabelStep>(result)[0].labels == Pairs{{"l", "1e"}});
  CHECK(steps<RunStep>(lowered("FROM base AS a\nARG X=1\nFROM base\nRUN x"))[0].env.empty());
}

TEST_CASE("platforms are arguments") {
  Request request;
  request.platform = oci::Platform::parse("linux/arm/v7").value();
  const std::string text =
      "FROM base\nARG TARGETPLATFORM\nARG TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM\nRUN x";
  CHECK(steps<RunStep>(lowered(text, request))[0].env ==
        Pairs{{"BUILDPLATFORM", oci::Platform::host().to_string()},
              {"TARGETARCH", "arm"},
              {"TARGETOS", "linux"},
              {"TARGETPLATFORM", "linux/arm/v7"},
              {"TARGETVARIANT", "v7"}});
  CHECK(steps<RunStep>(lowered("FROM base\nRUN x", request))[0].env.empty());
  const Lowered built = lowered("FROM --platform=$BUILDPLATFORM base\nRUN x", request);
  CHECK(built.recipe.stages[0].platform == oci::Platform::host());
  CHECK(refusal("FROM --platform=$NONE base") == "'$NONE' is empty: no platform");
  CHECK(refusal("FROM --platform=what/ever/is/this base") != "accepted");
}

TEST_CASE("a stage on the building platform still knows the target, as with docker") {
  Request request;
  request.platform = oci::Platform::parse("linux/s390x").value();
  const std::string host = oci::Platform::host().to_string();
  const Lowered result = lowered(
      "FROM --platform=$BUILDPLATFORM base AS build\nARG TARGETPLATFORM BUILDPLATFORM\nRUN x\n"
      "FROM build AS child\nRUN x\nFROM base\nARG TARGETARCH\nRUN x\nCOPY --from=child /a /a",
      request);
  REQUIRE(result.recipe.stages.size() == 3);
  CHECK(result.recipe.stages[0].platform == oci::Platform::host());
  // What begins with it is for the same machine.
  CHECK(result.recipe.stages[1].platform == oci::Platform::host());
  CHECK(result.recipe.stages[2].platform == std::nullopt);
  const auto* run = std::get_if<RunStep>(&result.recipe.stages[1].steps[0].kind);
  REQUIRE(run);
  CHECK(run->env == Pairs{{"BUILDPLATFORM", host}, {"TARGETPLATFORM", "linux/s390x"}});
  CHECK(steps<RunStep>(result)[0].env == Pairs{{"TARGETARCH", "s390x"}});
}

TEST_CASE("a build argument with the name of a platform argument changes its text, not what is built") {
  Request request = with({{"TARGETPLATFORM", "linux/riscv64"}, {"BUILDPLATFORM", "linux/ppc64le"}});
  request.platform = oci::Platform::parse("linux/arm64").value();
  const std::string text = "FROM --platform=$BUILDPLATFORM base\nARG TARGETPLATFORM TARGETARCH\nRUN x";
  const Lowered result = lowered(text, request);
  CHECK(result.recipe.stages[0].platform == oci::Platform::parse("linux/ppc64le").value());
  CHECK(steps<RunStep>(result)[0].env == Pairs{{"TARGETARCH", "arm64"}, {"TARGETPLATFORM", "linux/riscv64"}});
  CHECK(result.notes.empty());
  CHECK(lowered("FROM base\nRUN x", request).recipe.stages[0].platform == std::nullopt);
  // A default wins over the platform, an argument over the default.
  CHECK(steps<RunStep>(lowered("FROM base\nARG TARGETARCH=mine\nRUN x", request))[0].env ==
        Pairs{{"TARGETARCH", "mine"}});
  CHECK(steps<RunStep>(lowered("FROM base\nARG TARGETPLATFORM=mine\nRUN x", request))[0].env ==
        Pairs{{"TARGETPLATFORM", "linux/riscv64"}});
  CHECK(steps<RunStep>(lowered("ARG TARGETOS=mine\nFROM base\nARG TARGETOS\nRUN x", request))[0].env ==
        Pairs{{"TARGETOS", "mine"}});
}

TEST_CASE("TARGETSTAGE is what is built") {
  const std::string text =
      "FROM base AS One\nARG TARGETSTAGE\nRUN x\nFROM base AS two\nARG TARGETSTAGE\nRUN x";
  CHECK(steps<RunStep>(lowered(text))[0].env == Pairs{{"TARGETSTAGE", "two"}});
  CHECK(steps<RunStep>(lowered(text, {.target = "one"}))[0].env == Pairs{{"TARGETSTAGE", "one"}});
  CHECK(steps<RunStep>(lowered("FROM base\nARG TARGETSTAGE\nRUN x"))[0].env ==
        Pairs{{"TARGETSTAGE", "default"}});
}

TEST_CASE("proxies need no ARG and are in no step") {
  const Lowered result = lowered("FROM base\nRUN x", with({{"http_proxy", "p"}, {"NO_PROXY", "n"}}));
  CHECK(steps<RunStep>(result)[0].env.empty());
  CHECK(result.notes.empty());
  CHECK(result.proxies ==
        std::map<std::string, std::string>{
            {"http_proxy", "p"}, {"HTTP_PROXY", "p"}, {"no_proxy", "n"}, {"NO_PROXY", "n"}});
  // One that is declared is an argument like others.
  CHECK(last_step<RunStep>("ARG HTTP_PROXY\nRUN x", with({{"HTTP_PROXY", "p"}})).env ==
        Pairs{{"HTTP_PROXY", "p"}});
}

TEST_CASE("build arguments that nothing declares are noted once") {
  CHECK(lowered("FROM base", with({{"X", "1"}, {"Y", "1"}})).notes ==
        Texts{"no ARG declares the build arguments X, Y"});
  CHECK(lowered("FROM base", with({{"X", "1"}, {"BUILDKIT_INLINE_CACHE", "1"}})).notes ==
        Texts{"no ARG declares the build argument X"});
  CHECK(lowered("FROM base AS a\nARG X\nFROM base", with({{"X", "1"}})).notes.empty());
}

TEST_CASE("the epoch comes from arguments") {
  CHECK(lowered("FROM base").recipe.epoch == std::nullopt);
  CHECK(lowered("FROM base", with({{"SOURCE_DATE_EPOCH", "5"}})).recipe.epoch == 5);
  CHECK(lowered("ARG SOURCE_DATE_EPOCH=6\nFROM base").recipe.epoch == 6);
  CHECK(lowered("FROM base", {.host_args = {{"SOURCE_DATE_EPOCH", "7"}}}).recipe.epoch == 7);
  CHECK(last_step<RunStep>("ARG SOURCE_DATE_EPOCH\nRUN x", {.host_args = {{"SOURCE_DATE_EPOCH", "7"}}}).env ==
        Pairs{{"SOURCE_DATE_EPOCH", "7"}});
  CHECK(refusal("FROM base", with({{"SOURCE_DATE_EPOCH", "now"}})) ==
        "SOURCE_DATE_EPOCH is 'now', not a number of seconds");
}

TEST_CASE("variables that are nowhere declared are told with their place") {
  const Lowered result = lowered("ARG G\nFROM base\nARG A\nENV X=$A$NONE\nENV Y=$X$G");
  REQUIRE(result.undefined.size() == 2);
  CHECK(result.undefined[0].name == "NONE");
  CHECK(result.undefined[0].location.line == 4);
  CHECK(result.undefined[1].name == "G");
}

TEST_CASE("variables that double end with an error") {
  std::string text = "ENV V0=0123456789\n";
  for (int i = 1; i < 100; ++i) {
    text += "ENV V" + std::to_string(i) + "=$V" + std::to_string(i - 1) + "$V" + std::to_string(i - 1) + "\n";
  }
  CHECK(step_refusal(text) ==
        "the file grows by more than 16 MiB by its variables and by what its stages take over");
}

TEST_CASE("nine thousand variables, each made of the one before, end") {
  std::string text = "ENV V0=x\n";
  for (int i = 1; i < 9'000; ++i)
    text += "ENV V" + std::to_string(i) + "=${V" + std::to_string(i - 1) + ":-y}\n";
  CHECK(last_step<EnvStep>(text).variables == Pairs{{"V8999", "x"}});
}

TEST_CASE("many arguments at many steps end with an error") {
  std::string text;
  for (int i = 0; i < 5'000; ++i) text += "ARG A" + std::to_string(i) + "=value\n";
  for (int i = 0; i < 5'000; ++i) text += "RUN x\n";
  CHECK(step_refusal(text) ==
        "the file grows by more than 16 MiB by its variables and by what its stages take over");
}

TEST_CASE("an argument is in the recipe once: with its last value before FROM, else its first") {
  CHECK(args_of(lowered("ARG A=1\nARG B=2\nARG A=3\nFROM base")) == Pairs{{"A", "3"}, {"B", "2"}});
  CHECK(args_of(lowered("FROM base AS s\nARG A=1\nARG A=2\nFROM s\nARG A=3")) == Pairs{{"A", "1"}});
  CHECK(args_of(lowered("ARG A=1\nARG A=2\nFROM base\nARG A=3", {.args = {{"A", "4"}}})) ==
        Pairs{{"A", "4"}});
}

TEST_CASE("200,000 arguments end") {
  std::string text = "ARG";
  for (int i = 0; i < 100'000; ++i) text += " A" + std::to_string(i) + "=";
  text += "\nFROM base\nARG";
  for (int i = 0; i < 100'000; ++i) text += " B" + std::to_string(i) + "=";
  CHECK(lowered(text).recipe.args.size() == 200'000);
}
