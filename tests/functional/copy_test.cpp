// The verb copy: a built image on its way through files and a registry.
#include "tests/support/catch.hpp"
#include "tests/support/docker_registry.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

const std::string k_recipe =
    "from: localhost/busybox\nsteps:\n  - run: echo one > /one && chown 7:8 /one\n  - write: {dest: /two, "
    "content: two}\n";

}  // namespace

TEST_CASE("a built image goes through every place and comes back the same", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build(k_recipe, {"-t", "made"});
  const std::string digest = ecrin.inspect("made").at("Digest");
  const std::string layout = "oci:" + (ecrin.scratch() / "layout") + ":made";
  const std::string archive = "oci-archive:" + (ecrin.scratch() / "made.tar");
  const std::string directory = "dir:" + (ecrin.scratch() / "dir");
  CHECK(ecrin.must({"copy", "made", layout}) == digest);
  CHECK(ecrin.must({"copy", layout, archive}) == digest);
  CHECK(ecrin.must({"copy", "--digestfile", ecrin.scratch() / "digest", archive, directory}) == digest);
  CHECK(read_file(ecrin.scratch() / "digest") == digest);
  Ecrin other(Ecrin::Base::none);
  CHECK(other.must({"copy", "-q", directory, "back"}) == digest);
  CHECK(other.in_container("back", {"cat", "/one", "/two"}) == "one\ntwo");
  CHECK(other.left_behind().empty());
}

TEST_CASE("layers are packed on the way, with the same bytes every time", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build(k_recipe, {"-t", "made"});
  const std::string id = full_id(ecrin.inspect("made").at("Id"));
  for (const std::string compression : {"gzip", "zstd:9"}) {
    const std::string digest = ecrin.must({"copy", "--compression", compression, "made", "packed"});
    CHECK(ecrin.must({"copy", "--compression", compression, "made",
                      "dir:" + (ecrin.scratch() / compression)}) == digest);
    CHECK(full_id(ecrin.inspect("packed").at("Id")) == id);
    CHECK(ecrin.inspect("packed").at("Digest") == digest);
  }
}

TEST_CASE("copies that cannot be say so and leave nothing", "[any-driver]") {
  Ecrin ecrin;
  const std::string before = ecrin.store_state();
  for (const Arguments& arguments : std::vector<Arguments>{
           {"copy", "nothing", "oci:" + (ecrin.scratch() / "new")},
           {"copy", "busybox", "oci:/proc/nowhere"},
           {"copy", "busybox", "docker-daemon:x"},
           {"copy", "--compression", "lzma", "busybox", "x"},
           {"copy", "--all", "--platform", "arm64", "busybox", "x"},
           {"copy", "oci:" + (ecrin.scratch() / "new"), "x"},
       }) {
    const Outcome outcome = ecrin(arguments);
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
  }
  CHECK_FALSE(exists(ecrin.scratch() / "new"));
  CHECK(ecrin.store_state() == before);
}

TEST_CASE("an image goes to a registry and from one repository to another", "[any-driver]") {
  if (!DockerRegistry::installed()) ECRIN_SKIP("docker-registry is not installed");
  Ecrin ecrin;
  make_directory(ecrin.scratch() / "registry");
  const DockerRegistry registry(ecrin.scratch() / "registry", {});
  const std::string place = "docker://" + registry.host() + "/";
  ecrin.build(k_recipe, {"-t", "made"});
  const std::string digest = ecrin.inspect("made").at("Digest");
  CHECK(ecrin.must({"copy", "made", place + "team/made:1"}) == digest);
  CHECK(ecrin.must({"copy", place + "team/made:1", place + "other/made:1"}) == digest);
  const std::string packed =
      ecrin.must({"copy", "--compression", "zstd", place + "other/made:1", place + "other/made:zstd"});
  CHECK(packed != digest);
  Ecrin other(Ecrin::Base::none);
  CHECK(other.must({"copy", "--src-tls-verify=false", place + "other/made:zstd", "zstd"}) == packed);
  CHECK(other.in_container("zstd", {"cat", "/one", "/two"}) == "one\ntwo");
  const Outcome missing = other({"copy", place + "team/none:1", "x"});
  CHECK(missing.code == 125);
  CHECK(one_error(missing));
}
