// Shared caches in builds: two stores as two machines.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "base/child.hpp"
#include "oci/endpoints.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/shared_fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::recipes;
using namespace ecrin::build::testing;

TEST_CASE("what one machine built, another takes from the cache") {
  MemoryPlace cache;
  Machine first, second;
  const Recipe recipe =
      single({script("slow a"), env(), script("slow b random"), script("slow nothing"), env()});
  const Built made = first.build(recipe, cache);
  REQUIRE(made.result);
  CHECK_FALSE(made.result->cache_failure);
  CHECK(cache.sent == 2);
  CHECK(has_note(made, "there is no cache 'memory' yet"));
  const Built taken = second.build(recipe, cache);
  REQUIRE(taken.result);
  CHECK(taken.ran.empty());
  CHECK(taken.result->steps_run == 0);
  CHECK(taken.result->image_id == made.result->image_id);
  CHECK(taken.observer.results.at("run: slow a").from == "memory");
  CHECK(taken.observer.results.at("run: slow nothing").from == "memory");
  CHECK(taken.observer.finished == recipe.stages[0].steps.size() + 1);
  CHECK(cache.fetched == 2);
  CHECK(cache.sent == 2);
  CHECK(cache.written == 1);
  // Now it is in the second's own store.
  const Built again = second.build(recipe, cache);
  REQUIRE(again.result);
  CHECK(again.ran.empty());
  CHECK(again.observer.results.at("run: slow a").from.empty());
  CHECK(cache.fetched == 2);
}

TEST_CASE("only what is needed is fetched") {
  MemoryPlace cache;
  Machine first, second, third;
  Recipe recipe =
      recipe_of({stage("tools", {script("slow t")}), stage("main", {copy_from("tools"), script("slow m")})});
  const Built made = first.build(recipe, cache);
  REQUIRE(made.result);
  CHECK(cache.sent == 3);
  const Built taken = second.build(recipe, cache);
  REQUIRE(taken.result);
  CHECK(taken.ran.empty());
  CHECK(cache.fetched == 2);  // not that of "tools"
  CHECK(taken.observer.results.at("run: slow t").from == "memory");
  // A new step that needs the other stage fetches it.
  recipe.stages[1].steps.push_back(script("new"));
  recipe.stages.push_back(stage("last", {copy_from("tools"), script("last")}));
  third.options.target = "last";
  cache.fetched = 0;
  const Built more = third.build(recipe, cache);
  REQUIRE(more.result);
  CHECK(more.ran == Words{"last"});
  CHECK(cache.fetched == 1);
}

TEST_CASE("steps that are faster to run than to fetch run, and what follows is found all the same") {
  MemoryPlace cache;
  Machine first, second;
  const Recipe recipe = single({script("quick"), script("slow a")});
  REQUIRE(first.build(recipe, cache).result);
  CHECK(cache.sent == 2);  // "slow a" would be lost without "quick"
  const Recipe only = single({script("only quick")});
  Machine third;
  REQUIRE(third.build(only, cache).result);
  CHECK(cache.sent == 2);
  const Built built = second.build(only, cache);
  REQUIRE(built.result);
  CHECK(built.ran == Words{"only quick"});
  CHECK(built.observer.results.at("run: only quick").reasons.front().starts_with("running it is faster"));
}

TEST_CASE("mode=min exports the steps of the image only") {
  MemoryPlace cache;
  Machine first, second;
  const Recipe recipe =
      recipe_of({stage("tools", {script("slow t")}), stage("main", {copy_from("tools"), script("slow m")})});
  first.options.cache_to = {cache.target(false)};
  REQUIRE(first.build(recipe).result);
  CHECK(cache.sent == 2);
  second.options.cache_from = {cache.place()};
  const Built taken = second.build(recipe);
  REQUIRE(taken.result);
  CHECK(taken.ran.empty());
  CHECK(taken.observer.results.at("run: slow t").from.empty());
}

