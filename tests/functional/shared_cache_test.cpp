// Shared caches with the real program: two stores are two machines. Registries in memory count and misbehave
// on order; docker-registry is a real one.
#include <algorithm>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/docker_registry.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// RUN steps of a second are worth a transfer, and no two machines get the same from them.
const std::string k_recipe = R"(
stages:
  tools:
    from: localhost/busybox
    steps:
      - run: sleep 1 && cat /proc/uptime > /tool
  main:
    from: localhost/busybox
    steps:
      - copy: {src: one.txt, dest: /one.txt}
      - run: sleep 1 && cat /one.txt /proc/uptime > /made && chown 7:8 /made
      - env: {A: b}
      - copy: {from: tools, src: /tool, dest: /copied}
      - run: sleep 1 && cat /made /copied > /all
)";

struct Cached {
  MemoryRegistry registry;
  RegistryServer server{registry};
  std::string name = server.host() + "/team/app";
  std::string full_name = name + ":build-cache";
};

Outcome json_build(const Ecrin& ecrin, const std::string& recipe, Arguments flags) {
  flags.insert(flags.end(), {"--progress", "json", "--retry-delay", "10ms"});
  return ecrin.try_build(recipe, std::move(flags));
}

std::string image_of(const Outcome& build) {
  INFO(build.description);
  REQUIRE(build.code == 0);
  return lines_of(build.out).back();
}

std::size_t blob_downloads(const MemoryRegistry& registry, const std::string& manifest_name) {
  const auto manifest = nlohmann::json::parse(registry.manifest("team/app", manifest_name));
  std::size_t requests = 0;
  for (const auto& layer : manifest.at("layers"))
    requests += static_cast<std::size_t>(registry.downloads(layer.at("digest")).requests);
  return requests;
}

}  // namespace

TEST_CASE("another machine takes from a registry what one has built", "[any-driver]") {
  Cached cache;
  Ecrin first;
  first.context("one.txt", "1\n");
  const Outcome made =
      json_build(first, k_recipe,
                 {"--cache-from", cache.name, "--cache-to", "type=registry,ref=" + cache.name + ",mode=max"});
  const std::string id = image_of(made);
  CHECK(contains(made.err, "there is no cache"));
  CHECK(cache.registry.open_uploads() == 0);
  // Each layer was sent once.
  const auto manifest = nlohmann::json::parse(cache.registry.manifest("team/app", "build-cache"));
  const std::size_t layers = manifest.at("layers").size();
  CHECK(layers >= 4);
  CHECK(cache.registry.count("PUT /v2/team/app/blobs/uploads") == static_cast<int>(layers) + 1);
  CHECK(cache.registry.count("PUT /v2/team/app/manifests") == 1);

  // Another driver, umask and HOME: the keys do not know.
  Ecrin second;
  second.driver = "copy";
  second.umask = 077;
  make_directory(second.scratch() / "home");
  second.environment["HOME"] = second.scratch() / "home";
  second.context("one.txt", "1\n");
  cache.registry.forget_counts();
  const Arguments both = {"--cache-from", cache.name, "--cache-to", "type=registry,ref=" + cache.name};
  const Outcome taken = json_build(second, k_recipe, both);
  CHECK(image_of(taken) == id);
  CHECK(contains(taken.err, "\"from\":\"" + cache.full_name + "\""));
  const auto steps = step_reports(taken);
  for (const StepReport& step : steps) {
    INFO(step.text);
    CHECK((step.state == "cached" || contains(step.text, "one.txt")));  // running that one is faster
  }
  // The tools' own layer is not needed, nothing is sent that was there, and nothing is fetched twice. The
  // copy, which was quick for the first, may have been slow enough here to be worth a layer.
  CHECK(blob_downloads(cache.registry, "build-cache") <= layers - 1);
  CHECK(blob_downloads(cache.registry, "build-cache") >= 3);
  const auto now = nlohmann::json::parse(cache.registry.manifest("team/app", "build-cache"));
  const bool has_more = now.at("layers").size() > layers;
  CHECK(now.at("layers").size() <= layers + 1);
  CHECK(cache.registry.uploads().requests == (has_more ? 2 : 0));
  CHECK(cache.registry.count("PUT ") == (has_more ? 3 : 0));
  CHECK(second.in_container(id, {"stat", "-c", "%u:%g", "/made"}) == "7:8\n");

  // And then it is in the second's store: rows are read, layers are not.
  cache.registry.forget_counts();
  const Outcome again = json_build(second, k_recipe, both);
  CHECK(image_of(again) == id);
  CHECK(count_state(step_reports(again), "cached") == step_reports(again).size());
  CHECK(blob_downloads(cache.registry, "build-cache") == 0);
  CHECK(cache.registry.count("GET /v2/team") == 2);
  CHECK(cache.registry.count("PUT ") == 0);

  // The image can go on from there with the layers that the cache has.
  second.must({"push", "-q", id, cache.server.host() + "/team/app:latest"});
  Ecrin third(Ecrin::Base::none);
  CHECK(third.must({"pull", "-q", cache.server.host() + "/team/app:latest"}) == id);
}

