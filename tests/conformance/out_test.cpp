// Images that ecrin made, in the hands of other tools: accepted, and the same tree everywhere.
#include "tests/conformance/tools.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

const Arguments k_list = {"/bin/test-init", "list", "/odd", "--no-holes"};

/// An image of several layers with odd files, changed, replaced and deleted ones.
std::string build_odd(const Ecrin& ecrin) {
  return ecrin.build(R"(
from: localhost/busybox
steps:
  - run: test-init odd /odd --shallow && mkdir -p /odd/opaque/below && echo old > /odd/opaque/old
  - run: |
      rm /odd/fifo && rm -r /odd/links && mkdir /odd/links && echo fresh > /odd/links/fresh
      rm -r /odd/opaque && mkdir /odd/opaque && echo new > /odd/opaque/new
      rm /odd/empty && mkdir /odd/empty && chmod 700 /odd/owned
config:
  cmd: [/bin/sh]
  env: {A: b}
  labels: {org.example.label: value}
)",
                     {"-t", "odd"});
}

void succeeded(const Outcome& outcome) {
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
}

}  // namespace

TEST_CASE("skopeo reads what ecrin saves") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  build_odd(ecrin);
  const std::string archive = ecrin.scratch() / "odd.tar";
  ecrin.must({"save", "--format", "oci-archive", "-o", archive, "odd"});
  const Outcome inspected = tools.skopeo({"inspect", "oci-archive:" + archive});
  succeeded(inspected);
  const auto facts = nlohmann::json::parse(inspected.out);
  CHECK(facts.at("Digest") == ecrin.inspect("odd").at("Digest"));
  CHECK(facts.at("Labels").at("org.example.label") == "value");
  succeeded(tools.skopeo({"copy", "--preserve-digests", "oci-archive:" + archive,
                          "oci:" + (ecrin.scratch() / "copied") + ":x"}));
  ecrin.must({"save", "--format", "oci-dir", "-o", ecrin.scratch() / "layout", "odd"});
  succeeded(tools.skopeo({"inspect", "oci:" + (ecrin.scratch() / "layout")}));
  ecrin.must({"save", "--format", "docker-archive", "-o", ecrin.scratch() / "docker.tar", "odd"});
  succeeded(tools.skopeo(
      {"copy", "docker-archive:" + (ecrin.scratch() / "docker.tar"), "dir:" + (ecrin.scratch() / "plain")}));

  // And back: the digest is still the one that ecrin gave.
  Ecrin other(Ecrin::Base::none);
  other.must({"load", "-i", ecrin.scratch() / "copied"});
  CHECK(other.inspect(ecrin.inspect("odd").at("Id")).at("Digest") == ecrin.inspect("odd").at("Digest"));
}

TEST_CASE("umoci unpacks the same tree") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  build_odd(ecrin);
  ecrin.must({"save", "--format", "oci-dir", "-o", ecrin.scratch() / "layout", "odd"});
  const auto tags = tools.umoci({"list", "--layout", ecrin.scratch() / "layout"});
  succeeded(tags);
  REQUIRE(lines_of(tags.out).size() == 1);
  const std::string bundle = ecrin.scratch() / "bundle";
  succeeded(
      tools.umoci({"unpack", "--image", (ecrin.scratch() / "layout") + ":" + trimmed(tags.out), bundle}));
  CHECK(difference(list_tree(bundle + "/rootfs/odd", {"--no-holes"}), ecrin.in_container("odd", k_list)) ==
        "");
}

TEST_CASE("podman loads and runs the same tree") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  build_odd(ecrin);
  for (const std::string format : {"oci-archive", "docker-archive"}) {
    INFO(format);
    const std::string archive = ecrin.scratch() / (format + ".tar");
    ecrin.must({"save", "--format", format, "-o", archive, "odd"});
    succeeded(tools.podman({"load", "-i", archive}));
    const Outcome listed = tools.podman_run("localhost/odd:latest", k_list);
    succeeded(listed);
    CHECK(difference(listed.out, ecrin.in_container("odd", k_list)) == "");
    succeeded(tools.podman({"rmi", "-a", "-f"}));
  }
}

