// Images from and to registries, with a real docker-registry and with a registry in memory that misbehaves on
// order and counts what it is asked.
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <random>

#include "tests/support/catch.hpp"
#include "tests/support/docker_registry.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

constexpr std::size_t k_layer_bytes = 3'000'000;

// Bytes that do not compress, the same in each run.
std::string noise(unsigned seed, std::size_t size) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

/// An image of busybox and three layers of noise, called `name`.
void build_noise(const Ecrin& ecrin, const std::string& name) {
  std::string recipe = "from: localhost/busybox\nsteps:\n";
  for (unsigned i = 1; i <= 3; ++i) {
    const std::string file = "noise-" + std::to_string(i);
    ecrin.context(file, noise(i, k_layer_bytes));
    recipe += "  - copy: {src: " + file + ", dest: /" + file + "}\n";
  }
  ecrin.build(recipe, {"-t", name});
}

/// A registry with the image NAME in it, and what it looks like.
struct Stocked {
  MemoryRegistry registry;
  RegistryServer server{registry};
  std::string name;
  std::string digest;
  std::string id;
  std::vector<std::string> blobs;  // config and layers

  explicit Stocked(MemoryRegistryOptions options = {}) : registry(std::move(options)) {
    Ecrin maker;
    build_noise(maker, "noise");
    name = server.host() + "/team/noise:1";
    digest = maker.must({"push", "-q", "noise", name});
    id = full_id(maker.inspect("noise").at("Id"));
    const auto manifest = nlohmann::json::parse(registry.manifest("team/noise", "1"));
    blobs.push_back(manifest.at("config").at("digest"));
    for (const auto& layer : manifest.at("layers")) blobs.push_back(layer.at("digest"));
    registry.forget_counts();
  }
  std::uint64_t size(const std::string& blob) const { return registry.blob("team/noise", blob).size(); }
};

Arguments pull_words(const Stocked& stocked) {
  return {"pull", "-q", "--retry-delay", "10ms", stocked.name};
}

}  // namespace

TEST_CASE("registry to store to another registry keeps every digest", "[any-driver]") {
  if (!DockerRegistry::installed()) ECRIN_SKIP("docker-registry is not installed");
  Ecrin ecrin;
  make_directory(ecrin.scratch() / "first");
  make_directory(ecrin.scratch() / "second");
  const DockerRegistry first(ecrin.scratch() / "first", {});
  const DockerRegistry second(ecrin.scratch() / "second", {});
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: echo one > /one && chown 7:8 /one\n",
              {"-t", "made"});
  const std::string id = full_id(ecrin.inspect("made").at("Id"));
  for (const Arguments& flags : std::vector<Arguments>{
           {}, {"--compression", "gzip"}, {"--compression", "none"}, {"--format", "v2s2"}}) {
    ecrin.build("from: localhost/busybox\nsteps:\n  - run: echo one > /one && chown 7:8 /one\n",
                {"-t", "made"});
    Arguments words = {"push", "-q", "made", first.host() + "/made:1"};
    words.insert(words.begin() + 1, flags.begin(), flags.end());
    const std::string digest = ecrin.must(words);
    INFO(digest);
    if (flags.empty() || flags.back() != "v2s2") CHECK(ecrin.inspect("made").at("Digest") == digest);
    Ecrin other(Ecrin::Base::none);
    CHECK(other.must({"pull", "-q", first.host() + "/made:1"}) == id);
    CHECK(other.inspect(first.host() + "/made:1").at("Digest") == digest);
    CHECK(other.in_container(first.host() + "/made:1", {"stat", "-c", "%u:%g", "/one"}) == "7:8\n");
    CHECK(other.must({"push", "-q", first.host() + "/made:1", second.host() + "/copied/made:2"}) == digest);
    Ecrin third(Ecrin::Base::none);
    CHECK(third.must({"pull", "-q", second.host() + "/copied/made@" + digest}) == id);
    CHECK(third.in_container(second.host() + "/copied/made@" + digest, {"cat", "/one"}) == "one\n");
  }
}

TEST_CASE("a second push sends nothing, and a blob of another repository is taken over", "[any-driver]") {
  Stocked stocked;
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.must(pull_words(stocked));
  stocked.registry.forget_counts();
  CHECK(ecrin.must({"push", "-q", stocked.name}) == stocked.digest);
  CHECK(ecrin.must({"push", "-q", stocked.name, stocked.server.host() + "/other/noise:2"}) == stocked.digest);
  CHECK(stocked.registry.uploads().bytes == 0);
}

