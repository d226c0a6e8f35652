// Images, programs in containers and registries by somebody who means harm. The classes are those of
// docs/SECURITY.md.
#include "tests/support/bundle.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"

using namespace ecrin::tests;
using nlohmann::json;

namespace {

constexpr const char* k_manifest_type = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* k_layer_type = "application/vnd.oci.image.layer.v1.tar";

json descriptor(const std::string& type, const std::string& digest, std::size_t size) {
  return {{"mediaType", type}, {"digest", digest}, {"size", size}};
}

// An image of one layer at bad:TAG; `change` has the last word about its manifest.
void add_image(MemoryRegistry& registry, const std::string& tag, const std::string& diff_id, json layer) {
  const std::string config = json{{"architecture", "amd64"},
                                  {"os", "linux"},
                                  {"rootfs", {{"type", "layers"}, {"diff_ids", {diff_id}}}}}
                                 .dump();
  const std::string digest = registry.add_blob("bad", config);
  const json manifest = {
      {"schemaVersion", 2},
      {"mediaType", k_manifest_type},
      {"config", descriptor("application/vnd.oci.image.config.v1+json", digest, config.size())},
      {"layers", {std::move(layer)}}};
  registry.add_manifest("bad", tag, k_manifest_type, manifest.dump());
}

}  // namespace

TEST_CASE("attack: copying out of a container that changes meanwhile takes nothing of the host",
          "[any-driver]") {
  Ecrin ecrin;
  const std::string victim = ecrin.scratch() / "victim";
  write_file(victim + "/f", "the host's secret\n");
  const std::string before = list_tree(victim);
  // Directory and symlink take each other's place all the time.
  ecrin.must({"run", "-d", "--name", "racer", "--stop-timeout", "0", "busybox", "sh", "-c",
              "mkdir /real; echo own > /real/f; ln -s " + victim +
                  " /way; ln -s /real /in; while :; do "
                  "ln -sfn " +
                  victim + " /d; rm -f /d; mkdir /d; echo own > /d/f; rm -rf /d; done"});
  const std::string out = ecrin.scratch() / "out";
  write_file(ecrin.scratch() / "in/f", "new\n");
  for (int round = 0; round < 12; ++round) {
    for (const std::string path : {"/d/f", "/d", "/way/f", "/way/."}) {
      run(host_command({"rm", "-rf", out}));
      const Outcome copied = ecrin({"cp", "racer:" + path, out});
      INFO(path << "\n" << copied.description);
      CHECK((copied.code == 0 || one_error(copied)));
      const Outcome found = run(host_command({"grep", "-rs", "the host's secret", out}));
      CHECK(found.out.empty());
    }
    ecrin({"cp", ecrin.scratch() / "in/f", "racer:/d/f"});
    ecrin({"cp", ecrin.scratch() / "in", "racer:/way"});
    ecrin({"cp", ecrin.scratch() / "in/.", "racer:/way/."});
  }
  const std::string tar = ecrin.scratch() / "racer.tar";
  const Outcome exported = ecrin({"export", "-o", tar, "racer"});
  INFO(exported.description);
  if (exported.code == 0) CHECK_FALSE(contains(read_file(tar), "the host's secret"));
  CHECK(list_tree(victim) == before);
  ecrin.must({"rm", "-f", "racer"});
}

