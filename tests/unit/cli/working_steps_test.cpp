#include "cli/working_steps.hpp"

#include "cli/image_names.hpp"
#include "recipes/containerfile/lower.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

TEST_CASE("IMAGE@STEP is told from a digest") {
  CHECK_FALSE(parse_step_name("debian:12")->step);
  CHECK_FALSE(parse_step_name("debian@sha256:0123")->step);
  const auto name = parse_step_name("localhost:5000/a:1@12");
  REQUIRE(name);
  CHECK(name->image == "localhost:5000/a:1");
  CHECK(name->step == 12);
  for (const char* wrong : {"a@", "a@0", "a@x", "@3", "a@-1", "a@99999999999999999999"})
    CHECK_FALSE(parse_step_name(wrong));
}

TEST_CASE("the words of a step are a script or a program") {
  CHECK(std::get<std::string>(parse_step_command({"make all"})->command) == "make all");
  using Words = std::vector<std::string>;
  CHECK(std::get<Words>(parse_step_command({"make", "all"})->command) == Words{"make", "all"});
  CHECK(std::get<Words>(parse_step_command({R"(["/prog"])"})->command) == Words{"/prog"});
  CHECK(std::get<std::string>(parse_step_command({"--", "x"})->command) == "x");
  CHECK_FALSE(parse_step_command({}));
  CHECK_FALSE(parse_step_command({"--"}));
}

TEST_CASE("a mount of a step is what RUN --mount of the same text is") {
  const auto of_run = [](const std::string& text) {
    const recipes::SourceText source("Containerfile", text);
    const auto file = recipes::containerfile::parse_containerfile(source);
    REQUIRE(file);
    const auto lowered = recipes::containerfile::lower(
        *file, source,
        {.file = "Containerfile",
         .args = {},
         .host_args = {},
         .target = {},
         .platform = {},
         .base_config = [](const std::string&, const oci::Platform&) -> Result<oci::ImageConfig> {
           return oci::ImageConfig();
         }});
    REQUIRE(lowered);
    return std::get<recipes::RunStep>(lowered->recipe.stages.back().steps.back().kind).mounts.at(0);
  };
  for (const std::string text :
       {"target=/x", "source=src,target=/src,rw", "from=image:1,target=/x,readonly=false",
        "type=cache,target=//var/./c/", "type=cache,id=x,target=/c,sharing=LOCKED,mode=0700,uid=1,gid=2",
        "type=cache", "type=tmpfs,target=/t,size=1k", "type=secret,id=token",
        "type=secret,src=token,required", "type=secret,id=token,env=TOKEN",
        "TYPE=secret,target=/root/.netrc,mode=0440", "target=/a,z"}) {
    INFO(text);
    const auto mount = parse_step_mount(text);
    REQUIRE(mount);
    CHECK(*mount == of_run("FROM base\nRUN --mount=" + text + " true\n"));
  }
}

TEST_CASE("mounts of a step") {
  using Type = recipes::Mount::Type;
  const auto cache = parse_step_mount("target=/var/c,type=cache,sharing=locked,mode=0700");
  REQUIRE(cache);
  CHECK(cache->type == Type::cache);
  CHECK(cache->id == "/var/c");
  CHECK_FALSE(cache->read_only);
  CHECK(cache->mode == 0700);
  CHECK(cache->sharing == recipes::Mount::Sharing::locked);
  const auto bind = parse_step_mount("source=src,target=/src,rw");
  REQUIRE(bind);
  CHECK(bind->type == Type::bind);
  CHECK_FALSE(bind->read_only);
  CHECK(parse_step_mount("type=secret,id=token")->id == "token");
  CHECK(parse_step_mount("type=secret,target=/run/secrets/token")->id == "token");
  CHECK(parse_step_mount("type=tmpfs,target=/t,size=1k")->size == 1024);
  for (const char* wrong :
       {"type=volume,target=/x", "type=ssh", "target=/", "type=secret", "target=/x,what=1",
        "target=/x,mode=9", "target=/x,uid=99999999999", "target=/x,rw=perhaps", ""})
    CHECK_FALSE(parse_step_mount(wrong));
}