TEST_CASE("run and build pull what is missing, and what the policy says", "[any-driver]") {
  Stocked stocked;
  Ecrin ecrin(Ecrin::Base::none);
  CHECK(ecrin({"run", "--pull", "never", stocked.name, "true"}).code == 125);
  CHECK(stocked.registry.requests().empty());
  CHECK(ecrin.in_container(stocked.name, {"echo", "hello"}) == "hello\n");
  stocked.registry.forget_counts();
  CHECK(ecrin.in_container(stocked.name, {"echo", "hello"}) == "hello\n");
  CHECK(stocked.registry.requests().empty());

  // The registry has another image of this name now.
  Ecrin maker;
  maker.build("from: localhost/busybox\nsteps:\n  - write: {dest: /new, content: new}\n", {"-t", "new"});
  maker.must({"push", "-q", "new", stocked.name});
  CHECK(ecrin({"run", stocked.name, "cat", "/new"}).code != 0);
  CHECK(ecrin.must({"run", "-q", "--pull", "newer", stocked.name, "cat", "/new"}) == "new");

  Ecrin builder(Ecrin::Base::none);
  const std::string recipe = "from: " + stocked.name + "\nsteps:\n  - run: cat /new > /copied\n";
  CHECK_FALSE(builder.try_build(recipe, {"--pull=never"}));
  builder.build(recipe, {"-t", "built"});
  CHECK(builder.in_container("built", {"cat", "/copied"}) == "new");
  stocked.registry.forget_counts();
  builder.build(recipe, {"-t", "built"});
  CHECK(stocked.registry.requests().empty());
  builder.build(recipe, {"-t", "built", "--pull"});
  CHECK(stocked.registry.count("manifests") > 0);
}

TEST_CASE("faults that pass end in success, and no byte comes twice", "[any-driver]") {
  const Fault fault = GENERATE(Fault::too_many, Fault::too_many_date, Fault::internal_error,
                               Fault::bad_gateway, Fault::unavailable, Fault::reset, Fault::cut,
                               Fault::no_length, Fault::ignored_range, Fault::expired_token);
  INFO(fault_name(fault));
  MemoryRegistryOptions options;
  if (fault == Fault::expired_token) options.authentication = MemoryRegistryOptions::Authentication::token;
  Stocked stocked;
  stocked.registry.change([&](MemoryRegistryOptions& now) { now.authentication = options.authentication; });
  if (fault == Fault::ignored_range) stocked.registry.order(Fault::cut, 1, "GET /v2/team/noise/blobs");
  // A token that ends again at once is a refusal, not a fault that passes.
  stocked.registry.order(fault, fault == Fault::expired_token ? 1 : 2, "GET /v2/team/noise/blobs");
  Ecrin ecrin(Ecrin::Base::none);
  CHECK(ecrin.must(pull_words(stocked)) == stocked.id);
  CHECK(stocked.registry.happened(fault) > 0);
  for (const std::string& blob : stocked.blobs) {
    const auto downloads = stocked.registry.downloads(blob);
    INFO(blob << " in " << downloads.requests << " requests");
    // A server that ignores the range sends the part again that is there already.
    const std::uint64_t allowed = fault == Fault::ignored_range ? 3 : 1;
    CHECK(downloads.bytes <= allowed * stocked.size(blob));
  }
  CHECK(ecrin.in_container(stocked.name, {"sha256sum", "/noise-2"}).size() > 64);
}

TEST_CASE("faults that do not pass end in one clear error and an unchanged store", "[any-driver]") {
  const Fault fault = GENERATE(Fault::wrong_bytes, Fault::too_short, Fault::too_long, Fault::short_silent,
                               Fault::long_silent, Fault::endless, Fault::redirect_loop, Fault::huge_header,
                               Fault::forbidden, Fault::too_long_wait);
  INFO(fault_name(fault));
  Stocked stocked;
  stocked.registry.order(fault, 1000, "GET /v2/team/noise/blobs");
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.must({"images"});
  const Outcome outcome = ecrin(pull_words(stocked));
  INFO(outcome.description);
  CHECK(outcome.code == 125);
  CHECK(one_error(outcome));
  CHECK(ecrin.json({"images", "--all", "--format", "json"}).empty());
  CHECK(ecrin.left_behind().empty());
  // And nothing bad stays: without the fault it works.
  stocked.registry.clear_orders();
  CHECK(ecrin.must(pull_words(stocked)) == stocked.id);
}

