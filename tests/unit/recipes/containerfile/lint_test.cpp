// Each rule: what it finds, and what it lets pass. The cases are those that docker's rules tell apart.
#include "recipes/containerfile/lint.hpp"

#include "tests/unit/recipes/containerfile/parsed.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

using Lines = std::vector<std::string>;

Lines linted(std::string_view text, const LintOptions& options = {}) {
  const SourceText source("Containerfile", text);
  const Result<LintReport> report = containerfile::lint(parsed(text), source, options);
  INFO((report ? "" : report.error().message()));
  REQUIRE(report);
  Lines lines;
  for (const LintFinding& finding : report->findings) {
    lines.push_back(fmt::format("{}:{}", finding.rule->name, finding.location.line));
  }
  return lines;
}

Lines messages(std::string_view text, const LintOptions& options = {}) {
  const SourceText source("Containerfile", text);
  const Result<LintReport> report = containerfile::lint(parsed(text), source, options);
  REQUIRE(report);
  Lines lines;
  for (const LintFinding& finding : report->findings) lines.push_back(finding.message);
  return lines;
}

}  // namespace

TEST_CASE("StageNameCasing: names of stages are in small letters") {
  CHECK(linted("FROM a AS BuilderBase\n") == Lines{"StageNameCasing:1"});
  CHECK(linted("FROM a AS builder\n").empty());
}

TEST_CASE("FromAsCasing: AS is written as FROM") {
  CHECK(linted("FROM a as b\n") == Lines{"FromAsCasing:1"});
  CHECK(linted("from a AS b\n") == Lines{"FromAsCasing:1"});
  CHECK(linted("from a as b\n").empty());
  CHECK(linted("From a aS b\n") == Lines{"ConsistentInstructionCasing:1"});
}

TEST_CASE("NoEmptyContinuation: there are no empty lines amid continuation lines") {
  CHECK(linted("FROM a\nRUN b \\\n\n  c\n") == Lines{"NoEmptyContinuation:3"});
  CHECK(linted("FROM a\nRUN b \\\n  # c\n  d\n").empty());
}

TEST_CASE("ConsistentInstructionCasing: instructions are in the case of most of them") {
  CHECK(linted("FROM a\nRUN b\nrun c\n") == Lines{"ConsistentInstructionCasing:3"});
  CHECK(linted("from a\nrun b\nRUN c\n") == Lines{"ConsistentInstructionCasing:3"});
  CHECK(linted("FROM a\nRun b\n") == Lines{"ConsistentInstructionCasing:2"});
  CHECK(linted("FROM a\nrun b\n") == Lines{"ConsistentInstructionCasing:2"});
  CHECK(linted("from a\nrun b\n").empty());
  CHECK(linted("arg x=1\nFROM a\n").empty());
}

TEST_CASE("DuplicateStageName and ReservedStageName: names of stages are their own") {
  CHECK(linted("FROM a AS b\nFROM a AS B\n") == Lines{"StageNameCasing:2", "DuplicateStageName:2"});
  CHECK(linted("FROM a AS scratch\nFROM b AS context\n") ==
        Lines{"ReservedStageName:1", "ReservedStageName:2"});
  CHECK(linted("FROM a\nFROM a\n").empty());
}

TEST_CASE("JSONArgsRecommended: CMD and ENTRYPOINT are JSON, unless SHELL says which shell it is") {
  CHECK(linted("FROM a\nCMD b\nENTRYPOINT c\n") == Lines{"JSONArgsRecommended:2", "JSONArgsRecommended:3"});
  CHECK(linted("FROM a\nCMD [\"b\"]\nHEALTHCHECK CMD d\n").empty());
  CHECK(linted("FROM a\nSHELL [\"b\"]\nCMD c\n").empty());
  CHECK(linted("FROM a AS b\nSHELL [\"b\"]\nFROM b\nCMD c\n").empty());
}

TEST_CASE("MaintainerDeprecated: MAINTAINER is a label") {
  CHECK(linted("FROM a\nMAINTAINER me\n") == Lines{"MaintainerDeprecated:2"});
  CHECK(linted("FROM a\nLABEL org.opencontainers.image.authors=\"me\"\n").empty());
}