TEST_CASE("a real registry, a directory, and cache mounts", "[any-driver]") {
  if (!DockerRegistry::installed()) ECRIN_SKIP("docker-registry is not installed");
  Ecrin first;
  make_directory(first.scratch() / "registry");
  const DockerRegistry registry(first.scratch() / "registry", {});
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - run:
      command: sleep 1; cp -a /store /listed; echo STEP >> /store/count; chown 5:6 /store/count
      mounts: [{cache: /store, id: things}]
)";
  const auto with = [&](const std::string& step) {
    std::string text = recipe;
    return text.replace(text.find("STEP"), 4, step);
  };
  const std::string reference = "type=registry,ref=" + registry.host() + "/team/mounts:ci";
  const std::string directory = "type=local,dest=" + (first.scratch() / "cache");
  const std::string id = image_of(
      json_build(first, with("one"),
                 {"--cache-to", reference + ",mounts=true", "--cache-to", directory + ",mounts=true"}));
  for (const std::string& from : {reference, "type=local,src=" + (first.scratch() / "cache")}) {
    INFO(from);
    Ecrin second;
    CHECK(image_of(json_build(second, with("one"), {"--cache-from", from})) == id);
    // Another step finds the mount as the first machine left it, once.
    const std::string other = image_of(json_build(second, with("two"), {"--cache-from", from}));
    CHECK(second.in_container(other, {"cat", "/listed/count"}) == "one\n");
    CHECK(second.in_container(other, {"stat", "-c", "%u:%g", "/listed/count"}) == "5:6\n");
    const std::string third = image_of(json_build(second, with("three"), {"--cache-from", from}));
    CHECK(second.in_container(third, {"cat", "/listed/count"}) == "one\ntwo\n");
    CHECK(second.left_behind().empty());
  }
  // Without being asked for, mounts stay at home.
  Ecrin quiet;
  json_build(quiet, with("secret-content"), {"--cache-to", "type=local,dest=" + (quiet.scratch() / "plain")});
  Ecrin asks;
  const std::string empty = image_of(
      json_build(asks, with("four"), {"--cache-from", "type=local,src=" + (quiet.scratch() / "plain")}));
  CHECK(asks.in_container(empty, {"ls", "/listed"}) == "");
}

TEST_CASE("whatever is wrong with a cache is a note and no error", "[any-driver]") {
  Cached cache;
  Ecrin first;
  const std::string recipe = "from: localhost/busybox\nsteps:\n  - run: sleep 1 && echo made > /made\n";
  const std::string id = image_of(json_build(first, recipe, {"--cache-to", cache.name}));
  const auto [fault, where] =
      GENERATE(table<Fault, std::string>({{Fault::wrong_bytes, "GET /v2/team/app/blobs"},
                                          {Fault::too_short, "GET /v2/team/app/blobs"},
                                          {Fault::too_long, "GET /v2/team/app/blobs"},
                                          {Fault::endless, "GET /v2/team/app/blobs"},
                                          {Fault::forbidden, "GET /v2/team/app/blobs"},
                                          {Fault::internal_error, "GET /v2/team/app/blobs"},
                                          {Fault::redirect_loop, "GET /v2/team/app/blobs"},
                                          {Fault::endless, "GET /v2/team/app/manifests"},
                                          {Fault::wrong_header_digest, "GET /v2/team/app/manifests"},
                                          {Fault::unavailable, "GET /v2/team/app/manifests"},
                                          {Fault::huge_header, "GET /v2/team/app/manifests"},
                                          {Fault::reset, "GET /v2/team/app"}}));
  INFO(fault_name(fault) << " at " << where);
  cache.registry.order(fault, 1000, where);
  Ecrin second;
  const Outcome built = json_build(second, recipe, {"--cache-from", cache.name, "--retry", "1"});
  INFO(built.description);
  CHECK(image_of(built) == id);
  CHECK(count_state(step_reports(built), "done") >= 1);
  CHECK(contains(built.err, "is not used"));
  CHECK(second.left_behind().empty());
  // The rows come unspoiled, the layer does not.
  if (!contains(where, "blobs")) return;
  cache.registry.clear_orders();
  const auto manifest = nlohmann::json::parse(cache.registry.manifest("team/app", "build-cache"));
  cache.registry.order(
      fault, 1000, "GET /v2/team/app/blobs/" + manifest.at("layers").at(0).at("digest").get<std::string>());
  Ecrin third;
  const Outcome again = json_build(third, recipe, {"--cache-from", cache.name, "--retry", "1"});
  INFO(again.description);
  CHECK(image_of(again) == id);
  CHECK(count_state(step_reports(again), "done") >= 1);
  CHECK(contains(again.err, "is not used"));
}