TEST_CASE("a bad layer is a note and a miss") {
  MemoryPlace cache;
  Machine first;
  const Recipe recipe = single({script("slow a"), script("slow b random"), script("slow c")});
  const Built made = first.build(recipe, cache);
  REQUIRE(made.result);
  const auto blobs = cache.blobs;
  for (const auto& [digest, bytes] : blobs) {
    if (bytes.starts_with("{")) continue;
    for (const std::string& instead : {std::string("x"), bytes + "x", bytes.substr(1), std::string()}) {
      cache.blobs = blobs;
      cache.blobs[digest] = instead;
      Machine second;
      second.options.cache_from = {cache.place()};
      const Built built = second.build(recipe);
      REQUIRE(built.result);
      CHECK(built.ran.size() >= 1);
      CHECK(has_note(built, "is not used"));
      CHECK(built.observer.finished == 4);
      CHECK(second.workshop->images().load(built.result->manifest));
    }
    cache.blobs = blobs;
    cache.blobs.erase(digest);
    Machine second;
    second.options.cache_from = {cache.place()};
    const Built built = second.build(recipe);
    REQUIRE(built.result);
    CHECK(built.ran.size() >= 1);
  }
}

TEST_CASE("what a step leaves for others is there after a round that was in vain") {
  MemoryPlace cache;
  Machine first, second;
  const auto recipe = [](const std::string& other) {
    return recipe_of(
        {stage("other", {script(other)}), stage("main", {script("slow a random"), copy_from("other")})});
  };
  REQUIRE(first.build(recipe("no helper"), cache).result);
  for (auto& [digest, bytes] : cache.blobs) {
    if (!bytes.starts_with("{")) bytes = "x";
  }
  second.options.cache_from = {cache.place()};
  Child helper;
  bool has_ended = true;
  second.before_step = [&](const std::string& script) {
    if (script == "helper") helper = Child::spawn({.argv = {"sleep", "600"}}).value();
    if (script == "copied") has_ended = helper.poll().value().has_value();
  };
  const Built built = second.build(recipe("helper"));
  CHECK_FALSE(has_ended);
  INFO((built.result ? "" : built.result.error().message()));
  CHECK(built.ran == Words{"copied", "helper", "slow a random"});
  CHECK(built.result);
}

TEST_CASE("rows that lie about their layers are a miss") {
  MemoryPlace cache;
  Machine first;
  const Recipe recipe = single({script("slow a"), script("slow b")});
  const Built made = first.build(recipe, cache);
  REQUIRE(made.result);
  auto document = read_shared_cache(*cache.place().open_source(nullptr).value(), nullptr, nullptr);
  REQUIRE(document);
  SharedRows rows = document->rows;
  REQUIRE(rows.steps.size() == 2);
  std::swap(rows.steps[0].layer->diff_id, rows.steps[1].layer->diff_id);
  cache.write(rows);
  Machine second;
  second.options.cache_from = {cache.place()};
  const Built built = second.build(recipe);
  REQUIRE(built.result);
  CHECK(built.ran == Words{"slow a", "slow b"});
  CHECK(built.result->image_id == made.result->image_id);
}

