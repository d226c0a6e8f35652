// Deleting images from registries, with a real docker-registry and with the one in memory.
#include "tests/support/catch.hpp"
#include "tests/support/docker_registry.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

constexpr const char* k_recipe = "from: scratch\nsteps:\n  - write: {dest: /x, content: x}\n";

std::size_t image_count(const Ecrin& ecrin) {
  return ecrin.json({"images", "--format", "json"}).size();
}

}  // namespace

TEST_CASE("an image is deleted from docker-registry where that is allowed", "[any-driver]") {
  if (!DockerRegistry::installed()) ECRIN_SKIP("docker-registry is not installed");
  Ecrin ecrin(Ecrin::Base::none);
  make_directory(ecrin.scratch() / "open");
  make_directory(ecrin.scratch() / "closed");
  const DockerRegistry open(ecrin.scratch() / "open", {.username = "ada", .password = "lovelace"});
  const DockerRegistry closed(ecrin.scratch() / "closed", {.deletes = false});
  ecrin.build(k_recipe, {"-t", "made"});
  const std::string place = "docker://" + open.host() + "/team/made:1";
  const Arguments login = {"--creds", "ada:lovelace"};
  const auto with_login = [&](Arguments words) {
    words.insert(words.begin() + 1, login.begin(), login.end());
    return words;
  };
  const std::string digest = ecrin.must(with_login({"push", "-q", "made", place}));
  const std::size_t images = image_count(ecrin);
  CHECK(one_error(ecrin({"delete", place})));  // nobody in particular
  CHECK(ecrin.must(with_login({"delete", place})) == digest);
  CHECK(image_count(ecrin) == images);  // the store is another matter
  CHECK_FALSE(ecrin(with_login({"pull", "-q", place})));
  const Outcome again = ecrin(with_login({"delete", place}));
  CHECK(one_error(again));
  CHECK(contains(again.err, "404"));

  const std::string kept = "docker://" + closed.host() + "/team/made:1";
  ecrin.must({"push", "-q", "made", kept});
  const Outcome refused = ecrin({"delete", kept});
  CHECK(one_error(refused));
  CHECK(contains(refused.err, "does not let images be deleted"));
  CHECK(contains(refused.err, "REGISTRY_STORAGE_DELETE_ENABLED=true"));
  ecrin.must({"pull", "-q", kept});
}

TEST_CASE("all tags of a deleted image go, and what it lists stays", "[any-driver]") {
  MemoryRegistryOptions options;
  options.authentication = MemoryRegistryOptions::Authentication::token;
  MemoryRegistry registry(options);
  const RegistryServer server(registry);
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.build(k_recipe, {"-t", "made"});
  ecrin.must({"manifest", "create", "multi", "made"});
  const auto place = [&](const std::string& name) { return "docker://" + server.host() + "/team/" + name; };
  const std::string creds = "--creds=ada:lovelace";
  for (const std::string tag : {"1", "latest"})
    ecrin.must({"push", "-q", creds, "made", place("made:" + tag)});
  ecrin.must({"manifest", "push", "-q", creds, "multi", place("made:multi")});
  const std::string image = ecrin.inspect("made").at("Digest");
  const std::string index = ecrin.inspect("multi").at("Digest");

  CHECK(ecrin.must({"delete", creds, place("made:multi")}) == index);
  CHECK(registry.manifest("team/made", "multi").empty());
  CHECK_FALSE(registry.manifest("team/made", "1").empty());
  CHECK(ecrin.must({"delete", creds, place("made")}) == image);  // latest
  CHECK(registry.manifest("team/made", "1").empty());
  CHECK(registry.manifest("team/made", image).empty());

  registry.change([](MemoryRegistryOptions& changed) { changed.deletes = false; });
  ecrin.must({"push", "-q", creds, "made", place("made:1")});
  CHECK(one_error(ecrin({"delete", creds, place("made@" + image)})));
  CHECK_FALSE(registry.manifest("team/made", "1").empty());
}

TEST_CASE("only what certainly is in a registry can be deleted there", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.build(k_recipe, {"-t", "made"});
  for (const std::string words : {"made", "docker://made", "oci:/tmp/x:y", "docker://127.0.0.1:1/a//b"}) {
    INFO(words);
    CHECK(one_error(ecrin({"delete", words})));
  }
  CHECK(contains(ecrin({"delete", "made"}).err, "ecrin rmi"));
  CHECK(ecrin({"exists", "made"}).code == 0);
}