TEST_CASE("UndefinedArgInFrom: what FROM uses is declared before") {
  CHECK(linted("ARG tag=latest\nFROM a:${tag}${version} AS b\n") == Lines{"UndefinedArgInFrom:2"});
  CHECK(messages("FROM --platform=$BULIDPLATFORM a\n") ==
        Lines{"'BULIDPLATFORM' in FROM is not declared (did you mean 'BUILDPLATFORM'?)"});
  CHECK(messages("ARG MY_ARCH=amd64\nFROM --platform=linux/${MYARCH} a\n") ==
        Lines{"'MYARCH' in FROM is not declared (did you mean 'MY_ARCH'?)"});
  CHECK(linted("ARG tag\nFROM a${tag}\n").empty());
  CHECK(linted("FROM --platform=$BUILDPLATFORM a\n").empty());
  CHECK(linted("FROM a\nARG b=1\nFROM c:${b}d\n") == Lines{"UndefinedArgInFrom:3"});
}

TEST_CASE("WorkdirRelativePath: the first WORKDIR is absolute") {
  CHECK(linted("FROM a\nWORKDIR app\nWORKDIR b\n") == Lines{"WorkdirRelativePath:2"});
  CHECK(linted("FROM a\nWORKDIR /app\nWORKDIR b\n").empty());
  CHECK(linted("FROM a AS b\nWORKDIR /app\nFROM b\nWORKDIR c\n").empty());
  CHECK(linted("FROM a\nENV D=/app\nWORKDIR $D\n").empty());
}

TEST_CASE("UndefinedVar: variables are defined before they are used") {
  CHECK(linted("FROM a\nCOPY $foo .\nARG foo=bar\nRUN echo $foo\n") == Lines{"UndefinedVar:2"});
  CHECK(messages("FROM a\nARG DIR_ASSETS=x\nCOPY $DIR_ASSET .\n") ==
        Lines{"nothing in this file defines '$DIR_ASSET' (did you mean 'DIR_ASSETS'?)"});
  CHECK(messages("FROM a\nENV PATH=$PAHT:/x\n") ==
        Lines{"nothing in this file defines '$PAHT' (did you mean 'PATH'?)"});
  CHECK(linted("FROM a\nENV b=1 c=$b\n") == Lines{"UndefinedVar:2"});
  CHECK(linted("FROM a\nCOPY <<E /x\n$b\nE\n") == Lines{"UndefinedVar:2"});
  CHECK(linted("FROM a\nRUN --mount=target=/x,source=$b c\n") == Lines{"UndefinedVar:2"});
}

TEST_CASE("UndefinedVar: what is defined in another way passes") {
  CHECK(linted("FROM a\nARG foo\nCOPY D${foo} .\n").empty());
  CHECK(linted("FROM a AS b\nARG foo=x\nFROM b\nCOPY $foo .\n").empty());
  CHECK(linted("FROM a\nENV PATH=$PATH:/x\n").empty());
  CHECK(linted("FROM a\nRUN echo $foo\nCMD [\"$foo\"]\n").empty());
  CHECK(linted("FROM a\nCOPY <<'E' /x\n$b\nE\n").empty());
  CHECK(linted("FROM a\nENV b='$c' d=\\$e\n").empty());
}

TEST_CASE("MultipleInstructionsDisallowed: the one that does nothing is shown") {
  CHECK(linted("FROM a\nENTRYPOINT [\"b\"]\nENTRYPOINT [\"c\"]\nCMD [\"d\"]\nCMD [\"e\"]\nHEALTHCHECK NONE\n"
               "HEALTHCHECK CMD [\"f\"]\n") == Lines{"MultipleInstructionsDisallowed:2",
                                                     "MultipleInstructionsDisallowed:4",
                                                     "MultipleInstructionsDisallowed:6"});
  CHECK(linted("FROM a AS b\nCMD [\"c\"]\nFROM b\nCMD [\"d\"]\n").empty());
}

TEST_CASE("LegacyKeyValueFormat: ENV and LABEL have '='") {
  CHECK(linted("FROM a\nENV b c\nLABEL d e\n") == Lines{"LegacyKeyValueFormat:2", "LegacyKeyValueFormat:3"});
  CHECK(linted("FROM a\nENV b=c\nLABEL d=e\n").empty());
}

