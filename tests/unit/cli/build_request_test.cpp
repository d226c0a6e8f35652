#include "cli/build_request.hpp"

#include <stdlib.h>

#include "base/atomic_file.hpp"
#include "base/defer.hpp"
#include "base/posix.hpp"
#include "cli/commands/commands.hpp"
#include "cli/recipe_file.hpp"
#include "fs/tree.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

std::optional<std::string> nothing(const std::string&) {
  return std::nullopt;
}
std::optional<std::string> token(const std::string& name) {
  if (name == "TOKEN") return "secret";
  return std::nullopt;
}

Result<build::BuildOptions> options(std::vector<std::string> words,
                                    const Environment& environment = nothing) {
  return build_options(TRY(parse_arguments(build_verb(), words)), environment, 1000);
}

/// Joined by blanks; or the message.
std::string platforms(std::vector<std::string> words, const Environment& environment = nothing) {
  const auto arguments = parse_arguments(build_verb(), words);
  REQUIRE(arguments);
  const auto list = build_platforms(*arguments, environment);
  if (!list) return list.error().message();
  std::string text;
  for (const oci::Platform& platform : *list) text += (text.empty() ? "" : " ") + platform.to_string();
  return text;
}

class Directory {
public:
  Directory() {
    char name[] = "/tmp/ecrin-test-XXXXXX";
    m_path = ::mkdtemp(name);
  }
  ~Directory() {
    if (const auto parent = posix::open("/tmp", O_PATH | O_DIRECTORY))
      (void)fs::remove_tree(*parent, m_path.substr(5));
  }
  std::string file(const std::string& name, std::string_view text) {
    REQUIRE(write_file_atomically(m_path + "/" + name, text));
    return m_path + "/" + name;
  }
  const std::string& path() const { return m_path; }

private:
  std::string m_path;
};

}  // namespace

TEST_CASE("a recipe file brings its directory as context") {
  Directory directory;
  const std::string file = directory.file("app.yaml", "x");
  const auto source = find_recipe("", file);
  REQUIRE(source);
  CHECK(source->path == file);
  CHECK(source->context_directory == directory.path());
  CHECK_FALSE(find_recipe("other.yaml", file));
}

TEST_CASE("a directory has a Containerfile, a Dockerfile, recipe.yaml, ecrin.yaml, or what -f says") {
  Directory directory;
  const auto found = [&] { return find_recipe("", directory.path()); };
  CHECK(found().error().kind() == ErrorKind::not_found);
  directory.file("ecrin.yaml", "x");
  CHECK(found()->path == directory.path() + "/ecrin.yaml");
  CHECK(found()->also_there.empty());
  for (const std::string name : {"recipe.yaml", "Dockerfile", "Containerfile"}) {
    directory.file(name, "x");
    CHECK(found()->path == directory.path() + "/" + name);
    CHECK_FALSE(found()->also_there.empty());
  }
  directory.file("other-of-this-test.yaml", "x");
  CHECK(find_recipe("other-of-this-test.yaml", directory.path())->path ==
        directory.path() + "/other-of-this-test.yaml");
  CHECK(find_recipe("-", directory.path())->path.empty());
  CHECK(find_recipe("-", directory.path())->context_directory == directory.path());
}

TEST_CASE("the language of a recipe is told by its name, else by its content") {
  Directory directory;
  const auto language = [&](const std::string& name, std::string_view text) {
    return read_recipe(find_recipe("", directory.file(name, text)).value())->language;
  };
  CHECK(language("Dockerfile.dev", "x") == RecipeLanguage::containerfile);
  CHECK(language("app.containerfile", "x") == RecipeLanguage::containerfile);
  CHECK(language("FROM.yaml", "FROM x") == RecipeLanguage::yaml);
  CHECK(language("odd", "# comment\n\nFROM debian\nRUN x\n") == RecipeLanguage::containerfile);
  CHECK(language("odd", "name: x\nfrom: y") == RecipeLanguage::yaml);
  CHECK(looks_like_containerfile("ARG x\nFROM y"));
  CHECK_FALSE(looks_like_containerfile("from: x"));
  const std::string large = directory.file("large.yaml", std::string((1u << 20) + 1, '#'));
  CHECK(read_recipe(find_recipe("", large).value()).error().kind() == ErrorKind::limit);
}

