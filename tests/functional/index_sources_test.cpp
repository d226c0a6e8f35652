// Indexes of images that lie elsewhere: in registries, layouts and archives.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"

using namespace ecrin::tests;

namespace {

/// A registry with one:amd64, one:arm64 and multi:1, which lists both.
struct Stocked {
  MemoryRegistry registry;
  RegistryServer server{registry};
  Ecrin maker{Ecrin::Base::none};

  Stocked() {
    for (const std::string architecture : {"amd64", "arm64"}) {
      maker.build("from: scratch\nsteps:\n  - write: {dest: /platform, content: " + architecture + "}\n",
                  {"--platform", "linux/" + architecture, "-t", "one:" + architecture});
      maker.must({"push", "-q", "one:" + architecture, place("one:" + architecture)});
    }
    maker.must({"manifest", "create", "multi:1", "one:amd64", "one:arm64"});
    maker.must({"manifest", "push", "-q", "multi:1", place("multi:1")});
  }
  std::string place(const std::string& name) const { return "docker://" + server.host() + "/team/" + name; }
  std::string digest(const std::string& image) const { return maker.inspect(image).at("Digest"); }
};

std::vector<std::string> listed(const Ecrin& ecrin, const std::string& index) {
  std::vector<std::string> digests;
  const auto document = ecrin.json({"manifest", "inspect", index});
  for (const auto& entry : document.at("manifests")) digests.push_back(entry.at("digest"));
  return digests;
}

}  // namespace

TEST_CASE("an index is made of images in registries, layouts and archives", "[any-driver]") {
  Stocked stocked;
  const std::string layout = "oci:" + (stocked.maker.scratch() / "layout") + ":arm";
  const std::string archive = "oci-archive:" + (stocked.maker.scratch() / "archive.tar");
  stocked.maker.must({"copy", "-q", "one:arm64", layout});
  stocked.maker.must({"copy", "-q", "one:arm64", archive});
  for (const std::string& second : {stocked.place("one:arm64"), layout, archive}) {
    INFO(second);
    Ecrin ecrin(Ecrin::Base::none);
    ecrin.must({"manifest", "create", "made", stocked.place("one:amd64")});
    ecrin.must({"manifest", "add", "-q", "made", second, "--annotation", "a=b"});
    CHECK(listed(ecrin, "made") ==
          std::vector<std::string>{stocked.digest("one:amd64"), stocked.digest("one:arm64")});
    const auto entry = ecrin.json({"manifest", "inspect", "made"}).at("manifests")[1];
    CHECK(entry.at("platform").at("architecture") == "arm64");
    CHECK(entry.at("annotations").at("a") == "b");
    // They belong to the index: kept with it, gone with it.
    CHECK(ecrin.json({"images", "--format", "json"}).size() == 1);
    ecrin.must({"prune", "-f"});
    CHECK(ecrin.json({"inspect", "--platform", "linux/arm64", "made"})[0].at("Architecture") == "arm64");
    ecrin.must({"manifest", "push", "-q", "made", stocked.place("made:1")});
    ecrin.must({"manifest", "rm", "made"});
    CHECK(ecrin.json({"images", "--all", "--format", "json"}).empty());
    CHECK(names_in(ecrin.root() + "/blobs/sha256").empty());
    CHECK(contains(stocked.registry.manifest("team/made", "1"), stocked.digest("one:arm64")));
  }
}

TEST_CASE("of an index in a registry, an index gets one image or with --all all of them", "[any-driver]") {
  Stocked stocked;
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.must({"manifest", "create", "one", stocked.place("multi:1")});
  CHECK(listed(ecrin, "one") == std::vector<std::string>{stocked.digest("one:amd64")});
  ecrin.must({"manifest", "create", "--all", "all", stocked.place("multi:1")});
  CHECK(listed(ecrin, "all") == listed(stocked.maker, "multi:1"));
  // The other index is not an image here, only what it lists is.
  CHECK(ecrin.json({"images", "--all", "--format", "json"}).size() == 4);
  ecrin.must({"manifest", "add", "--all", "one", stocked.place("multi:1")});
  CHECK(listed(ecrin, "one").size() == 2);
}

TEST_CASE("an image that cannot be had leaves the index as it was", "[any-driver]") {
  Stocked stocked;
  Ecrin ecrin(Ecrin::Base::none);
  const Outcome missing = ecrin({"manifest", "create", "made", stocked.place("none:1")});
  CHECK(one_error(missing));
  CHECK(ecrin({"manifest", "exists", "made"}).code == 1);
  ecrin.must({"manifest", "create", "made", stocked.place("one:amd64")});
  const std::string before = ecrin.must({"manifest", "inspect", "made"});
  CHECK(one_error(ecrin({"manifest", "add", "made", stocked.place("one:arm64"), stocked.place("none:1")})));
  CHECK(one_error(ecrin({"manifest", "add", "made", "oci:" + (ecrin.scratch() / "nothing")})));
  CHECK(one_error(ecrin({"manifest", "add", "made", "ftp://somewhere"})));
  const Outcome unknown = ecrin({"manifest", "add", "made", "nothing"});
  CHECK(one_error(unknown));
  CHECK(contains(unknown.err, "docker://nothing"));
  CHECK(ecrin.must({"manifest", "inspect", "made"}) == before);
  // What came for nothing is garbage.
  ecrin.must({"prune", "-f"});
  CHECK(ecrin.json({"images", "--all", "--format", "json"}).size() == 2);
  // A name that is taken is told before anything is fetched.
  stocked.registry.forget_counts();
  CHECK(one_error(ecrin({"manifest", "create", "made", stocked.place("one:arm64")})));
  CHECK(stocked.registry.requests().empty());
}
