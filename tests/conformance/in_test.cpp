// Images that other tools made: they load and run in ecrin with the same tree.
#include "tests/conformance/tools.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/docker_registry.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

std::string succeeded(const Outcome& outcome) {
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return trimmed(outcome.out);
}

const std::string k_changes =
    "test-init odd /odd --shallow; mkdir -p /gone/below; rm /etc/group; echo added > /added; chown 1000:1000 "
    "/added";
const std::string k_more =
    "rm -r /gone /odd/links; mkdir /odd/links; echo fresh > /odd/links/fresh; rm /odd/fifo";
const Arguments k_list = {"/bin/test-init", "list", "/odd", "--no-holes", "--no-time"};

Arguments in_buildah(const std::string& container, Arguments command) {
  command.insert(command.begin(), {"run", "--isolation", "chroot", container, "--"});
  return command;
}

}  // namespace

TEST_CASE("an image made by buildah") {
  Ecrin ecrin(Ecrin::Base::none);
  const Tools tools(ecrin.scratch());
  const std::string container =
      succeeded(tools.buildah({"from", "--pull-never", "oci-archive:" + setting().busybox}));
  succeeded(tools.buildah(in_buildah(container, {"sh", "-c", k_changes})));
  succeeded(tools.buildah({"commit", container, "first"}));
  const std::string second = succeeded(tools.buildah({"from", "--pull-never", "localhost/first"}));
  succeeded(tools.buildah(in_buildah(second, {"sh", "-c", k_more})));
  succeeded(tools.buildah({"config", "--env", "A=b", "--label", "l=v", "--cmd", "/bin/cat /added", second}));
  const std::string expected = tools.buildah(in_buildah(second, k_list)).out;
  for (const std::string format : {"oci-archive", "docker-archive"}) {
    INFO(format);
    const std::string archive = ecrin.scratch() / (format + ".tar");
    succeeded(tools.buildah({"commit", second, format + ":" + archive + ":localhost/made:1"}));
    Ecrin other(Ecrin::Base::none);
    other.must({"load", "-i", archive});
    CHECK(difference(other.in_container("made:1", k_list), expected) == "");
    CHECK(other.in_container("made:1", {}) == "added\n");
    CHECK(other({"run", "--rm", "made:1", "test", "-e", "/gone"}).code == 1);
    CHECK(other({"run", "--rm", "made:1", "test", "-e", "/etc/group"}).code == 1);
    CHECK(other.inspect("made:1").at("Config").at("Labels").at("l") == "v");
  }
}

TEST_CASE("layers in the frames of zstd:chunked are read as plain zstd") {
  if (!DockerRegistry::installed()) ECRIN_SKIP("docker-registry is not installed");
  Ecrin ecrin;
  const Tools tools(ecrin.scratch());
  const std::string data = ecrin.scratch() / "registry";
  make_directory(data);
  const DockerRegistry registry(data, {});
  const std::string place = registry.host() + "/chunked:1";
  // Of the image as Python's tar wrote it, buildah 1.28 sent other bytes than its diff ID says (and ecrin
  // refused them); of one that ecrin wrote it sends the same.
  ecrin.must({"squash", "-t", "flat", "busybox"});
  ecrin.must({"save", "-o", ecrin.scratch() / "flat.tar", "flat"});
  succeeded(tools.buildah({"pull", "oci-archive:" + (ecrin.scratch() / "flat.tar")}));
  const std::string image = trimmed(succeeded(tools.buildah({"images", "-q"})));
  succeeded(tools.buildah(
      {"push", "--tls-verify=false", "--compression-format", "zstd:chunked", image, "docker://" + place}));
  Ecrin other(Ecrin::Base::none);
  other.must({"pull", place});
  const nlohmann::json pulled = other.inspect(place);
  CHECK(pulled.at("RootFS") == ecrin.inspect("flat").at("RootFS"));
  CHECK(other.must({"copy", place, "oci:" + (other.scratch() / "layout")}) == pulled.at("Digest"));
  CHECK(other.in_container(place, {"echo", "hello"}) == "hello\n");
}

