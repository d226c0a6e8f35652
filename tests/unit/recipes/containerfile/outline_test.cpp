#include "recipes/containerfile/outline.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

LowerOptions with(std::map<std::string, std::string> args = {}, std::string target = {}) {
  return {.file = "Containerfile",
          .args = std::move(args),
          .host_args = {},
          .target = std::move(target),
          .platform = oci::Platform::parse("linux/arm64").value(),
          .base_config = {},
          .is_replaced = {}};
}

std::vector<OutlineTarget> targets(std::string_view text) {
  const SourceText source("Containerfile", text);
  auto list = list_targets(parse_containerfile(source).value(), source, with());
  REQUIRE(list);
  return std::move(*list);
}

Result<Outline> try_outline(std::string_view text, const LowerOptions& options = with()) {
  const SourceText source("Containerfile", text);
  return outline(TRY(parse_containerfile(source)), source, options);
}

/// "NAME=value (description)", one a line.
std::string args(std::string_view text, const LowerOptions& options = with()) {
  const auto result = try_outline(text, options);
  INFO((result ? "" : result.error().message()));
  REQUIRE(result);
  std::string lines;
  for (const OutlineArg& arg : result->args) {
    lines += arg.name + "=" + arg.value;
    if (!arg.description.empty()) lines += " (" + arg.description + ")";
    lines += "\n";
  }
  return lines;
}

std::string ids(const std::vector<OutlineMount>& mounts) {
  std::string text;
  for (const OutlineMount& mount : mounts) text += mount.id + (mount.required ? "! " : " ");
  return text;
}

}  // namespace

TEST_CASE("targets are stages, with the comments that begin with their names") {
  const auto list = targets(R"(ARG BASE=debian
# Build makes it
# and more
FROM --platform=$BUILDPLATFORM $BASE:12 AS Build
# something else
FROM $NONE AS two

# three is not meant here
#
FROM build AS three
FROM scratch
)");
  REQUIRE(list.size() == 4);
  CHECK(list[0].name == "build");
  CHECK(list[0].description == "makes it");
  CHECK(list[0].base == "debian:12");
  CHECK(list[0].platform == oci::Platform::host().to_string());
  CHECK(list[0].location.line == 4);
  CHECK_FALSE(list[0].is_default);
  CHECK(list[1].description.empty());
  CHECK(list[1].base == "$NONE");
  CHECK(list[2].description.empty());
  CHECK(list[3].name.empty());
  CHECK(list[3].is_default);
}

TEST_CASE("an outline has the arguments before the first FROM and those of the stages that are needed") {
  const std::string text = R"(# V the version
ARG V=1 W
FROM scratch AS other
ARG OTHER=1
FROM scratch AS build
ARG V TARGETARCH
# X one thing
# Y and another
ARG X=$V-$TARGETARCH Y=${X}!
ENV E=env
ARG Z=$E Z2=${NONE:?missing}
FROM build
ARG X Y2=$Y
COPY --from=build /a /a
)";
  CHECK(args(text) ==
        "V=1 (the version)\nW=\nX=1-arm64 (one thing)\nY=1-arm64! (and another)\nZ=env\n"
        "Z2=${NONE:?missing}\nY2=1-arm64!\n");
  CHECK(args(text, with({{"V", "2"}, {"Z2", "given"}})) ==
        "V=2 (the version)\nW=\nX=2-arm64 (one thing)\nY=2-arm64! (and another)\nZ=env\nZ2=given\n"
        "Y2=2-arm64!\n");
  CHECK(args(text, with({}, "other")) == "V=1 (the version)\nW=\nOTHER=1\n");
  CHECK(args("FROM scratch\nARG TARGETARCH\n").empty());
  CHECK(args("FROM scratch\nARG TARGETARCH\n", with({{"TARGETARCH", "x"}})) == "TARGETARCH=x\n");
}

TEST_CASE("an argument that is declared again is in the outline once, with its last value") {
  CHECK(args("ARG A=1\nARG A=2\nFROM x\n") == "A=2\n");
  CHECK(args("FROM x\n# A the first\nARG A=1\nARG B=${A}4\nARG A=${A}4${B}\n") ==
        "A=1414 (the first)\nB=14\n");
  CHECK(args("FROM x\nARG A=1\nARG A=2\n", with({{"A", "given"}})) == "A=given\n");
}

TEST_CASE("an outline has secrets, agents and caches, each once") {
  const auto result = try_outline(R"(FROM nowhere.invalid/none AS build
ARG ID=two
RUN --mount=type=secret,id=one --mount=type=secret,id=$ID,env=TOKEN x
RUN --mount=type=secret,id=one,required --mount=type=ssh --mount=type=ssh,id=key,required=true x
RUN --mount=type=cache,target=/c/ --mount=type=cache,id=named,target=/d --mount=type=cache,target=/c x
RUN --mount=type=tmpfs,target=/t --mount=type=bind,target=/b x
)");
  REQUIRE(result);
  CHECK(ids(result->secrets) == "one! two ");
  CHECK(ids(result->ssh) == "default key! ");
  CHECK(ids(result->caches) == "/c named ");
  CHECK(result->secrets[0].location.line == 3);
}

TEST_CASE("an outline of what is not there is an error") {
  CHECK_FALSE(try_outline("FROM scratch\n", with({}, "none")));
  CHECK_FALSE(try_outline("ARG X\nFROM $X\n"));
}

TEST_CASE("a large outline ends") {
  std::string text = "FROM scratch\n";
  for (int i = 0; i < 20'000; ++i) text += "# A" + std::to_string(i) + " text\n";
  text += "ARG";
  for (int i = 0; i < 20'000; ++i) text += " A" + std::to_string(i);
  text += "\n";
  for (int i = 0; i < 20'000; ++i) text += "RUN --mount=type=secret,id=s" + std::to_string(i) + " x\n";
  const auto result = try_outline(text);
  REQUIRE(result);
  CHECK(result->args.size() == 20'000);
  CHECK(result->args.back().description == "text");
  CHECK(result->secrets.size() == 20'000);
}