TEST_CASE("documents that lie are refused", "[any-driver]") {
  MemoryRegistry registry;
  RegistryServer server(registry);
  const std::string oci = "application/vnd.oci.image.manifest.v1+json";
  const std::string index = "application/vnd.oci.image.index.v1+json";
  const std::string zeros(64, '0');
  registry.add_manifest("bad", "both", oci,
                        R"({"schemaVersion":2,"layers":[],"manifests":[],"config":{"mediaType":"x","size":1,)"
                        R"("digest":"sha256:)" +
                            zeros + "\"}}");
  registry.add_manifest("bad", "type", index, R"({"schemaVersion":2,"config":{},"layers":[]})");
  registry.add_manifest("bad", "text", oci, "this is not JSON");
  registry.add_manifest("bad", "schema1", "application/vnd.docker.distribution.manifest.v1+prettyjws",
                        R"({"schemaVersion":1,"name":"x","tag":"y","fsLayers":[]})");
  registry.add_manifest("bad", "path", oci,
                        R"({"schemaVersion":2,"layers":[],"config":{"mediaType":"application/json","size":2,)"
                        R"("digest":"sha256:../../../../../etc/passwd"}})");
  registry.add_manifest("bad", "huge", oci, std::string(5'000'000, ' '));
  registry.add_manifest("bad", "deep", oci, std::string(100'000, '['));
  registry.add_manifest("bad", "self", index,
                        R"({"schemaVersion":2,"manifests":[{"mediaType":")" + index +
                            R"(","size":200,"digest":"sha256:)" + zeros + "\"}]}");
  registry.add_false_manifest("bad", "sha256:" + zeros, index,
                              R"({"schemaVersion":2,"manifests":[{"mediaType":")" + index +
                                  R"(","size":200,"digest":"sha256:)" + zeros + "\"}]}");
  Ecrin ecrin(Ecrin::Base::none);
  for (const std::string tag : {"both", "type", "text", "schema1", "path", "huge", "deep", "self"}) {
    const Outcome outcome = ecrin({"pull", "-q", server.host() + "/bad:" + tag});
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
  }
  CHECK(ecrin({"pull", server.host() + "/bad@sha256:" + zeros}).code == 125);
  CHECK(ecrin({"pull", server.host() + "/bad:../../x"}).code == 125);
  CHECK(ecrin.json({"images", "--all", "--format", "json"}).empty());
}

TEST_CASE("a layer that unpacks to more than it may is refused", "[any-driver]") {
  // 2 GiB of zeros in 2 MB: more than a layer of that size can be in earnest.
  Ecrin ecrin;
  const std::string bomb = ecrin.scratch() / "bomb.gz";
  REQUIRE(run(host_command({"sh", "-c",
                            "truncate -s 2G " + bomb + ".file && tar -C / -cf - " + bomb.substr(1) +
                                ".file | gzip -9 > " + bomb + "; rm " + bomb + ".file"}))
              .code == 0);
  const std::string bytes = read_file(bomb);
  MemoryRegistry registry;
  RegistryServer server(registry);
  const std::string layer = registry.add_blob("bad", bytes);
  const std::string config =
      R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:)" +
      std::string(64, 'a') + R"("]}})";
  const std::string config_digest = registry.add_blob("bad", config);
  registry.add_manifest(
      "bad", "bomb", "application/vnd.oci.image.manifest.v1+json",
      R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":)" +
          std::to_string(config.size()) + R"(,"digest":")" + config_digest +
          R"("},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":)" +
          std::to_string(bytes.size()) + R"(,"digest":")" + layer + "\"}]}");
  const Outcome outcome = ecrin({"pull", "-q", server.host() + "/bad:bomb"});
  INFO(outcome.description);
  CHECK(outcome.code == 125);
  CHECK(one_error(outcome));
  CHECK(contains(outcome.err, "bytes"));
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("fifty pulls of one image at once fetch each blob once", "[any-driver][heavy]") {
  Stocked stocked;
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.must({"images"});  // the store is made
  std::vector<std::unique_ptr<Running>> pulls;
  for (int i = 0; i < 50; ++i)
    pulls.push_back(std::make_unique<Running>(ecrin.invocation(pull_words(stocked))));
  for (const auto& pull : pulls) {
    const Outcome outcome = pull->wait();
    INFO(outcome.description);
    CHECK(outcome.code == 0);
    CHECK(trimmed(outcome.out) == stocked.id);
  }
  for (const std::string& blob : stocked.blobs) {
    INFO(blob);
    const auto downloads = stocked.registry.downloads(blob);
    CHECK(downloads.requests == 1);
    CHECK(downloads.bytes == stocked.size(blob));
  }
  CHECK(ecrin.json({"images", "--format", "json"}).size() == 1);
}