TEST_CASE("attack: programs and libraries of a container are never loaded by ecrin", "[any-driver]") {
  Ecrin ecrin;
  // Whoever looks for one of these in the container's tree finds what cannot be loaded, and fails.
  ecrin.must(
      {"run", "-d", "--name", "trap", "--stop-timeout", "0", "busybox", "sh", "-c",
       "for d in /lib /lib64 /usr/lib /lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu; do mkdir -p $d; "
       "for f in libnss_files.so.2 libnss_systemd.so.2 libarchive.so.13 libfuse3.so.3 libc.so.6 "
       "libsystemd.so.0 libgcc_s.so.1; do echo trap > $d/$f; done; done; "
       "for p in tar gzip fuse-overlayfs newuidmap pasta; do printf '#!/bin/sh\\necho trap > /sprung' > "
       "/usr/bin/$p; chmod 755 /usr/bin/$p; done; echo set > /set; sleep 1000"});
  for (int i = 0; i < 100 && ecrin({"exec", "trap", "test", "-e", "/set"}).code != 0; ++i) {
  }
  write_file(ecrin.scratch() / "in/f", "content\n");
  ecrin.must({"cp", ecrin.scratch() / "in", "trap:/new"});
  ecrin.must({"cp", "trap:/new", ecrin.scratch() / "out"});
  CHECK(read_file(ecrin.scratch() / "out/f") == "content\n");
  ecrin.must({"diff", "trap"});
  ecrin.must({"export", "-o", ecrin.scratch() / "trap.tar", "trap"});
  ecrin.must({"commit", "trap", "sprung"});
  CHECK(ecrin({"exec", "trap", "test", "-e", "/sprung"}).code == 1);
  ecrin.must({"rm", "-f", "trap"});
}

TEST_CASE("attack: a program that is executed later inherits no capabilities", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"run", "-d", "--name", "box", "--stop-timeout", "0", "busybox", "sleep", "1000"});
  for (const Arguments& user : {Arguments{}, Arguments{"-u", "someone"}}) {
    Arguments words = {"exec"};
    words.insert(words.end(), user.begin(), user.end());
    words.insert(words.end(), {"box", "grep", "-E", "^Cap(Inh|Amb)", "/proc/self/status"});
    const std::string said = ecrin.must(words);
    INFO(said);
    CHECK(contains(said, "CapInh:\t0000000000000000"));
    CHECK(contains(said, "CapAmb:\t0000000000000000"));
  }
  ecrin.must({"rm", "-f", "box"});
}

TEST_CASE("attack: who a number means is never root by mistake", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"run", "-d", "--name", "box", "--stop-timeout", "0", "busybox", "sleep", "1000"});
  for (const auto& [user, ids] : std::vector<std::pair<std::string, std::string>>{{"1", "1 0"},
                                                                                  {"1:1", "1 1"},
                                                                                  {"01", "1 0"},
                                                                                  {"1:", "1 0"},
                                                                                  {":1", "0 1"},
                                                                                  {"someone", "1000 1000"}}) {
    const Outcome outcome = ecrin({"exec", "-u", user, "box", "sh", "-c", "echo $(id -u) $(id -g)"});
    INFO(user << "\n" << outcome.description);
    CHECK(trimmed(outcome.out) == ids);
  }
  for (const char* user : {"-1", "4294967295", "4294967296", "18446744073709551616", "0x1", "1 ", " 1", "1e0",
                           "+1", "nobody-here", "1:nobody-here", "1:-1", "root\n"}) {
    for (const Outcome& outcome : {ecrin({"exec", std::string("-u=") + user, "box", "id"}),
                                   ecrin({"run", "--rm", std::string("-u=") + user, "busybox", "id"})}) {
      INFO(user << "\n" << outcome.description);
      CHECK(outcome.code != 0);
      CHECK(outcome.out.empty());
    }
  }
  ecrin.must({"rm", "-f", "box"});
}

TEST_CASE("attack: the runtime's exec takes a number for what it is", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.write("exec sleep 1000");
  Invocation start = bundle.runtime({"run", "--detach", "--bundle", bundle.path(), "box"});
  // Its streams would be the test's, which waits for their end.
  start.argv.insert(start.argv.begin(), {"sh", "-c", "exec \"$@\" > /dev/null 2>&1", "sh"});
  REQUIRE(run(start).code == 0);
  // Only one id is mapped: any other is an error, and never root's.
  for (const char* user : {"1", "1:1", "0:1", "4294967295", "-1", "x"}) {
    const Outcome outcome = run(bundle.runtime({"exec", "--user", user, "box", "id", "-u"}));
    INFO(user << "\n" << outcome.description);
    CHECK(outcome.code != 0);
    CHECK(outcome.out.empty());
  }
  CHECK(trimmed(run(bundle.runtime({"exec", "--user", "0:0", "box", "id", "-u"})).out) == "0");
  run(bundle.runtime({"delete", "--force", "box"}));
}