TEST_CASE("RedundantTargetPlatform: the default is not asked for") {
  CHECK(linted("FROM --platform=$TARGETPLATFORM a\n") == Lines{"RedundantTargetPlatform:1"});
  CHECK(linted("FROM --platform=${TARGETPLATFORM} a\n") == Lines{"RedundantTargetPlatform:1"});
  CHECK(linted("FROM --platform=$BUILDPLATFORM a\n").empty());
}

TEST_CASE("SecretsUsedInArgOrEnv: names that sound like secrets") {
  CHECK(linted("FROM a\nARG GITHUB_TOKEN\nENV api_key=x db_Password=y\n") ==
        Lines{"SecretsUsedInArgOrEnv:2", "SecretsUsedInArgOrEnv:3", "SecretsUsedInArgOrEnv:3"});
  CHECK(linted("FROM a\nARG PUBLIC_KEY TOKEN_FILE KEY_VERSION monkey tokens\n").empty());
}

TEST_CASE("InvalidDefaultArgInFrom: an image also without build arguments") {
  CHECK(linted("ARG TAG\nFROM busybox:${TAG}\n") == Lines{"InvalidDefaultArgInFrom:2"});
  CHECK(linted("ARG IMAGE\nFROM $IMAGE\n", {.args = {{"IMAGE", "busybox"}}}) ==
        Lines{"InvalidDefaultArgInFrom:2"});
  CHECK(linted("ARG TAG=1\nFROM busybox:${TAG}\n").empty());
  CHECK(linted("ARG TAG\nFROM busybox:${TAG:-1}\n").empty());
}

TEST_CASE("FromPlatformFlagConstDisallowed: platforms are no constants") {
  CHECK(linted("FROM --platform=linux/amd64 a\n") == Lines{"FromPlatformFlagConstDisallowed:1"});
  CHECK(linted("FROM --platform=linux/amd64 a AS build_amd64\n").empty());
  CHECK(linted("FROM --platform=$BUILDPLATFORM a\n").empty());
}

TEST_CASE("CopyIgnoredFile: what is copied is in the context") {
  const LintOptions options{.is_ignored = [](const std::string& path) { return path.starts_with("out"); }};
  CHECK(linted("FROM a\nENV d=out\nCOPY $d/x y /z/\nADD out.tar /\n", options) ==
        Lines{"CopyIgnoredFile:3", "CopyIgnoredFile:4"});
  CHECK(linted("FROM a\nCOPY --from=b out /\nADD https://x/out /\n", options).empty());
}

TEST_CASE("InvalidDefinitionDescription: only where it is asked for") {
  const std::string text =
      "# not about it\nARG a=1\n# base is what it is\nFROM b AS base\n# c or d\nARG d=1 e=2\n";
  CHECK(linted(text).empty());
  CHECK(linted(text, {.args = {{"BUILDKIT_DOCKERFILE_CHECK", "experimental=all"}}}) ==
        Lines{"InvalidDefinitionDescription:2", "InvalidDefinitionDescription:6"});
  CHECK(linted("# check=skip=all;experimental=InvalidDefinitionDescription\n# a\n#\nARG b=1\nFROM c\n")
            .empty());
}

TEST_CASE("ExposeProtoCasing and ExposeInvalidFormat: ports of the container") {
  CHECK(linted("FROM a\nEXPOSE 80/TCP 81/udp\n") == Lines{"ExposeProtoCasing:2"});
  CHECK(linted("FROM a\nEXPOSE 127.0.0.1:80:80 81:82/tcp\n") ==
        Lines{"ExposeInvalidFormat:2", "ExposeInvalidFormat:2"});
  CHECK(linted("FROM a\nEXPOSE 80 81-83/udp\n").empty());
}