TEST_CASE("a pull that is killed goes on where it was, and the store stays whole", "[any-driver][heavy]") {
  Stocked stocked;
  const auto start = std::chrono::steady_clock::now();
  {
    Ecrin whole(Ecrin::Base::none);
    whole.must(pull_words(stocked));
  }
  const auto time =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  stocked.registry.forget_counts();
  std::mt19937 random(20);
  Ecrin ecrin(Ecrin::Base::none);
  constexpr int k_kills = 20;
  for (int round = 0; round < k_kills; ++round) {
    Running pull(ecrin.invocation(pull_words(stocked)));
    usleep(static_cast<useconds_t>(random() % static_cast<unsigned>(time.count())));
    pull.signal_group(SIGKILL);
    pull.wait();
    INFO("round " << round);
    CHECK(ecrin({"images"}).code == 0);
    // A store that has it all has nothing left to be killed at.
    if (!ecrin.json({"images", "--format", "json"}).empty()) ecrin.must({"rmi", stocked.name});
  }
  CHECK(ecrin.must(pull_words(stocked)) == stocked.id);
  CHECK(ecrin.inspect(stocked.name).at("Digest") == stocked.digest);
  CHECK(ecrin.in_container(stocked.name, {"sh", "-c", "cat /noise-* | wc -c"}) ==
        std::to_string(3 * k_layer_bytes) + "\n");
  ecrin.must({"prune", "-f"});
  CHECK(ecrin.left_behind().empty());
  CHECK(names_in(ecrin.root() + "/downloads").empty());
  CHECK(ecrin.inspect(stocked.name).at("Digest") == stocked.digest);
}

TEST_CASE("what an interrupted download left is not fetched again", "[any-driver]") {
  Stocked stocked;
  Ecrin ecrin(Ecrin::Base::none);
  // The largest layers are cut in the middle until the client gives up.
  stocked.registry.order(Fault::cut, 1, "GET /v2/team/noise/blobs/" + stocked.blobs.back());
  stocked.registry.order(Fault::unavailable, 100, "GET /v2/team/noise/blobs/" + stocked.blobs.back());
  CHECK(ecrin(pull_words(stocked)).code == 125);
  stocked.registry.clear_orders();
  CHECK(ecrin.must(pull_words(stocked)) == stocked.id);
  CHECK(stocked.registry.downloads(stocked.blobs.back()).bytes <= stocked.size(stocked.blobs.back()));
  CHECK(names_in(ecrin.root() + "/downloads").empty());
}

TEST_CASE("an index is cut to this machine's image or kept whole", "[any-driver]") {
  MemoryRegistry registry;
  RegistryServer server(registry);
  Ecrin maker;
  maker.build("from: localhost/busybox\nsteps:\n  - write: {dest: /arch, content: this}\n", {"-t", "this"});
  maker.must({"config", "--arch", "arm64", "-t", "that", "this"});
  maker.must({"manifest", "create", "both", "this", "that"});
  const std::string digest = maker.must({"push", "-q", "both", server.host() + "/both:1"});
  const std::string name = server.host() + "/both:1";

  Ecrin cut(Ecrin::Base::none);
  cut.must({"pull", "-q", name});
  CHECK(cut.inspect(name).at("Architecture") == "amd64");
  CHECK(cut.inspect(name).at("Digest") != digest);
  CHECK(cut.in_container(name, {"cat", "/arch"}) == "this");

  Ecrin whole(Ecrin::Base::none);
  whole.must({"pull", "-q", "--all-platforms", name});
  CHECK(whole.must({"push", "-q", name, server.host() + "/again:1"}) == digest);
  CHECK(whole.in_container(name, {"cat", "/arch"}) == "this");

  Ecrin other(Ecrin::Base::none);
  other.must({"pull", "-q", "--platform", "linux/arm64", name});
  CHECK(other.inspect(name).at("Architecture") == "arm64");
  const Outcome refused = other({"pull", "-q", "--platform", "linux/s390x", name});
  CHECK(refused.code == 125);
  CHECK(contains(refused.err, "arm64"));

  Ecrin pinned(Ecrin::Base::none);
  const std::string by_digest = server.host() + "/both@" + digest;
  pinned.must({"pull", "-q", by_digest});
  registry.forget_counts();
  CHECK(pinned.in_container(by_digest, {"cat", "/arch"}) == "this");
  CHECK(registry.requests().empty());
}

