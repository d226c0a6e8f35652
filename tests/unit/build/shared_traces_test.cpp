// Traces in shared caches: two stores as two machines, and scripts that use files of other scripts.
#include "build/shared_traces.hpp"

#include <algorithm>

#include "base/compression.hpp"
#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "build/packed_trace.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/shared_fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::recipes;
using namespace ecrin::build::testing;

namespace {

// The third step uses what the first made. Of the second only the name counts.
Recipe recipe_with(const std::string& second) {
  return single({script("slow a"), script(second), script("slow c uses slow a")});
}

std::unique_ptr<Machine> traced_machine() {
  auto machine = std::make_unique<Machine>();
  machine->options.cache = CacheUse::traced;
  return machine;
}

std::string pack(std::string_view plain) {
  StringSink packed;
  auto compressor = compress(Compression::zstd, std::nullopt, packed).value();
  REQUIRE(compressor->write(as_bytes(plain)));
  REQUIRE(compressor->finish());
  return std::move(packed.bytes());
}

std::string pack(const fs::ImageTrace& trace) {
  return pack(std::string_view(fs::encode_trace(trace)));
}

// Of paths that are not there.
fs::ImageTrace trace_with(const std::vector<std::string>& paths) {
  fs::ImageTrace trace;
  for (const std::string& path : paths) trace.push_back({.path = path});
  return trace;
}

std::size_t traced_rows(MemoryPlace& cache) {
  return static_cast<std::size_t>(std::ranges::count_if(
      cache.rows().steps, [](const SharedStep& step) { return step.trace.has_value(); }));
}

oci::ImageId image_without_cache(const Recipe& recipe) {
  Machine machine;
  const Built built = machine.build(recipe);
  REQUIRE(built.result);
  return built.result->image_id;
}

// The trace of "slow c" in the cache becomes these bytes, with their own digest.
void replace_trace(MemoryPlace& cache, const std::string& bytes) {
  SharedRows rows = cache.rows();
  for (SharedStep& step : rows.steps) {
    if (!step.trace || !step.text.contains("slow c")) continue;
    step.trace->blob.digest = oci::Digest::of(bytes);
    step.trace->blob.size = bytes.size();
    cache.blobs[step.trace->blob.digest] = bytes;
  }
  cache.write(rows);
}

}  // namespace

TEST_CASE("a step whose key is in no cache is taken by what it used") {
  MemoryPlace cache;
  const auto first = traced_machine(), second = traced_machine();
  REQUIRE(first->build(recipe_with("b one"), cache).result);
  CHECK(cache.traces_sent >= 1);
  CHECK(traced_rows(cache) >= 1);
  const Built taken = second->build(recipe_with("b two"), cache);
  REQUIRE(taken.result);
  CHECK(taken.ran == Words{"b two"});
  const StepResult& step = taken.observer.results.at("run: slow c uses slow a");
  CHECK(step.state == StepResult::State::cached);
  CHECK(step.from == "memory");
  REQUIRE_FALSE(step.reasons.empty());
  CHECK(step.reasons.front().contains("paths that it used are the same"));
  CHECK(taken.result->image_id == image_without_cache(recipe_with("b two")));
  CHECK_FALSE(taken.result->cache_failure);
  // The new row is there, with the seconds of the run, and the trace is the blob that was there.
  const SharedRows rows = cache.rows();
  const auto is_c = [](const SharedStep& row) { return row.text.contains("slow c"); };
  CHECK(std::ranges::count_if(rows.steps, is_c) == 2);
  for (const SharedStep& row : rows.steps)
    if (is_c(row)) CHECK((row.trace.has_value() && row.seconds > 0.1 && row.layer->blob.has_value()));
  // It is the second's own from now on.
  cache.traces_fetched = 0;
  const Built again = second->build(recipe_with("b three"), cache);
  REQUIRE(again.result);
  CHECK(again.ran == Words{"b three"});
  CHECK(again.observer.results.at("run: slow c uses slow a").from.empty());
  CHECK(cache.traces_fetched == 0);
}

