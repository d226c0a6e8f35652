#include "tests/unit/recipes/containerfile/lowered.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

Texts stage_names(const Lowered& result) {
  Texts names;
  for (const Stage& stage : result.recipe.stages) names.push_back(stage.name);
  return names;
}

Texts stage_names(std::string_view text, const Request& request = {}) {
  return stage_names(lowered(text, request));
}

std::string parent(const Lowered& result) {
  const auto* from = std::get_if<FromStage>(&result.recipe.stages.back().from);
  return from ? from->name : "none";
}

std::string copied_from(std::string_view text) {
  return steps<CopyStep>(lowered(text)).back().from;
}

}  // namespace

TEST_CASE("only what the target needs is lowered") {
  const std::string text =
      "FROM base AS a\nFROM nowhere AS broken\nSTOPSIGNAL nonsense\nFROM base AS b\nCOPY --from=a /x /x\n"
      "FROM base AS c\nRUN --mount=from=b,target=/b true\nFROM base AS d\n";
  CHECK(stage_names(text) == Texts{"d"});
  CHECK(stage_names(text, {.target = "c"}) == Texts{"a", "b", "c"});
  CHECK(stage_names(text, {.target = "B"}) == Texts{"a", "b"});
  CHECK(stage_names(text, {.target = "0"}) == Texts{"a"});
  CHECK(refusal(text, {.target = "broken"}) != "accepted");
}

TEST_CASE("a target that is not there is told with those that are") {
  const auto result = try_lower("FROM base AS one\nFROM base", {.target = "two"});
  REQUIRE_FALSE(result);
  CHECK(result.error().message() == "there is no stage 'two' in 'Containerfile'");
  CHECK(result.error().hint_text() == "there are one; their numbers are 0 to 1");
  CHECK_FALSE(try_lower("FROM base", {.target = "1"}));
}

TEST_CASE("stages begin with stages above, whatever the case of their names") {
  CHECK(parent(lowered("FROM base AS Build\nFROM build")) == "build");
  CHECK(parent(lowered("FROM base AS build\nFROM BUILD AS x")) == "build");
  // Its own name, or that of a later stage, is an image.
  CHECK(parent(lowered("FROM base AS base")) == "none");
  CHECK(parent(lowered("FROM base\nFROM base AS x\nFROM x AS base")) == "x");
}

TEST_CASE("of stages with one name FROM means the last above, --from the last of all") {
  const std::string twice = "FROM base AS a\nENV N=1\nFROM base AS a\nENV N=2\n";
  CHECK(steps<LabelStep>(lowered(twice + "FROM a\nLABEL l=$N"))[0].labels == Pairs{{"l", "2"}});
  CHECK(copied_from(twice + "FROM base\nCOPY --from=a /x /x") == "a");
  const Lowered between =
      lowered("FROM base AS a\nENV N=1\nFROM a AS b\nLABEL l=$N\nFROM base AS a", {.target = "b"});
  CHECK(steps<LabelStep>(between)[0].labels == Pairs{{"l", "1"}});
  CHECK(refusal("FROM base AS a\nFROM base\nCOPY --from=a /x /x\nFROM base AS a", {.target = "1"})
            .starts_with("stage 'a' begins below"));
}

TEST_CASE("files come from stages by name or number, or from images") {
  CHECK(copied_from("FROM base AS a\nFROM base\nCOPY --from=0 /x /x") == "a");
  CHECK(copied_from("FROM base\nFROM base\nCOPY --from=0 /x /x") == "stage-0");
  CHECK(copied_from("FROM base AS a\nFROM base\nCOPY --from=A /x /x") == "a");
  CHECK(copied_from("FROM base\nCOPY --from=other:1 /x /x") == "other:1");
  CHECK(refusal("FROM base\nCOPY --from=1 /x /x") == "there is no stage 1");
  CHECK(refusal("FROM base AS a\nCOPY --from=a /x /x") ==
        "stage 'a' begins here: files come from stages above");
  CHECK(refusal("ARG I=a\nFROM base\nCOPY --from=$I /x /x") == "'from' takes no variables: '$I'");
  CHECK(refusal("FROM base\nCOPY --from=Not:A:Name /x /x") != "accepted");
}

TEST_CASE("scratch as a source of files is a stage of its own") {
  const Lowered result = lowered("FROM base\nRUN --mount=from=scratch,target=/x true");
  CHECK(stage_names(result) == Texts{"scratch", "stage-0"});
  CHECK(std::holds_alternative<FromScratch>(result.recipe.stages[0].from));
}