TEST_CASE("what a Containerfile lacks in its syntax comes out without a store") {
  const auto parse = [](const char* text) {
    return parse_recipe({.file = "x", .text = text, .language = RecipeLanguage::containerfile}, {});
  };
  CHECK_FALSE(parse("FROM a\nRNU"));
  CHECK(parse("FROM $NOTHING"));
}

TEST_CASE("an image that was obtained once is not asked for again") {
  int asked = 0;
  const build::ImageObtainer obtain = remembering(
      [&](const std::string&, const oci::Platform&, const CancelToken&) -> Result<oci::ImageRecord> {
        ++asked;
        return oci::ImageRecord{};
      });
  const CancelToken cancel;
  CHECK(obtain("a", oci::Platform::host(), cancel));
  CHECK(obtain("a", oci::Platform::host(), cancel));
  CHECK(asked == 1);
  CHECK(obtain("b", oci::Platform::host(), cancel));
  CHECK(asked == 2);
}

TEST_CASE("a file of build arguments has one a line") {
  Directory directory;
  const auto texts = read_build_arg_file(directory.file("args", "# no\nA=1\n\n  # no\nB=x y \r\nTOKEN"));
  CHECK(texts.value() == std::vector<std::string>{"A=1", "B=x y ", "TOKEN"});
}

TEST_CASE("DOCKER_DEFAULT_PLATFORM is the platform where nothing says it") {
  const Environment usual = [](const std::string& name) -> std::optional<std::string> {
    if (name == "DOCKER_DEFAULT_PLATFORM") return "linux/arm64";
    return std::nullopt;
  };
  CHECK(platforms({}, usual) == "linux/arm64");
  CHECK(platforms({"--platform=linux/s390x"}, usual) == "linux/s390x");
}

TEST_CASE("the flag for platforms takes lists, each platform once and in docker's words") {
  CHECK(platforms({}).empty());
  CHECK(platforms({"--platform", "linux/amd64,linux/arm64", "--platform=s390x"}) ==
        "linux/amd64 linux/arm64 linux/s390x");
  CHECK(platforms({"--platform", "linux/arm64/v8, aarch64,linux/arm64"}) == "linux/arm64");
  CHECK(platforms({"--platform", "linux/arm,linux/arm/v7,linux/arm/v6"}) == "linux/arm/v7 linux/arm/v6");
  CHECK(platforms({"--platform", "x86_64,linux/amd64/v1,linux/amd64/v3"}) == "linux/amd64 linux/amd64/v3");
  CHECK(platforms({"--platform", "local"}) == oci::Platform::host().to_string());
  CHECK(platforms({"--platform", "linux/amd64,"}).starts_with("invalid platform ''"));
  CHECK(platforms({"--platform", ""}).starts_with("invalid platform ''"));
  std::string many;
  for (int i = 0; i < 101; ++i) many += "linux/a" + std::to_string(i) + ",";
  CHECK(platforms({"--platform", many + "linux/b"}) == "a build is for at most 100 platforms");
}

TEST_CASE("times: --timestamp wins over SOURCE_DATE_EPOCH") {
  const Environment epoch = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SOURCE_DATE_EPOCH") return "77";
    return std::nullopt;
  };
  CHECK(options({}, epoch)->epoch == 77);
  CHECK(options({"--timestamp=5"}, epoch)->epoch == 5);
  const auto now = options({"--timestamp=now"}, epoch);
  CHECK(now->current_time);
  CHECK_FALSE(now->epoch.has_value());
  CHECK_FALSE(options({"--timestamp=later"}));
  CHECK_FALSE(options({})->epoch.has_value());
}