TEST_CASE("buildah builds on an image of ecrin's") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  build_odd(ecrin);
  const std::string archive = ecrin.scratch() / "odd.tar";
  ecrin.must({"save", "-o", archive, "odd"});
  const Outcome from = tools.buildah({"from", "--pull-never", "oci-archive:" + archive});
  succeeded(from);
  Arguments list = {"run", "--isolation", "chroot", trimmed(from.out), "--"};
  list.insert(list.end(), k_list.begin(), k_list.end());
  const Outcome listed = tools.buildah(list);
  succeeded(listed);
  CHECK(difference(listed.out, ecrin.in_container("odd", k_list)) == "");
}

TEST_CASE("GNU tar unpacks an export to the same tree") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  build_odd(ecrin);
  ecrin.must({"export", "-o", ecrin.scratch() / "tree.tar", "odd"});
  make_directory(ecrin.scratch() / "tree");
  const Outcome unpacked =
      tools.with_all_ids({"tar", "-x", "-p", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-f",
                          ecrin.scratch() / "tree.tar", "-C", ecrin.scratch() / "tree"});
  succeeded(unpacked);
  CHECK(unpacked.err.empty());
  CHECK(difference(list_tree(ecrin.scratch() / "tree/odd", {"--no-holes"}),
                   ecrin.in_container("odd", k_list)) == "");
}

TEST_CASE("layers keep to the image specification's tar") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  build_odd(ecrin);
  ecrin.must({"save", "--format", "oci-dir", "-o", ecrin.scratch() / "layout", "odd"});
  // Whiteouts of the second step, as any tool must see them.
  std::string names;
  for (const auto& blob : names_in(ecrin.scratch() / "layout/blobs/sha256"))
    names += tools.with_all_ids({"tar", "-taf", ecrin.scratch() / ("layout/blobs/sha256/" + blob)}).out;
  CHECK(contains(names, "odd/.wh.fifo\n"));
  CHECK(contains(names, "odd/links/fresh\n"));
  CHECK_FALSE(contains(names, "./odd"));
}

TEST_CASE("images made out of images are accepted everywhere") {
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  build_odd(ecrin);
  write_file(ecrin.scratch() / "files/appended", "x");
  succeeded(run(host_command(
      {"tar", "-C", ecrin.scratch() / "files", "-czf", ecrin.scratch() / "layer.tar.gz", "appended"})));
  ecrin.must({"config", "odd", "--env", "B=c", "--label", "org.example.other=x", "-t", "odd:config"});
  ecrin.must({"squash", "odd", "-t", "odd:squashed"});
  ecrin.must({"append", "odd", ecrin.scratch() / "layer.tar.gz", "-t", "odd:appended"});
  ecrin.build("from: localhost/busybox\nsteps: [write: {dest: /fix, content: x}]\n", {"-t", "patched"});
  ecrin.must({"rebase", "odd", "--from", "busybox", "--onto", "patched", "-t", "odd:rebased"});
  for (const std::string tag : {"config", "squashed", "appended", "rebased"}) {
    INFO(tag);
    const std::string archive = ecrin.scratch() / (tag + ".tar");
    ecrin.must({"save", "--format", "oci-archive", "-o", archive, "odd:" + tag});
    const Outcome inspected = tools.skopeo({"inspect", "oci-archive:" + archive});
    succeeded(inspected);
    CHECK(nlohmann::json::parse(inspected.out).at("Digest") == ecrin.inspect("odd:" + tag).at("Digest"));
    succeeded(tools.podman({"load", "-i", archive}));
    const Outcome listed = tools.podman_run("localhost/odd:" + tag, k_list);
    succeeded(listed);
    CHECK(difference(listed.out, ecrin.in_container("odd", k_list)) == "");
  }
}
