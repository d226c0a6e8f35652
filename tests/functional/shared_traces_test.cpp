// Traces in shared caches with the real program: two stores are two machines.
#include <algorithm>
#include <cstdio>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// RUN steps of a second are worth a transfer. The first reads one file of two, the second what the first
// made.
const std::string k_recipe = R"(
from: localhost/busybox
steps:
  - copy: {src: src, dest: /src/}
  - run: sleep 1 && sort /src/used > /sorted
  - run: sleep 1 && cat /sorted /sorted > /twice
)";

void fill(const Ecrin& ecrin, const std::string& readme, const std::string& used = "b\na\n") {
  ecrin.context("src/README", readme);
  ecrin.context("src/used", used);
}

struct Build {
  std::string image;
  std::vector<StepReport> steps;
  std::string log;

  const StepReport& step(const std::string& text) const {
    const auto found = std::find_if(steps.begin(), steps.end(),
                                    [&](const StepReport& one) { return contains(one.text, text); });
    REQUIRE(found != steps.end());
    return *found;
  }
  bool has_reason(const std::string& text, const std::string& reason) const {
    const auto& reasons = step(text).reasons;
    return std::any_of(reasons.begin(), reasons.end(),
                       [&](const std::string& one) { return contains(one, reason); });
  }
};

// The same with the files in a stage that a step mounts.
const std::string k_mounting_recipe = R"(
stages:
  side:
    from: localhost/busybox
    steps: [{copy: {src: src, dest: /src/}}]
  main:
    from: localhost/busybox
    steps:
      - run: {command: sleep 1 && sort /side/used > /sorted, mounts: [{bind: /side, from: side, source: /src}]}
)";

Build build(Ecrin& ecrin, Arguments flags, const std::string& cache = "traced",
            const std::string& recipe = k_recipe) {
  ecrin.driver = "overlay";
  flags.insert(flags.end(), {"--cache", cache, "--explain", "--progress", "json", "--retry", "1"});
  const Outcome outcome = ecrin.try_build(recipe, flags);
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return {lines_of(outcome.out).back(), step_reports(outcome), outcome.err};
}

constexpr const char* k_trace_type = "application/vnd.ecrin.build-cache.trace.v1+zstd";

// The layers of a layout's one manifest that are traces.
std::vector<std::string> traces_in(const std::string& layout) {
  std::vector<std::string> paths;
  const auto index = nlohmann::json::parse(read_file(layout + "/index.json"));
  const auto path_of = [&](const nlohmann::json& descriptor) {
    const auto digest = descriptor.at("digest").get<std::string>();
    return layout + "/blobs/sha256/" + digest.substr(digest.find(':') + 1);
  };
  const auto manifest = nlohmann::json::parse(read_file(path_of(index.at("manifests").at(0))));
  for (const auto& layer : manifest.at("layers"))
    if (layer.at("mediaType") == k_trace_type) paths.push_back(path_of(layer));
  return paths;
}

}  // namespace

TEST_CASE("another machine takes over what used nothing of what it changed", "[any-driver]") {
  Ecrin first;
  fill(first, "1\n");
  const std::string cache = first.scratch() / "cache";
  const std::string from = "type=local,src=" + cache;
  CHECK(build(first, {"--cache-to", "type=local,dest=" + cache}).step("sort").state == "done");
  CHECK(traces_in(cache).size() == 2);

  Ecrin second;
  fill(second, "2\n");
  const Build taken = build(second, {"--cache-from", from});
  CHECK(taken.step("copy").state == "done");
  for (const std::string step : {"sort", "twice"}) {
    CHECK(taken.step(step).state == "cached");
    CHECK(taken.has_reason(step, "paths that it used are the same"));
  }
  std::size_t times = 0;
  for (std::size_t at = 0; (at = taken.log.find("\"from\":\"" + cache + "\"", at)) != std::string::npos; ++at)
    ++times;
  CHECK(times == 2);
  CHECK(second.in_container(taken.image, {"cat", "/src/README", "/twice"}) == "2\na\nb\na\nb\n");
  // Now they are its own.
  const Build again = build(second, {"--cache-from", from});
  CHECK(count_state(again.steps, "cached") == again.steps.size());
  CHECK_FALSE(contains(again.log, "\"from\""));
  CHECK(build(second, {}, "off").image == taken.image);

  // What it used has changed: it runs, and what stands on its result too.
  Ecrin third;
  fill(third, "3\n", "d\nc\n");
  const Build changed = build(third, {"--cache-from", from});
  CHECK(changed.step("sort").state == "done");
  CHECK(changed.has_reason("sort", "cache '" + cache + "': it used /src/used: its content"));
  CHECK(changed.step("twice").state == "done");
  CHECK(changed.image == build(third, {}, "off").image);

  // Without the traced cache a trace is nothing.
  Ecrin exact;
  fill(exact, "2\n");
  CHECK(build(exact, {"--cache-from", from}, "exact").step("sort").state == "done");
  fill(exact, "1\n");
  CHECK(build(exact, {"--cache-from", from}, "exact").step("sort").state == "cached");
}