TEST_CASE("a directive or a build argument leaves rules out") {
  CHECK(linted("# check=skip=LegacyKeyValueFormat,StageNameCasing\nFROM a AS B\nENV c d\nCMD e\n") ==
        Lines{"JSONArgsRecommended:4"});
  CHECK(linted("# check=skip=all # why\nFROM a AS B\n").empty());
  CHECK(linted("# check=skip=all\nFROM a AS B\n", {.args = {{"BUILDKIT_DOCKERFILE_CHECK", ""}}}) ==
        Lines{"StageNameCasing:2"});
}

TEST_CASE("a comment leaves rules out for one instruction") {
  CHECK(linted("FROM a\n# check=skip=LegacyKeyValueFormat\nENV b c\nENV d e\n") ==
        Lines{"LegacyKeyValueFormat:4"});
}

TEST_CASE("settings that are none are refused with their place") {
  const std::string_view text = "# check=skop=all\nFROM a\n";
  const Result<LintReport> report = containerfile::lint(parsed(text), SourceText("Containerfile", text), {});
  REQUIRE_FALSE(report);
  CHECK(
      report.error().message().starts_with("Containerfile:1:1: 'skop=all' is no setting of build checks\n"));
}

TEST_CASE("a directive can make findings an error") {
  const std::string_view text = "# check=error=true\nFROM a\n";
  CHECK(containerfile::lint(parsed(text), SourceText("Containerfile", text), {})->settings.fails_build);
}

TEST_CASE("what a build would refuse is refused") {
  const std::string_view text = "FROM a\nCOPY ${b c\n";
  const Result<LintReport> report = containerfile::lint(parsed(text), SourceText("Containerfile", text), {});
  REQUIRE_FALSE(report);
  CHECK(report.error().message().starts_with("Containerfile:2:6: "));
}

TEST_CASE("a line with more findings than anybody reads ends") {
  std::string text = "FROM a\nENV";
  for (int i = 0; i < 200'000; ++i) text += " a=$b";
  const Result<LintReport> report = containerfile::lint(parsed(text), SourceText("Containerfile", text), {});
  REQUIRE(report);
  CHECK(report->findings.size() == 1000);
  CHECK(report->has_more);
}

TEST_CASE("many stages, variables and findings end") {
  std::string text = "FROM a AS s0\n";
  for (int i = 1; i < 20'000; ++i)
    text += fmt::format("FROM s{} AS s{}\nENV v{}=$w{}\nCMD x\n", i - 1, i, i, i);
  const SourceText source("Containerfile", text);
  (void)containerfile::lint(parsed(text), source, {});
}

TEST_CASE("what can be built can be checked: each word is filled in once") {
  std::string text = "FROM a\nENV V=" + std::string(1024 * 1024, 'x') + "\n";
  for (int i = 0; i < 9; ++i) text += fmt::format("ENV W{}=$V\n", i);
  text += "ARG X=$V\nARG Y=$V\nWORKDIR /$V\n";
  CHECK(linted(text).empty());
}

TEST_CASE("suggestions for more unknown variables than anybody reads end") {
  std::string text = "FROM a\n";
  for (int i = 0; i < 450; ++i) text += fmt::format("ENV A_LONG_NAME_OF_A_VARIABLE_{}=x\n", i);
  text += "ENV";
  for (int i = 0; i < 60'000; ++i) text += fmt::format(" a=$A_LONG_NAME_OF_A_VARIABEL_{}", i);
  CHECK(linted(text).size() == 1000);
}

TEST_CASE("a stage from which only a trigger of the base takes files is looked at") {
  const std::string text =
      "FROM a AS files\nENV X=$none\n"
      "FROM a AS other\nENV X=$none\n"
      "FROM a AS base\nONBUILD COPY --from=files x y\n"
      "FROM base AS made\n";
  CHECK(linted(text, {.target = "made"}) == Lines{"UndefinedVar:2"});
  CHECK(linted(text, {.target = "base"}).empty());
}

TEST_CASE("variables that a base defines leave room for the findings that count") {
  std::string text = "FROM a\n";
  for (int i = 0; i < 2'000; ++i) text += "ENV X=$of_the_base\n";
  text += "ENV Y=$nobodys\n";
  CHECK(linted(text).size() == 1'000);
  CHECK(linted(text, {.undefined = {{{2'002, 5}, {2'002, 7}}}}) == Lines{"UndefinedVar:2002"});
}