TEST_CASE("a step that used what is something else now runs, and says so") {
  MemoryPlace cache;
  const auto first = traced_machine(), second = traced_machine();
  const std::string uses = "slow c uses slow a random";
  REQUIRE(first->build(single({script("slow a random"), script("b"), script(uses)}), cache).result);
  // The second has another result of the same step.
  REQUIRE(second->build(single({script("slow a random")})).result);
  const Built built = second->build(single({script("slow a random"), script("b"), script(uses)}), cache);
  REQUIRE(built.result);
  CHECK(std::ranges::count(built.ran, uses) == 1);
  const auto& reasons = built.observer.results.at("run: " + uses).reasons;
  CHECK(std::ranges::count(reasons,
                           "cache 'memory': it used /" + sha256_hex("slow a random") + ": its content") == 1);
}

TEST_CASE("traces are fetched only when a step needs them, and not at all without the traced cache") {
  MemoryPlace cache;
  const auto first = traced_machine(), same = traced_machine();
  REQUIRE(first->build(recipe_with("b one"), cache).result);
  const Built exact_key = same->build(recipe_with("b one"), cache);
  REQUIRE(exact_key.result);
  CHECK(exact_key.ran.empty());
  CHECK(cache.traces_fetched == 0);
  Machine exact;
  const Built built = exact.build(recipe_with("b two"), cache);
  REQUIRE(built.result);
  CHECK(built.ran == Words{"b two", "slow c uses slow a"});
  CHECK(cache.traces_fetched == 0);
  MemoryPlace plain;
  Machine other;
  REQUIRE(other.build(recipe_with("b one"), plain).result);
  CHECK(plain.traces_sent == 0);
  CHECK(traced_rows(plain) == 0);
  // A cache without traces is as it always was.
  const auto second = traced_machine();
  const Built without = second->build(recipe_with("b two"), plain);
  REQUIRE(without.result);
  CHECK(without.ran == Words{"b two", "slow c uses slow a"});
  // And then it has some.
  CHECK(traced_rows(plain) >= 1);
}

TEST_CASE("a step that changed nothing is taken by its trace alone") {
  MemoryPlace cache;
  const auto first = traced_machine(), second = traced_machine();
  const auto recipe = [](const std::string& other) {
    return single({script("slow a"), script(other), script("slow check nothing")});
  };
  REQUIRE(first->build(recipe("b one"), cache).result);
  const Built taken = second->build(recipe("b two"), cache);
  REQUIRE(taken.result);
  CHECK(taken.ran == Words{"b two"});
  CHECK(taken.observer.results.at("run: slow check nothing").from == "memory");
  CHECK(taken.result->image_id == image_without_cache(recipe("b two")));
}

TEST_CASE("traces that are damaged, of another version or of nothing are a note") {
  MemoryPlace cache;
  const auto first = traced_machine();
  REQUIRE(first->build(recipe_with("b one"), cache).result);
  const oci::ImageId image = image_without_cache(recipe_with("b two"));
  const auto is_refused = [&] {
    const auto second = traced_machine();
    second->options.cache_from = {cache.place()};
    const Built built = second->build(recipe_with("b two"));
    REQUIRE(built.result);
    CHECK(built.ran == Words{"b two", "slow c uses slow a"});
    CHECK(has_note(built, "the trace of 'run: slow c uses slow a' in the cache 'memory' is not used"));
    CHECK(built.result->image_id == image);
  };
  for (const std::string& bytes :
       {std::string("x"), pack(""), pack("no trace"), pack(fs::ImageTrace{}), pack(trace_with({"usr"})),
        pack(std::string(k_foreign_trace_limit + 1, '\0'))}) {
    replace_trace(cache, bytes);
    is_refused();
  }
  for (auto& [digest, bytes] : cache.blobs)
    if (std::ranges::any_of(cache.rows().steps, [&, at = &digest](const SharedStep& step) {
          return step.trace && step.trace->blob.digest == *at;
        }))
      bytes += "x";
  is_refused();
}

TEST_CASE("a trace whose layer is bad is a note and a miss") {
  MemoryPlace cache;
  const auto first = traced_machine(), second = traced_machine();
  REQUIRE(first->build(recipe_with("b one"), cache).result);
  for (const SharedStep& step : cache.rows().steps)
    if (step.text.contains("slow c")) cache.blobs[step.layer->blob->digest] = "x";
  second->options.cache_from = {cache.place()};
  const Built built = second->build(recipe_with("b two"));
  REQUIRE(built.result);
  CHECK(built.ran == Words{"b two", "slow c uses slow a"});
  CHECK(has_note(built, "the result of 'run: slow c uses slow a' in the cache 'memory' is not used"));
  CHECK(built.result->image_id == image_without_cache(recipe_with("b two")));
}