TEST_CASE("names are made full") {
  const auto named = options({"-t", "hello", "--tag=example.org/a/b:1"});
  REQUIRE(named);
  REQUIRE(named->tags.size() == 2);
  CHECK(named->tags[0].to_string() == "localhost/hello:latest");
  CHECK(named->tags[1].to_string() == "example.org/a/b:1");
  CHECK_FALSE(options({"-t", "UPPER"}));
}

TEST_CASE("secrets") {
  Directory directory;
  const std::string file = directory.file("key", "k");
  CHECK(parse_secret("id=a,src=" + file, nothing)->file == file);
  CHECK(parse_secret("id=a,env=TOKEN", token)->value == "secret");
  CHECK(parse_secret("id=a,type=env,src=TOKEN", token)->value == "secret");
  CHECK(parse_secret("id=TOKEN", token)->value == "secret");
  CHECK_FALSE(parse_secret("id=a,env=TOKEN", nothing));
  CHECK_FALSE(parse_secret("src=" + file, nothing));
  CHECK_FALSE(parse_secret("id=a,src=" + file + ".gone", nothing));
  CHECK_FALSE(parse_secret("id=a,mode=0400", token));
  CHECK_FALSE(options({"--secret=id=a,env=TOKEN", "--secret=id=a,env=TOKEN"}, token));
}

TEST_CASE("build arguments") {
  const auto args = parse_build_args({"A=1", "B=x=y", "TOKEN", "MISSING", "A=2"}, token);
  CHECK(args.value() == std::map<std::string, std::string>{{"A", "2"}, {"B", "x=y"}, {"TOKEN", "secret"}});
  CHECK_FALSE(parse_build_args({"=x"}, nothing));
}

TEST_CASE("jobs and network") {
  CHECK(options({"--jobs=3", "--network=none"})->jobs == 3);
  CHECK(options({"--network=none"})->network == run::NetworkMode::none);
  CHECK_FALSE(options({"--jobs=many"}));
  CHECK_FALSE(options({"--network=moon"}));
}

TEST_CASE("ssh-agents: a socket of the environment, or keys") {
  Directory directory;
  const std::string key = directory.file("key", "x"), second = directory.file("second", "y");
  const auto agent = parse_ssh("default=" + key + "," + second, nothing);
  REQUIRE(agent);
  CHECK(agent->id == "default");
  CHECK(agent->keys == std::vector<std::string>{key, second});
  CHECK(agent->socket.empty());
  const auto missing = parse_ssh("default", nothing);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message().contains("SSH_AUTH_SOCK"));
  CHECK_FALSE(parse_ssh("", nothing));
  CHECK_FALSE(parse_ssh("default=", nothing));  // a variable that is not set
  CHECK_FALSE(parse_ssh("a=/no/such/file", nothing));
  CHECK_FALSE(options({"--ssh", "a=" + key, "--ssh", "a=" + second}));
}

TEST_CASE("the words of docker and buildah for networks, and flags that mean nothing here") {
  for (const char* word : {"private", "default", "bridge"})
    CHECK(options({"--network", word})->network == run::NetworkMode::private_network);
  CHECK(
      options({"--rm", "--force-rm", "--layers", "--compress", "--load", "--format", "oci", "--sbom=false"}));
  CHECK_FALSE(options({"--format", "docker"}));
  CHECK_FALSE(options({"--provenance"}));
  CHECK(options({"--no-cache-filter", "a,b"})->no_cache_stages == std::vector<std::string>{"a", "b"});
  CHECK(options({"--squash", "--squash-all"})->squash == build::Squash::all);
}

TEST_CASE("what the command line says of the image") {
  const auto found = options({"--label", "a=b=c", "--label", "d", "--env", "TOKEN", "--env", "NONE",
                              "--annotation", "manifest:x=y", "--unsetenv", "P"},
                             token);
  REQUIRE(found);
  using Pairs = std::vector<recipes::KeyValue>;
  CHECK(found->image.labels == Pairs{{"a", "b=c"}, {"d", ""}});
  CHECK(found->image.env == Pairs{{"TOKEN", "secret"}});
  CHECK(found->image.annotations == Pairs{{"x", "y"}});
  CHECK(found->image.unset_env == std::vector<std::string>{"P"});
}