TEST_CASE("another machine compares what a step used of a stage with its own", "[any-driver]") {
  Ecrin first;
  fill(first, "1\n");
  const std::string cache = first.scratch() / "cache";
  const std::string from = "type=local,src=" + cache;
  build(first, {"--cache-to", "type=local,dest=" + cache}, "traced", k_mounting_recipe);

  Ecrin second;
  fill(second, "2\n");
  const Build taken = build(second, {"--cache-from", from}, "traced", k_mounting_recipe);
  CHECK(taken.step("sort").state == "cached");
  CHECK(taken.has_reason("sort", "paths that it used are the same"));
  CHECK(second.in_container(taken.image, {"cat", "/sorted"}) == "a\nb\n");

  Ecrin third;
  fill(third, "1\n", "d\nc\n");
  const Build changed = build(third, {"--cache-from", from}, "traced", k_mounting_recipe);
  CHECK(changed.step("sort").state == "done");
  CHECK(changed.has_reason("sort", "cache '" + cache + "': it used /src/used: its content (of 'side')"));
}

TEST_CASE("damaged traces are a note, and the steps run", "[any-driver]") {
  Ecrin first;
  fill(first, "1\n");
  const std::string cache = first.scratch() / "cache";
  build(first, {"--cache-to", "type=local,dest=" + cache});
  for (const std::string& trace : traces_in(cache)) {
    std::string bytes = read_file(trace);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    REQUIRE(std::remove(trace.c_str()) == 0);
    write_file(trace, bytes);
  }
  Ecrin second;
  fill(second, "2\n");
  const Build built = build(second, {"--cache-from", "type=local,src=" + cache});
  CHECK(built.step("sort").state == "done");
  CHECK(built.step("twice").state == "done");
  CHECK(contains(built.log, "the trace of "));
  CHECK(built.image == build(second, {}, "off").image);
  CHECK(second.left_behind().empty());
}

TEST_CASE("traces are fetched from a registry when a step needs them", "[any-driver]") {
  MemoryRegistry registry;
  RegistryServer server{registry};
  const std::string name = server.host() + "/team/app:build-cache";
  Ecrin first;
  fill(first, "1\n");
  // A cache of before, without traces, gets them.
  build(first, {"--cache-to", name}, "exact");
  const auto traces = [&] {
    std::vector<std::string> digests;
    const auto manifest = nlohmann::json::parse(registry.manifest("team/app", "build-cache"));
    for (const auto& layer : manifest.at("layers"))
      if (layer.at("mediaType") == k_trace_type) digests.push_back(layer.at("digest"));
    return digests;
  };
  CHECK(traces().empty());
  Ecrin traced;
  fill(traced, "1\n");
  CHECK(build(traced, {"--cache-to", name}).step("sort").state == "done");
  REQUIRE(traces().size() == 2);
  const auto requests = [&] {
    int count = 0;
    for (const std::string& digest : traces()) count += static_cast<int>(registry.downloads(digest).requests);
    return count;
  };
  registry.forget_counts();
  Ecrin same;
  fill(same, "1\n");
  CHECK(build(same, {"--cache-from", name}).step("sort").state == "cached");
  CHECK(requests() == 0);
  Ecrin other;
  fill(other, "2\n");
  const Build taken = build(other, {"--cache-from", name, "--cache-to", name});
  CHECK(taken.step("sort").state == "cached");
  CHECK(taken.step("twice").state == "cached");
  CHECK(requests() == 2);
  CHECK(traces().size() == 2);  // the rows of the new keys name the same blobs
  // Of its rows nothing is lost by a program that does not look at traces.
  Ecrin exact;
  fill(exact, "4\n");
  build(exact, {"--cache-to", name}, "exact");
  CHECK(traces().size() == 2);
}