TEST_CASE("traces go on from one cache to another, and join rows that have none") {
  MemoryPlace cache, other;
  other.name = "other";
  const auto first = traced_machine(), second = traced_machine(), third = traced_machine();
  REQUIRE(first->build(recipe_with("b one"), cache).result);
  Machine exact;
  REQUIRE(exact.build(recipe_with("b one"), other).result);
  CHECK(traced_rows(other) == 0);
  second->options.cache_from = {cache.place()};
  second->options.cache_to = {other.target()};
  const Built passed = second->build(recipe_with("b one"));
  REQUIRE(passed.result);
  CHECK_FALSE(passed.result->cache_failure);
  CHECK(traced_rows(other) >= 1);
  // What another program writes without them leaves them as they are.
  REQUIRE(exact.build(single({script("slow z")}), other).result);
  CHECK(traced_rows(other) >= 1);
  third->options.cache_from = {other.place()};
  const Built taken = third->build(recipe_with("b two"));
  REQUIRE(taken.result);
  CHECK(taken.ran == Words{"b two"});
  CHECK(taken.observer.results.at("run: slow c uses slow a").from == "other");
}

TEST_CASE("only so many traces are tried for one step") {
  MemoryPlace cache;
  const auto first = traced_machine();
  REQUIRE(first->build(recipe_with("b one"), cache).result);
  SharedRows rows = cache.rows();
  const auto c =
      *std::ranges::find_if(rows.steps, [](const SharedStep& s) { return s.text.contains("slow c"); });
  std::erase_if(rows.steps, [&](const SharedStep& step) { return step.key == c.key; });
  for (int i = 0; i < 100; ++i) {
    SharedStep more = c;
    more.key = sha256_hex(std::to_string(i));
    fs::ImageTrace trace = trace_with({"", "name"});
    trace.back().is_there = true;
    trace.back().size = static_cast<std::uint64_t>(i);
    const std::string bytes = pack(trace);
    more.trace->blob.digest = oci::Digest::of(bytes);
    more.trace->blob.size = bytes.size();
    cache.blobs[more.trace->blob.digest] = bytes;
    rows.steps.push_back(std::move(more));
  }
  cache.write(rows);
  const auto second = traced_machine();
  second->options.cache_from = {cache.place()};
  const Built built = second->build(recipe_with("b two"));
  REQUIRE(built.result);
  CHECK(built.ran == Words{"b two", "slow c uses slow a"});
  CHECK(cache.traces_fetched == 16);
}

TEST_CASE("the media type of traces has the version that is in them") {
  const std::string bytes = fs::encode_trace({});
  CHECK(k_cache_trace_type.contains(".trace.v" + std::to_string(Decoder(bytes).get_unsigned()) + "+"));
}

TEST_CASE("a packed trace is read within its bounds") {
  const fs::ImageTrace trace = trace_with({"", "a"});
  CHECK(unpack_foreign_trace(pack(trace)).value() == trace);
  const auto refusal = [](const std::string& packed) {
    const auto unpacked = unpack_foreign_trace(packed);
    REQUIRE_FALSE(unpacked);
    return unpacked.error().kind();
  };
  CHECK(refusal(pack(std::string(k_foreign_trace_limit + 1, '\0'))) == ErrorKind::limit);
  CHECK(refusal(pack(trace_with({"a"}))) == ErrorKind::invalid);
  CHECK(refusal(pack(fs::ImageTrace{})) == ErrorKind::invalid);
  CHECK(unpack_foreign_trace(pack(trace_with({"", "//context/a", "//from/side//a"}))));
  CHECK(refusal(pack(trace_with({"", "//elsewhere/a"}))) == ErrorKind::invalid);
  CHECK(refusal("") == ErrorKind::invalid);
  CHECK(refusal(pack(trace).substr(0, 12)) == ErrorKind::invalid);
  CHECK_FALSE(shared_trace("c", std::string(k_shared_trace_limit + 1, 'x')));
  CHECK_FALSE(shared_trace("c", ""));
  CHECK(shared_trace("c", "x")->blob.size == 1);
}