TEST_CASE("the config of a base is asked for once and its variables count") {
  int asked = 0;
  const std::string text = "FROM base AS a\nENV X=$B\nFROM base\nCOPY --from=a /x /x\nENV Y=$B";
  const SourceText source("Containerfile", text);
  const Containerfile file = parse_containerfile(source).value();
  const auto result = lower(file, source,
                            {.file = "Containerfile",
                             .args = {},
                             .host_args = {},
                             .target = "",
                             .platform = std::nullopt,
                             .base_config = [&](const std::string&, const oci::Platform&) {
                               ++asked;
                               return Result<oci::ImageConfig>(oci::ImageConfig{.env = {"B=from base"}});
                             }});
  REQUIRE(result);
  CHECK(asked == 1);
  CHECK(steps<EnvStep>(*result).back().variables == Pairs{{"Y", "from base"}});
}

TEST_CASE("an image without a PATH gets the usual one") {
  const Lowered result = lowered("FROM scratch\nENV PATH=$PATH:/more");
  const auto env = steps<EnvStep>(result);
  REQUIRE(env.size() == 2);
  CHECK(env[1].variables[0].second == env[0].variables[0].second + ":/more");
  Request request;
  request.images["base"].env = {"PATH=/only"};
  CHECK(lowered("FROM base", request).recipe.stages[0].steps.empty());
}

TEST_CASE("triggers of a base run first") {
  Request request;
  request.images["base"].env = {"PATH=/bin"};
  request.images["base"].on_build = {"ARG X=1", "COPY --from=tools /t /t", "RUN make $X"};
  const Lowered result =
      lowered("FROM base AS tools-base\nFROM scratch AS tools\nFROM base\nRUN own\nLABEL l=$X", request);
  CHECK(stage_names(result) == Texts{"tools", "stage-2"});
  const Stage& stage = result.recipe.stages.back();
  REQUIRE(stage.steps.size() == 4);
  CHECK(stage.steps[0].text == "COPY from tools: /t /t");
  CHECK(stage.steps[0].location.line == 3);
  CHECK(steps<RunStep>(result)[0].env == Pairs{{"X", "1"}});
  CHECK(std::get<std::string>(steps<RunStep>(result)[1].command) == "own");
  CHECK(steps<LabelStep>(result)[0].labels == Pairs{{"l", "1"}});
}

TEST_CASE("what is wrong with a trigger names the base") {
  Request request;
  request.images["base"].on_build = {"COPY --chmod=what a b"};
  const auto result = try_lower("FROM base", request);
  REQUIRE_FALSE(result);
  CHECK(result.error().message().starts_with("ONBUILD of 'base':1:"));
  request.images["base"].on_build = {"FROM x"};
  CHECK_FALSE(try_lower("FROM base", request));
}

TEST_CASE("triggers of a stage run in those that begin with it, and not in it") {
  const Lowered result = lowered("FROM base AS a\nONBUILD RUN child\nRUN own\nFROM a AS b\nFROM b\n");
  const auto& stages = result.recipe.stages;
  REQUIRE(stages.size() == 3);
  CHECK(stages[0].steps.size() == 3);
  CHECK(stages[0].steps[1].text == "ONBUILD RUN child");
  REQUIRE(stages[1].steps.size() == 1);
  CHECK(stages[1].steps[0].text == "RUN child");
  CHECK(stages[2].steps.empty());
}

TEST_CASE("a stage on another has its platform") {
  const Lowered result =
      lowered("FROM --platform=linux/arm64 base AS a\nFROM a\nFROM --platform=linux/s390x a");
  CHECK(result.recipe.stages.back().platform->architecture == "arm64");
}

TEST_CASE("a syntax directive is noted when it asks for another language") {
  CHECK(lowered("# syntax=docker/dockerfile:1.7\nFROM base").notes.empty());
  CHECK(lowered("# syntax=docker/dockerfile:1.7\nFROM base").remarks.size() == 1);
  CHECK(lowered("# syntax=docker/dockerfile:1-labs\nFROM base").notes.size() == 1);
  CHECK(lowered("# syntax=example.org/other\nFROM base").notes.size() == 1);
}

TEST_CASE("a file without stages and what stands before the first are refused") {
  CHECK(refusal("ARG x=1") != "accepted");
  CHECK(refusal("RUN x\nFROM base") != "accepted");
}

TEST_CASE("a long chain of stages ends") {
  std::string text = "FROM base AS s0\n";
  for (int i = 1; i < 1'000; ++i)
    text += "FROM s" + std::to_string(i - 1) + " AS s" + std::to_string(i) + "\n";
  CHECK(lowered(text).recipe.stages.size() == 1'000);
}

TEST_CASE("what stands in for a stage is no stage: it is not lowered") {
  const std::string text =
      "FROM nowhere AS tools\nFROM base AS other\nFROM tools\nCOPY --from=tools /x /x\nCOPY --from=other /y "
      "/y";
  Request request;
  request.images["tools"].env = {"PATH=/tools"};
  request.replaced = {"tools"};
  const Lowered result = lowered(text, request);
  CHECK(stage_names(result) == Texts{"other", "stage-2"});
  CHECK(std::get<FromImage>(result.recipe.stages.back().from).reference == "tools");
  CHECK(steps<CopyStep>(result)[0].from == "tools");
}