TEST_CASE("what is no cache, of another version, or out of reach is a note") {
  const Recipe recipe = single({script("a")});
  const auto build_with = [&](const std::function<void(MemoryPlace&)>& change, std::string_view note) {
    MemoryPlace cache;
    Machine first, second;
    REQUIRE(first.build(recipe, cache).result);
    change(cache);
    second.options.cache_from = {cache.place()};
    const Built built = second.build(recipe);
    REQUIRE(built.result);
    CHECK(built.ran == Words{"a"});
    INFO((built.observer.notes.empty() ? std::string() : built.observer.notes.front()));
    CHECK(has_note(built, note));
  };
  const auto change_rows = [](std::string from, std::string to) {
    return [=](MemoryPlace& cache) {
      std::string rows;
      for (const auto& [digest, bytes] : cache.blobs) {
        if (bytes.starts_with("{")) rows = bytes;
      }
      const std::size_t at = rows.find(from);
      REQUIRE(at != std::string::npos);
      rows.replace(at, from.size(), to);
      std::string manifest = cache.top->bytes;
      const std::string old = "\"config\":{\"digest\":\"";
      const std::size_t config = manifest.find(old) + old.size();
      manifest.replace(config, 71, oci::Digest::of(rows).to_string());
      const std::size_t size = manifest.find("\"size\":", config) + 7;
      manifest.replace(size, manifest.find('}', size) - size, std::to_string(rows.size()));
      cache.blobs[oci::Digest::of(rows)] = rows;
      cache.top->bytes = manifest;
      cache.top->digest = oci::Digest::of(manifest);
    };
  };
  build_with([](MemoryPlace& cache) { cache.failure = Error(ErrorKind::network, "nobody answers"); },
             "nobody answers");
  build_with([](MemoryPlace& cache) { cache.failure = Error(ErrorKind::denied, "go away"); }, "go away");
  build_with([](MemoryPlace& cache) { cache.blobs.clear(); }, "is not used");
  build_with(change_rows("\"version\":1", "\"version\":9"), "version 9");
  build_with(change_rows("\"steps\":[", "\"steps\":[7,"), "steps[0]");
  build_with(
      [](MemoryPlace& cache) {
        cache.top->bytes.replace(cache.top->bytes.find("ecrin.build-cache.v1"), 20, "other.thing-there.v1");
      },
      "no build cache");
}

TEST_CASE("what is there and is no cache of ours is not written over") {
  MemoryPlace cache;
  Machine first, second;
  REQUIRE(first.build(single({script("a")}), cache).result);
  std::string& bytes = cache.top->bytes;
  bytes.replace(bytes.find("ecrin.build-cache.v1"), 20, "other.thing-there.v1");
  const std::string before = bytes;
  second.options.cache_to = {cache.target()};
  const Built built = second.build(single({script("slow b")}));
  REQUIRE(built.result);
  REQUIRE(built.result->cache_failure);
  CHECK(built.result->cache_failure->message().contains("no build cache of ecrin"));
  CHECK(cache.top->bytes == before);
  second.options.cache_to.front().ignore_error = true;
  const Built ignored = second.build(single({script("slow b")}));
  REQUIRE(ignored.result);
  CHECK_FALSE(ignored.result->cache_failure);
  CHECK(has_note(ignored, "was not written"));
}

TEST_CASE("an image or index that cannot be read as a cache is not written over") {
  MemoryPlace cache;
  Machine machine;
  machine.options.cache_to = {cache.target()};
  const auto refused = [&](std::string bytes, std::string_view media_type) {
    cache.top =
        oci::RawManifest{.bytes = std::move(bytes), .media_type = std::string(media_type), .digest = {}};
    cache.top->digest = oci::Digest::of(cache.top->bytes);
    const Built built = machine.build(single({script("slow a")}));
    REQUIRE(built.result);
    INFO(cache.top->bytes.substr(0, 200));
    REQUIRE(built.result->cache_failure);
    CHECK(built.result->cache_failure->message().contains("no build cache of ecrin"));
    CHECK(built.result->cache_failure->hint_text() == "give the cache a tag of its own");
    CHECK(cache.written == 0);
  };
  using namespace oci::media_type;
  const std::string entry = R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:)" +
                            std::string(64, 'a') + R"(","size":7})";
  const auto index = [&](std::size_t count, const std::string& more) {
    std::string entries;
    for (std::size_t i = 0; i < count; ++i) entries += (i ? "," : "") + entry;
    return R"({"schemaVersion":2,)" + more + R"("manifests":[)" + entries + "]}";
  };
  refused(index(2, ""), k_index);
  refused(index(2, ""), k_docker_list);
  refused(index(2000, ""), k_index);
  refused(index(1, R"("artifactType":7,)"), k_index);
  refused(index(1, R"("annotations":[],)"), k_index);
  refused(R"({"schemaVersion":2,"manifests":7})", k_index);
  refused(R"({"schemaVersion":2,"config":7,"layers":[]})", k_manifest);
}