TEST_CASE("attack: the foreign URL of a layer is never asked", "[any-driver]") {
  MemoryRegistry registry, other;
  const RegistryServer server(registry), other_server(other);
  const std::string bytes(1024, '\0');
  const std::string digest = other.add_blob("bad", bytes);
  for (const char* type : {k_layer_type, "application/vnd.oci.image.layer.nondistributable.v1.tar",
                           "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}) {
    json layer = descriptor(type, digest, bytes.size());
    layer["urls"] = {other_server.url() + "/v2/bad/blobs/" + digest, "file:///etc/passwd"};
    add_image(registry, "foreign", digest, std::move(layer));
    Ecrin ecrin(Ecrin::Base::none);
    const Outcome outcome = ecrin({"pull", "-q", "--retry-delay", "10ms", server.host() + "/bad:foreign"});
    INFO(type << "\n" << outcome.description);
    // One that is not to be distributed may be missing until it is needed.
    const Outcome last =
        outcome.code == 0 ? ecrin({"run", "--rm", server.host() + "/bad:foreign", "true"}) : outcome;
    INFO(last.description);
    CHECK(last.code == 125);
    CHECK(one_error(last));
    CHECK(other.requests().empty());
  }
}

TEST_CASE("attack: a layer that fails while it is unpacked locks nobody out", "[any-driver]") {
  MemoryRegistry registry;
  const RegistryServer server(registry);
  const std::string bytes = std::string(100'000, 'x');  // no tar
  const std::string digest = registry.add_blob("bad", bytes);
  add_image(registry, "broken", digest, descriptor(k_layer_type, digest, bytes.size()));
  Ecrin ecrin;
  for (int round = 0; round < 2; ++round) {
    Invocation pull = ecrin.invocation({"pull", "-q", server.host() + "/bad:broken"});
    pull.timeout = std::chrono::seconds(60);
    const Outcome outcome = run(pull);
    INFO(outcome.description);
    CHECK_FALSE(outcome.timed_out);
    // The bytes are those that were announced, and stay: the second time it is found when it is needed.
    const Outcome last =
        outcome.code == 0 ? ecrin({"run", "--rm", server.host() + "/bad:broken", "true"}) : outcome;
    INFO(last.description);
    CHECK((round == 1 || outcome.code != 0));
    CHECK(last.code == 125);
    CHECK(one_error(last));
    CHECK(ecrin.in_container("busybox", {"echo", "hi"}) == "hi\n");
  }
  ecrin.must({"prune", "-f"});
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("attack: sizes of descriptors and surplus diff IDs of a registry are not believed",
          "[any-driver]") {
  MemoryRegistry registry;
  const RegistryServer server(registry);
  const std::string bytes(10'240, '\0');
  const std::string digest = registry.add_blob("bad", bytes);
  for (const std::size_t size : {bytes.size() - 1, bytes.size() + 1, std::size_t{1} << 50, std::size_t{0}})
    add_image(registry, "size-" + std::to_string(size), digest, descriptor(k_layer_type, digest, size));
  json manifest = json::parse(registry.manifest("bad", "size-0"));
  manifest["layers"] = json::array();
  registry.add_manifest("bad", "surplus", k_manifest_type, manifest.dump());
  manifest["config"]["size"] = 7;
  registry.add_manifest("bad", "config", k_manifest_type, manifest.dump());
  for (const std::string tag :
       {"size-10239", "size-10241", "size-1125899906842624", "size-0", "surplus", "config"}) {
    Ecrin ecrin(Ecrin::Base::none);
    const Outcome outcome = ecrin({"pull", "-q", "--retry-delay", "10ms", server.host() + "/bad:" + tag});
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
    CHECK(ecrin.json({"images", "--all", "--format", "json"}).empty());
  }
}