TEST_CASE("an image made by buildah from scratch") {
  Ecrin ecrin(Ecrin::Base::none);
  const Tools tools(ecrin.scratch());
  write_file(ecrin.scratch() / "files/etc/file", "hello\n");
  write_file(ecrin.scratch() / "files/program", "#!/bin/sh\n", 0755);
  const std::string container = succeeded(tools.buildah({"from", "scratch"}));
  succeeded(tools.buildah({"copy", container, ecrin.scratch() / "files", "/data"}));
  succeeded(tools.buildah({"commit", "--timestamp", "0", container,
                           "oci-archive:" + (ecrin.scratch() / "made.tar") + ":localhost/made:1"}));
  ecrin.must({"load", "-i", ecrin.scratch() / "made.tar"});
  ecrin.must({"export", "-o", ecrin.scratch() / "tree.tar", "made:1"});
  const std::string names = run(host_command({"tar", "tvf", ecrin.scratch() / "tree.tar"})).out;
  CHECK(contains(names, "data/etc/file"));
  CHECK(contains(names, "-rwxr-xr-x"));
}

TEST_CASE("an image repacked by umoci") {
  Ecrin ecrin(Ecrin::Base::none);
  const Tools tools(ecrin.scratch());
  const std::string layout = ecrin.scratch() / "layout", bundle = ecrin.scratch() / "bundle";
  succeeded(tools.skopeo({"copy", "oci-archive:" + setting().busybox, "oci:" + layout + ":base"}));
  succeeded(tools.umoci({"unpack", "--image", layout + ":base", bundle}));
  succeeded(tools.with_all_ids({"sh", "-c",
                                "cd " + bundle + "/rootfs && " + setting().test_init +
                                    " odd $PWD/odd --shallow && rm etc/group && echo added > added"}));
  const std::string expected = list_tree(bundle + "/rootfs/odd", {"--no-holes", "--no-time"});
  succeeded(tools.umoci({"repack", "--image", layout + ":new", bundle}));
  succeeded(tools.skopeo({"copy", "oci:" + layout + ":new",
                          "oci-archive:" + (ecrin.scratch() / "new.tar") + ":localhost/umoci:1"}));
  ecrin.must({"load", "-i", ecrin.scratch() / "new.tar"});
  CHECK(ecrin.in_container("umoci:1", {"cat", "/added"}) == "added\n");
  CHECK(ecrin({"run", "--rm", "umoci:1", "test", "-e", "/etc/group"}).code == 1);
  CHECK(difference(ecrin.in_container("umoci:1", k_list), expected) == "");
}

TEST_CASE("layers in zstd, gzip and plain, converted by skopeo") {
  Ecrin ecrin(Ecrin::Base::none);
  const Tools tools(ecrin.scratch());
  for (const std::string format : {"zstd", "gzip"}) {
    INFO(format);
    const std::string layout = ecrin.scratch() / format;
    succeeded(tools.skopeo({"copy", "--dest-compress-format", format, "--dest-compress",
                            "oci-archive:" + setting().busybox, "oci:" + layout + ":x"}));
    ecrin.must({"load", "-i", layout});
  }
  ecrin.must({"load", "-i", setting().busybox});
  CHECK(ecrin.in_container("busybox", {"echo", "hi"}) == "hi\n");
}

TEST_CASE("what podman saves") {
  Ecrin ecrin(Ecrin::Base::none);
  const Tools tools(ecrin.scratch());
  succeeded(tools.podman({"load", "-i", setting().busybox}));
  for (const std::string format : {"oci-archive", "docker-archive", "oci-dir"}) {
    INFO(format);
    const std::string file = ecrin.scratch() / format;
    succeeded(tools.podman({"save", "--format", format, "-o", file, "localhost/busybox:latest"}));
    Ecrin other(Ecrin::Base::none);
    other.must({"load", "-i", file});
    const auto images = other.json({"images", "--format", "json"});
    REQUIRE(images.size() == 1);
    CHECK(other.in_container(full_id(images[0].at("Id")), {"echo", "hi"}) == "hi\n");
  }
}