TEST_CASE("a cache that has lost its rows is written anew") {
  MemoryPlace cache;
  Machine first, second, third;
  REQUIRE(first.build(single({script("slow a")}), cache).result);
  std::erase_if(cache.blobs, [](const auto& blob) { return blob.second.starts_with("{"); });
  const Built built = second.build(single({script("slow b")}), cache);
  REQUIRE(built.result);
  CHECK_FALSE(built.result->cache_failure);
  CHECK(has_note(built, "is not used"));
  third.options.cache_from = {cache.place()};
  CHECK(third.build(single({script("slow b")})).ran.empty());
}

TEST_CASE("a row never names the blob of another layer") {
  MemoryPlace cache;
  Machine first, second, third;
  const Recipe recipe = single({script("slow a random")});
  REQUIRE(first.build(recipe, cache).result);
  // Another result of the same step; and then the cache loses the first one.
  cache.before_rows = [&] { cache.write({}); };
  second.options.cache_to = {cache.target()};
  REQUIRE(second.build(single({script("slow a random"), script("slow b")})).result);
  const auto document = read_shared_cache(*cache.place().open_source(nullptr).value(), nullptr, nullptr);
  REQUIRE(document);
  CHECK(document->rows.steps.size() == 2);
  for (const SharedStep& step : document->rows.steps)
    CHECK((!step.layer->blob || cache.blobs.contains(step.layer->blob->digest)));
  third.options.cache_from = {cache.place()};
  const Built built = third.build(recipe);
  REQUIRE(built.result);
  CHECK(built.observer.notes.empty());
}

TEST_CASE("two builders that write at once lose no rows") {
  MemoryPlace cache;
  Machine first, second, third;
  // The second writes between the first's reading and writing.
  cache.before_rows = [&] { REQUIRE(second.build(single({script("slow b")}), cache).result); };
  REQUIRE(first.build(single({script("slow a")}), cache).result);
  CHECK(cache.written == 2);
  third.options.cache_from = {cache.place()};
  CHECK(third.build(single({script("slow a")})).ran.empty());
  CHECK(third.build(single({script("slow b")})).ran.empty());

  MemoryPlace crowd;
  std::vector<std::unique_ptr<Machine>> machines;
  for (int i = 0; i < 4; ++i) machines.push_back(std::make_unique<Machine>());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      const CancelToken cancel;
      machines[static_cast<std::size_t>(i)]->options.cache_to = {crowd.target()};
      (void)machines[static_cast<std::size_t>(i)]->build(single({script("slow " + std::to_string(i))}));
    });
  for (std::thread& thread : threads) thread.join();
  Machine last;
  last.options.cache_from = {crowd.place()};
  for (int i = 0; i < 4; ++i) CHECK(last.build(single({script("slow " + std::to_string(i))})).ran.empty());
}

TEST_CASE("an export that fails leaves the image and tells it") {
  MemoryPlace cache;
  Machine first;
  first.options.cache_to = {cache.target()};
  cache.failure = Error(ErrorKind::network, "the wire is cut");
  const Built built = first.build(single({script("slow a")}));
  REQUIRE(built.result);
  REQUIRE(built.result->cache_failure);
  CHECK(built.result->cache_failure->message().contains("the wire is cut"));
  CHECK_FALSE(built.result->cache_failure->trace().empty());
  CHECK(first.workshop->images().load(built.result->manifest));
  CHECK_FALSE(cache.top);
}

