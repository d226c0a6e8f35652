// Images between ecrin and skopeo's transports: the digest is the same on both sides.
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

std::string digest_by_skopeo(const Tools& tools, const std::string& place) {
  return nlohmann::json::parse(succeeded(tools.skopeo({"inspect", place}))).at("Digest");
}

}  // namespace

TEST_CASE("skopeo reads what ecrin copies, and ecrin what skopeo copies") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  const std::string digest = ecrin.inspect("busybox").at("Digest");
  for (const std::string kind : {"oci", "oci-archive", "dir"}) {
    INFO(kind);
    const std::string end = kind == "dir" ? "" : ":tag";
    const std::string ours = kind + ":" + (ecrin.scratch() / ("ours." + kind)) + end;
    const std::string theirs = kind + ":" + (ecrin.scratch() / ("theirs." + kind)) + end;
    CHECK(ecrin.must({"copy", "busybox", ours}) == digest);
    CHECK(digest_by_skopeo(tools, ours) == digest);
    succeeded(tools.skopeo({"copy", "--preserve-digests", ours, theirs}));
    Ecrin other(Ecrin::Base::none);
    CHECK(other.must({"copy", theirs, "back"}) == digest);
  }
}

TEST_CASE("docker archives keep the image ID in both directions") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  const std::string id = full_id(ecrin.inspect("busybox").at("Id"));
  const std::string ours = "docker-archive:" + (ecrin.scratch() / "ours.tar") + ":localhost/b:1";
  const std::string theirs = "docker-archive:" + (ecrin.scratch() / "theirs.tar") + ":localhost/b:1";
  ecrin.must({"copy", "--compression", "zstd", "busybox", "packed"});
  ecrin.must({"copy", "packed", ours});
  succeeded(tools.skopeo({"copy", ours, theirs}));
  ecrin.must({"copy", theirs, "back"});
  CHECK(full_id(ecrin.inspect("back").at("Id")) == id);
}

TEST_CASE("layers that ecrin packed are read by skopeo") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  for (const Arguments& how : std::vector<Arguments>{{"--compression", "zstd"},
                                                     {"--compression", "gzip"},
                                                     {"--compression", "gzip", "--format", "v2s2"}}) {
    Arguments copy = {"copy", "busybox", "dir:" + (ecrin.scratch() / "packed")};
    copy.insert(copy.begin() + 1, how.begin(), how.end());
    const std::string digest = ecrin.must(copy);
    CHECK(digest_by_skopeo(tools, "dir:" + (ecrin.scratch() / "packed")) == digest);
    // It unpacks them, which checks the diff IDs.
    const std::string plain =
        "oci:" + (ecrin.scratch() / "plain") + ":" + how[1] + std::to_string(how.size());
    succeeded(tools.skopeo({"copy", "--dest-decompress", "dir:" + (ecrin.scratch() / "packed"), plain}));
  }
}

TEST_CASE("images go to podman's store and come back, inside our user namespace and outside") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  ecrin.environment["XDG_RUNTIME_DIR"] = ecrin.scratch() / "run";
  make_directory(ecrin.scratch() / "run");
  const std::string storage = "containers-storage:[vfs@" + (ecrin.scratch() / "graph") + "+" +
                              (ecrin.scratch() / "run/storage") + "]localhost/";
  const std::string digest = ecrin.inspect("busybox").at("Digest");
  CHECK(ecrin.must({"copy", "busybox", storage + "inside:1"}) == digest);
  ecrin.must({"copy", "busybox", "oci:" + (ecrin.scratch() / "layout") + ":b"});
  CHECK(ecrin.must({"copy", "oci:" + (ecrin.scratch() / "layout") + ":b", storage + "outside:1"}) == digest);
  for (const std::string name : {"inside:1", "outside:1"}) {
    CHECK(digest_by_skopeo(tools, storage + name) == digest);
    Ecrin other(Ecrin::Base::none);
    other.environment = ecrin.environment;
    CHECK(other.must({"copy", storage + name, "back"}) == digest);
    CHECK(other.in_container("back", {"echo", "hi"}) == "hi\n");
    CHECK(other.left_behind().empty());
  }
  const Outcome missing = ecrin({"copy", storage + "none:1", "x"});
  CHECK(missing.code == 125);
  CHECK(one_error(missing));
}
