#include "tests/unit/recipes/containerfile/parsed.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

using Options = std::vector<std::pair<std::string, std::optional<std::string>>>;

Options mount(std::string_view value) {
  const RunInstruction run = last<RunInstruction>("RUN --mount=" + std::string(value) + " make");
  REQUIRE(run.mounts.size() == 1);
  return run.mounts[0].options;
}

std::string bad(std::string_view value) {
  return refused("RUN --mount=" + std::string(value) + " make");
}

}  // namespace

TEST_CASE("a mount is fields, in order, with keys in lower case") {
  CHECK(mount("Type=cache,TARGET=/a,readonly") ==
        Options{{"type", "cache"}, {"target", "/a"}, {"readonly", std::nullopt}});
}

TEST_CASE("a field of a mount with a comma stands in quotes") {
  CHECK(mount("'type=bind,\"source=a,b\",target=/x'") ==
        Options{{"type", "bind"}, {"source", "a,b"}, {"target", "/x"}});
  CHECK(mount("type=bind,\\\"source=a,\\\"\\\"b\\\"") == Options{{"type", "bind"}, {"source", "a,\"b"}});
  CHECK(bad("'a\"b=c'") == "the quotes of this mount do not enclose whole fields");
  CHECK(bad("'\"source=c'") == "the quotes of this mount do not enclose whole fields");
}

TEST_CASE("buildah's words for labels are read over") {
  CHECK(mount("type=bind,target=/a,z") == Options{{"type", "bind"}, {"target", "/a"}});
  CHECK(mount("Z,target=/a") == Options{{"target", "/a"}});
}

TEST_CASE("keys of mounts are known") {
  CHECK(bad("type=cache,traget=/a") == "unknown key 'traget' of a mount (did you mean 'target'?)");
  CHECK(bad("type=cache,") == "unknown key '' of a mount");
  CHECK(bad("type=cache,target") == "'target' of a mount needs a value");
  CHECK(bad("type=cahce") == "no mount of type 'cahce' (did you mean 'cache'?)");
}

TEST_CASE("each type of mount has its keys") {
  CHECK(bad("type=bind,size=1m") == "a mount of type 'bind' has no 'size'");
  CHECK(bad("target=/a,required") == "a mount of type 'bind' has no 'required'");
  CHECK(bad("type=tmpfs,uid=1") == "a mount of type 'tmpfs' has no 'uid'");
  CHECK(bad("type=tmpfs,sharing=shared") == "a mount of type 'tmpfs' has no 'sharing'");
  CHECK(bad("type=secret,id=a,from=b") == "a mount of type 'secret' has no 'from'");
  CHECK(mount("type=secret,id=a,env=B,required,mode=0400,uid=1,gid=2").size() == 7);
  CHECK(mount("type=ssh,required=true").size() == 2);
  CHECK(mount("type=tmpfs,target=/a,size=1g").size() == 3);
}

TEST_CASE("a secret has a name, and one only") {
  CHECK(bad("type=secret") == "a mount of type 'secret' needs an 'id' or a 'target'");
  CHECK(bad("type=secret,id=a,src=b") == "a mount of type 'secret' has an 'id' or a 'source', not both");
  CHECK(mount("type=secret,target=/a").size() == 2);
}

TEST_CASE("values of mounts are checked") {
  CHECK(bad("type=cache,target=/a,sharing=lockd") ==
        "'sharing' of a mount is shared, private or locked, not 'lockd'");
  CHECK(bad("type=cache,target=/a,mode=9") == "'mode' of a mount is an octal mode like 0755, not '9'");
  CHECK(bad("type=cache,target=/a,uid=root") == "'uid' of a mount is a number, not 'root'");
  CHECK(bad("target=/a,rw=maybe") == "'rw' of a mount is true or false, not 'maybe'");
}

TEST_CASE("what holds a variable is not checked yet") {
  CHECK(mount("type=$TYPE,size=$SIZE,uid=${UID}").size() == 3);
  CHECK(bad("from=$IMAGE,target=/a") == "'from' of a mount cannot hold a variable");
}