TEST_CASE("a build that fails waits for no download") {
  MemoryPlace cache;
  Machine first, second;
  REQUIRE(first.build(single({script("slow a")}), cache).result);
  // The wire is silent until somebody has had enough.
  class Silence final : public Source {
  public:
    Silence(std::atomic<bool>& stopped, const CancelToken* cancel) : m_stopped(stopped), m_cancel(cancel) {}
    Result<std::size_t> read(std::span<std::byte>) override {
      const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (std::chrono::steady_clock::now() < until) {
        if (m_cancel && m_cancel->cancelled()) m_stopped = true;
        if (m_cancel) TRY(m_cancel->check());
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      return ecrin::fail(ErrorKind::network, "nobody said anything");
    }

  private:
    std::atomic<bool>& m_stopped;
    const CancelToken* m_cancel;
  };
  std::atomic<bool> asked = false, stopped = false;
  cache.change_layer = [&](const std::string&, const CancelToken* cancel) -> std::unique_ptr<Source> {
    asked = true;
    return std::make_unique<Silence>(stopped, cancel);
  };
  second.before_step = [&](const std::string&) {
    while (!asked) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  second.options.cache_from = {cache.place()};
  const Built built = second.build(
      recipe_of({stage("a", {script("slow a")}), stage("main", {script("fail at once"), copy_from("a")})}));
  REQUIRE_FALSE(built.result);
  CHECK(built.result.error().message() == "'fail at once' failed");
  CHECK(stopped);
}

TEST_CASE("a build with --no-cache asks no cache, and adds to one") {
  MemoryPlace cache;
  Machine first, second;
  const Recipe recipe = single({script("slow a")});
  REQUIRE(first.build(recipe, cache).result);
  second.options.no_cache = true;
  const Built built = second.build(recipe, cache);
  REQUIRE(built.result);
  CHECK(built.ran == Words{"slow a"});
  CHECK(cache.sent == 1);
}

TEST_CASE("with --explain a build says why a cache had nothing") {
  MemoryPlace cache;
  Machine first, second;
  REQUIRE(first.build(single({script("slow a")}), cache).result);
  second.options.cache_from = {cache.place()};
  second.options.epoch = 5;
  const Built built = second.build(single({script("slow a"), script("other")}));
  REQUIRE(built.result);
  const auto& reasons = built.observer.results.at("run: slow a").reasons;
  CHECK(std::ranges::count(reasons, "cache 'memory': epoch changed: '0' -> '5'") == 1);
  CHECK(std::ranges::count(built.observer.results.at("run: other").reasons, "cache 'memory': no such step") ==
        1);
}

TEST_CASE("a cache in a directory: one writer after the other") {
  TemporaryDirectory shared;
  const std::string directory = shared.path() + "/cache";
  Machine first, second, third;
  const auto use = [&](Machine& machine) {
    const auto open = [&machine, directory](const CancelToken*) {
      return oci::open_source({oci::Transport::layout, directory, "build-cache"},
                              {.images = machine.workshop->images()});
    };
    const CachePlace place{.name = directory, .open_source = open};
    machine.options.cache_from = {place};
    machine.options.cache_to = {{.place = place,
                                 .open_destination =
                                     [&machine, directory](const CancelToken*) {
                                       return oci::open_destination(
                                           {oci::Transport::layout, directory, "build-cache"},
                                           {.images = machine.workshop->images()});
                                     },
                                 .exclusive = true,
                                 .all_steps = true}};
  };
  use(first);
  use(second);
  use(third);
  std::optional<Built> one, two;
  std::thread beside([&] { one = first.build(single({script("slow a")})); });
  two = second.build(single({script("slow b")}));
  beside.join();
  REQUIRE(one->result);
  REQUIRE(two->result);
  CHECK_FALSE(one->result->cache_failure);
  CHECK_FALSE(two->result->cache_failure);
  CHECK(third.build(single({script("slow a")})).ran.empty());
  CHECK(third.build(single({script("slow b")})).ran.empty());
}

TEST_CASE("a build that is stopped while it reads a shared cache ends") {
  MemoryPlace cache;
  Machine machine;
  cache.failure = Error(ErrorKind::cancelled, "stopped by the user");
  const Built built = machine.build(single({script("a"), script("b")}), cache);
  REQUIRE_FALSE(built.result);
  CHECK(built.result.error().kind() == ErrorKind::cancelled);
  CHECK(built.ran.empty());
}