TEST_CASE("builders that write at once lose no rows", "[any-driver]") {
  Cached cache;
  std::vector<std::unique_ptr<Ecrin>> machines;
  const auto recipe = [](std::size_t i) {
    return "from: localhost/busybox\nsteps:\n  - run: sleep 1 && echo " + std::to_string(i) + " > /made\n";
  };
  for (int i = 0; i < 3; ++i) machines.push_back(std::make_unique<Ecrin>());
  std::vector<Outcome> outcomes(machines.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < machines.size(); ++i)
      threads.emplace_back([&, i] {
        outcomes[i] = json_build(*machines[i], recipe(i), {"--cache-to", cache.name});
      });
  }
  Ecrin last;
  for (std::size_t i = 0; i < machines.size(); ++i) {
    const std::string id = image_of(outcomes[i]);
    const Outcome taken = json_build(last, recipe(i), {"--cache-from", cache.name});
    CHECK(image_of(taken) == id);
    CHECK(count_state(step_reports(taken), "cached") == step_reports(taken).size());
  }
}

TEST_CASE("a cache that cannot be written costs the exit code and not the image", "[any-driver]") {
  Cached cache;
  cache.registry.order(Fault::forbidden, 1000, "POST /v2/team/app/blobs");
  Ecrin ecrin;
  const std::string recipe = "from: localhost/busybox\nsteps:\n  - run: sleep 1 && echo made > /made\n";
  const std::string to = "type=registry,ref=" + cache.name;
  const Outcome failed = ecrin.try_build(recipe, {"-t", "made", "--cache-to", to, "--retry", "0"});
  INFO(failed.description);
  CHECK(failed.code == 123);
  CHECK(lines_of(failed.out).back().starts_with("sha256:"));
  CHECK(contains(failed.err, "while writing the cache '" + cache.full_name + "'"));
  CHECK(ecrin.in_container("made", {"cat", "/made"}) == "made\n");
  const Outcome ignored = ecrin.try_build(recipe, {"--cache-to", to + ",ignore-error=true", "--retry", "0"});
  INFO(ignored.description);
  CHECK(ignored.code == 0);
  CHECK(contains(ignored.err, "was not written"));
  // Somebody else's image is not written over.
  cache.registry.clear_orders();
  ecrin.must({"push", "-q", "made", cache.server.host() + "/team/image:1"});
  const std::string before = cache.registry.manifest("team/image", "1");
  const Outcome refused = ecrin.try_build(recipe, {"--cache-to", cache.server.host() + "/team/image:1"});
  CHECK(refused.code == 123);
  CHECK(contains(refused.err, "it is an image"));
  CHECK(cache.registry.manifest("team/image", "1") == before);
}

TEST_CASE("no secret is in a cache", "[any-driver]") {
  Ecrin ecrin;
  const std::string secret = "correct-horse-battery-staple";
  write_file(ecrin.scratch() / "token", secret);
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - run:
      command: sleep 1 && cat /run/secrets/token | wc -c > /length && cp /run/secrets/token /store/token
      mounts: [{secret: token}, {cache: /store}]
)";
  const std::string cache = ecrin.scratch() / "cache";
  image_of(json_build(ecrin, recipe,
                      {"--secret", "id=token,src=" + (ecrin.scratch() / "token"), "--cache-to",
                       "type=local,mode=max,compression=none,dest=" + cache}));
  const auto blobs = names_in(cache + "/blobs/sha256");
  CHECK(blobs.size() == 3);
  for (const std::string& blob : blobs)
    CHECK_FALSE(contains(read_file(cache + "/blobs/sha256/" + blob), secret));
}

TEST_CASE("wrong words about caches are refused before anything is done", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const std::string recipe = "from: scratch\nsteps: []\n";
  for (const Arguments& words :
       std::vector<Arguments>{{"--cache-from", "type=gha"},
                              {"--cache-to", "type=inline"},
                              {"--cache-to", "type=local"},
                              {"--cache-to", "type=local,ref=h.test/a"},
                              {"--cache-from", "type=registry"},
                              {"--cache-from", "app"},
                              {"--cache-from", "h.test/a,mode=max"},
                              {"--cache-to", "type=registry,ref=h.test/a,mode=most"},
                              {"--cache-to", "h.test/a@sha256:" + std::string(64, 'a')},
                              {"--cache-from", "UPPER/Case:x"}}) {
    const Outcome outcome = ecrin.try_build(recipe, words);
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
  }
}
