// Indexes between ecrin and other tools: read by them byte for byte, and theirs kept with their digest.
#include "tests/conformance/tools.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

std::string succeeded(const Outcome& outcome) {
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return trimmed(outcome.out);
}

void build_for(const Ecrin& ecrin, const std::string& platform, const std::string& tag) {
  ecrin.build("from: scratch\nsteps:\n  - write: {dest: /platform, content: " + platform + "}\n",
              {"--platform", platform, "-t", tag});
}

}  // namespace

TEST_CASE("skopeo and podman read an index that ecrin made") {
  Ecrin ecrin(Ecrin::Base::none);
  const Tools tools(ecrin.scratch());
  build_for(ecrin, "linux/amd64", "one:amd64");
  build_for(ecrin, "linux/arm64", "one:arm64");
  ecrin.must({"manifest", "create", "multi:1", "one:amd64", "one:arm64"});
  const std::string archive = ecrin.scratch() / "multi.tar";
  ecrin.must({"save", "--format", "oci-archive", "-o", archive, "multi:1"});
  const std::string raw = ecrin.must({"manifest", "inspect", "multi:1"});
  CHECK(succeeded(tools.skopeo({"inspect", "--raw", "oci-archive:" + archive})) == raw);
  const std::string copied = ecrin.scratch() / "copied";
  succeeded(tools.skopeo(
      {"copy", "--all", "--preserve-digests", "oci-archive:" + archive, "oci:" + copied + ":x"}));
  CHECK(succeeded(tools.skopeo({"inspect", "--raw", "oci:" + copied + ":x"})) == raw);
  // podman takes its own platform's image out of it.
  succeeded(tools.podman({"load", "-i", archive}));
  CHECK(contains(succeeded(tools.podman({"images", "--format", "{{.Repository}}:{{.Tag}}"})),
                 "localhost/multi:1"));

  // And back: the same index.
  Ecrin other(Ecrin::Base::none);
  other.must({"load", "-i", copied});
  const std::string digest = ecrin.inspect("multi:1").at("Digest");
  CHECK(other.inspect(digest).at("Manifests").size() == 2);
}

TEST_CASE("an index that buildah made keeps its digest") {
  Ecrin ecrin(Ecrin::Base::none);
  const Tools tools(ecrin.scratch());
  const std::string layout = ecrin.scratch() / "buildah";
  for (const std::string architecture : {"amd64", "arm64"}) {
    const std::string container = succeeded(tools.buildah({"from", "--arch", architecture, "scratch"}));
    succeeded(
        tools.buildah({"config", "--arch", architecture, "--label", "arch=" + architecture, container}));
    succeeded(tools.buildah({"commit", container, "localhost/one:" + architecture}));
  }
  succeeded(tools.buildah({"manifest", "create", "localhost/multi:1"}));
  for (const std::string architecture : {"amd64", "arm64"})
    succeeded(tools.buildah(
        {"manifest", "add", "localhost/multi:1", "containers-storage:localhost/one:" + architecture}));
  succeeded(tools.buildah({"manifest", "push", "--all", "localhost/multi:1", "oci:" + layout + ":multi"}));
  const std::string raw = succeeded(tools.skopeo({"inspect", "--raw", "oci:" + layout + ":multi"}));
  const auto listed =
      nlohmann::json::parse(read_file(layout + "/index.json")).at("manifests")[0].at("digest");
  ecrin.must({"load", "-i", layout});
  const auto index = ecrin.inspect(listed);
  CHECK(index.at("Digest") == listed);
  CHECK(ecrin.must({"manifest", "inspect", listed}) == raw);
  CHECK(index.at("Manifests").size() == 2);
  CHECK(ecrin.json({"inspect", "--platform", "linux/arm64", listed})[0].at("Labels").at("arch") == "arm64");
}

TEST_CASE("inspect says what podman says") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  ecrin.build(
      "from: localhost/busybox\nsteps:\n  - run: echo x > /x\nconfig:\n  labels: {a: b}\n  user: '1'\n",
      {"-t", "one:1"});
  ecrin.must({"save", "-o", ecrin.scratch() / "one.tar", "one:1"});
  succeeded(tools.podman({"load", "-i", ecrin.scratch() / "one.tar"}));
  const auto theirs =
      nlohmann::json::parse(succeeded(tools.podman({"inspect", "--type", "image", "localhost/one:1"})))[0];
  const auto ours = ecrin.inspect("one:1");
  for (const auto& [key, value] : theirs.items()) {
    CAPTURE(key);
    REQUIRE(ours.contains(key));
    // Sizes and places are those of a store, and podman does not write every name's history.
    if (key == "Size" || key == "VirtualSize" || key == "GraphDriver" || key == "NamesHistory") continue;
    CHECK(ours.at(key) == value);
  }
}