TEST_CASE("a pull by tags gets all of them, and a login is used", "[any-driver]") {
  MemoryRegistryOptions options;
  options.authentication = MemoryRegistryOptions::Authentication::token;
  options.anonymous_pull = false;
  MemoryRegistry registry(options);
  RegistryServer server(registry);
  Ecrin ecrin;
  const Arguments creds = {"--creds", "ada:lovelace"};
  for (const std::string tag : {"1", "2"})
    ecrin.must({"push", "-q", "--creds", "ada:lovelace", "busybox", server.host() + "/some/box:" + tag});
  Ecrin other(Ecrin::Base::none);
  const Outcome refused = other({"pull", "-q", server.host() + "/some/box:1"});
  CHECK(refused.code == 125);
  CHECK(contains(refused.err, "ecrin login"));
  CHECK_FALSE(contains(refused.err, "lovelace"));
  other.must({"pull", "-q", "--creds", "ada:lovelace", "--all-tags", server.host() + "/some/box"});
  CHECK(other.json({"images", "--format", "json"}).at(0).at("Names").size() == 2);
  CHECK(registry.leaked_credentials() == 0);
}

TEST_CASE("an index is pushed by its own verb, and referrers are listed", "[any-driver]") {
  const bool has_api = GENERATE(true, false);
  MemoryRegistryOptions options;
  options.referrers = has_api;
  MemoryRegistry registry(options);
  RegistryServer server(registry);
  const std::string name = server.host() + "/team/index:1";
  Ecrin ecrin;
  ecrin.must({"manifest", "create", "list", "busybox"});
  CHECK(ecrin({"manifest", "push", "busybox", name}).code == 125);  // an image is no index
  const std::string digest = ecrin.must({"manifest", "push", "-q", "--rm", "list", name});
  CHECK(ecrin({"manifest", "exists", "list"}).code != 0);
  CHECK(registry.manifest("team/index", "1").find("manifests") != std::string::npos);

  CHECK(ecrin.must({"referrers", "--format", "json", name}) == "[]");
  const std::string empty = registry.add_blob("team/index", "{}");
  const std::string signature =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"text/sig",)"
      R"("config":{"mediaType":"application/vnd.oci.empty.v1+json","size":2,"digest":")" +
      empty + R"("},"layers":[{"mediaType":"application/vnd.oci.empty.v1+json","size":2,"digest":")" + empty +
      R"("}],"subject":{"mediaType":"application/vnd.oci.image.index.v1+json","size":)" +
      std::to_string(registry.manifest("team/index", "1").size()) + R"(,"digest":")" + digest + "\"}}";
  // By way of a directory, so that the program itself tells the registry whom it refers to.
  const std::string directory = ecrin.scratch() / "signature";
  make_directory(directory);
  write_file(directory + "/manifest.json", signature);
  write_file(directory + "/version", "Directory Transport Version: 1.1\n");
  write_file(directory + "/" + empty.substr(7), "{}");
  ecrin.must({"copy", "-q", "dir:" + directory, "docker://" + server.host() + "/team/index:signature"});
  const auto found = ecrin.json({"referrers", "--format", "json", name});
  REQUIRE(found.size() == 1);
  CHECK(found.at(0).at("ArtifactType") == "text/sig");
  CHECK(ecrin.must({"referrers", "--artifact-type", "text/other", "--format", "json", name}) == "[]");
}
