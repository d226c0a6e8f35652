#include "build/shared_rows.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

std::string hex(char digit) {
  return std::string(64, digit);
}
oci::Digest digest(std::string_view of) {
  return oci::Digest::of(of);
}
SharedLayer layer(std::string_view name, bool with_blob = true) {
  SharedLayer shared{.diff_id = {digest(name)}, .size = 2048, .blob = std::nullopt};
  if (with_blob)
    shared.blob = oci::Descriptor{.media_type = std::string(oci::media_type::k_layer_zstd),
                                  .digest = digest(std::string(name) + " packed"),
                                  .size = 99};
  return shared;
}
SharedStep step(char key, std::string_view below, std::optional<SharedLayer> made, std::int64_t used = 10) {
  return {.key = hex(key),
          .below = below.empty() ? "" : digest(below).to_string(),
          .text = "run: make",
          .layer = std::move(made),
          .bytes = 7,
          .entries = 3,
          .seconds = 1.5,
          .used = used,
          .inputs = {{"command", "make"}, {"command", "again"}}};
}
SharedStep with_trace(SharedStep step, std::string_view name, std::uint64_t size = 50) {
  step.trace = SharedTrace{.command = hex('e'),
                           .blob = {.media_type = std::string(k_cache_trace_type),
                                    .digest = digest(std::string(name) + " trace"),
                                    .size = size}};
  return step;
}
SharedMount mount(std::string id, std::string_view content, std::int64_t used = 10) {
  return {.id = std::move(id),
          .diff_id = {digest(content)},
          .size = 5,
          .blob = *layer(content).blob,
          .used = used};
}
SharedRows decode_all(const std::vector<SharedShard>& shards) {
  SharedRows all;
  for (const SharedShard& shard : shards) {
    auto rows = decode_rows(shard);
    REQUIRE(rows);
    all.steps.insert(all.steps.end(), rows->steps.begin(), rows->steps.end());
    all.mounts.insert(all.mounts.end(), rows->mounts.begin(), rows->mounts.end());
  }
  return all;
}
ErrorKind refusal(const std::string& rows, std::vector<oci::Descriptor> blobs = {}) {
  const auto decoded = decode_rows({.rows = rows, .blobs = std::move(blobs)});
  REQUIRE_FALSE(decoded);
  return decoded.error().kind();
}

}  // namespace

TEST_CASE("rows come back as they were, whatever their order was") {
  SharedRows rows{.steps = {step('a', "", layer("one")), step('b', "one", std::nullopt),
                            step('c', "one", layer("two", false))},
                  .mounts = {mount("/root/.cache", "things")}};
  const auto shards = encode_rows(rows);
  REQUIRE(shards.size() == 1);
  CHECK(shards[0].blobs.size() == 2);
  CHECK(decode_all(shards) == rows);
  std::swap(rows.steps[0], rows.steps[2]);
  CHECK(encode_rows(rows)[0].rows == shards[0].rows);
  CHECK(decode_all(encode_rows({})) == SharedRows{});
}

TEST_CASE("many rows make several shards, each of which fits a manifest") {
  SharedRows rows;
  for (int i = 0; i < 1500; ++i) {
    SharedStep one = step('a', "", layer(std::to_string(i), i % 2 == 0));
    one.key = digest(std::to_string(i)).hex();
    rows.steps.push_back(std::move(one));
  }
  const auto shards = encode_rows(rows);
  CHECK(shards.size() >= 2);
  CHECK(shards.size() <= k_shared_shards);
  for (const SharedShard& shard : shards) {
    CHECK(shard.blobs.size() <= 500);
    CHECK(shard.rows.size() <= k_shared_document_limit);
  }
  CHECK(decode_all(shards).steps.size() == 1500);
}

TEST_CASE("rows that are none are refused") {
  const std::string key = hex('a');
  CHECK(refusal("[]") == ErrorKind::invalid);
  CHECK(refusal("{") == ErrorKind::invalid);
  CHECK(refusal(R"({"version":2})") == ErrorKind::unsupported);
  CHECK(refusal("{}") == ErrorKind::unsupported);
  CHECK(refusal(R"({"version":1,"steps":{}})") == ErrorKind::invalid);
  CHECK(refusal(R"({"version":1,"steps":[1]})") == ErrorKind::invalid);
  CHECK(refusal(R"({"version":1,"steps":[{"key":"../../etc","below":""}]})") == ErrorKind::invalid);
  CHECK(refusal(R"({"version":1,"steps":[{"key":")" + key + R"(","below":"x"}]})") == ErrorKind::invalid);
  CHECK(refusal(R"({"version":1,"steps":[{"key":")" + key + R"(","below":"","diffID":"md5:1"}]})") ==
        ErrorKind::invalid);
  const std::string with_blob = R"({"version":1,"steps":[{"key":")" + key + R"(","below":"","diffID":")" +
                                digest("x").to_string() + R"(","blob":0}]})";
  CHECK(refusal(with_blob) == ErrorKind::invalid);
  CHECK(refusal(with_blob, {{.media_type = "text/plain", .digest = digest("y"), .size = 1}}) ==
        ErrorKind::invalid);
  CHECK(refusal(R"({"version":1,"steps":[{"key":")" + key + R"(","below":"","bytes":-1}]})") ==
        ErrorKind::invalid);
  CHECK(refusal(R"({"version":1,"steps":[{"key":")" + key + R"(","below":"","inputs":[["a"]]}]})") ==
        ErrorKind::invalid);
  CHECK(refusal(R"({"version":1,"mounts":[{"id":"x"}]})") == ErrorKind::invalid);
  CHECK(refusal(std::string(k_shared_document_limit + 1, ' ')) == ErrorKind::limit);
}

TEST_CASE("merging loses no row, and what is there stays") {
  const SharedRows there{.steps = {step('a', "", layer("one"), 5), step('b', "one", layer("two"))},
                         .mounts = {}};
  const SharedRows added{.steps = {step('a', "", layer("other"), 9), step('b', "other", layer("three"))},
                         .mounts = {mount("m", "new")}};
  const SharedRows merged = merge_rows(there, added);
  REQUIRE(merged.steps.size() == 3);
  CHECK(merged.steps[0].layer == layer("one"));
  CHECK(merged.steps[0].used == 9);
  CHECK(merged.mounts.size() == 1);
  CHECK(contains_rows(merged, added));
  CHECK(contains_rows(merged, there));
  CHECK_FALSE(contains_rows(there, added));
}

TEST_CASE("a result that can be fetched takes the place of one that cannot") {
  const SharedRows there{.steps = {step('a', "", layer("one", false))}, .mounts = {mount("m", "old")}};
  const SharedRows added{.steps = {step('a', "", layer("one"))}, .mounts = {mount("m", "new")}};
  CHECK_FALSE(contains_rows(there, added));
  const SharedRows merged = merge_rows(there, added);
  CHECK(merged == added);
  CHECK(merge_rows(added, there).steps == added.steps);
}

TEST_CASE("what was used longest ago falls out") {
  SharedRows rows{.steps = {step('a', "", layer("1"), 3), step('b', "", layer("2"), 1),
                            step('c', "", std::nullopt, 2), step('d', "", layer("3"), 4)},
                  .mounts = {mount("old", "x", 1), mount("new", "y", 2)}};
  bound_rows(rows, {.steps = 3, .blobs = 10, .mounts = 1});
  REQUIRE(rows.steps.size() == 3);
  CHECK(rows.steps[0].key == hex('d'));
  CHECK(rows.steps[2].key == hex('c'));
  CHECK(rows.mounts == std::vector{mount("new", "y", 2)});
  bound_rows(rows, {.steps = 3, .blobs = 2, .mounts = 1});
  CHECK(rows.steps.size() == 1);
}

TEST_CASE("inputs go along where they are few") {
  CHECK(shared_inputs({{"a", "b"}}).size() == 1);
  CHECK(shared_inputs({{"a", std::string(k_shared_inputs_limit, 'x')}}).empty());
  CHECK(shared_inputs({{"a", "\xff"}}).empty());
}

TEST_CASE("traces come back with their rows, and count among the blobs of a shard") {
  const SharedRows rows{.steps = {with_trace(step('a', "", layer("one")), "one"),
                                  with_trace(step('b', "one", std::nullopt), "one"),
                                  with_trace(step('c', "one", layer("two")), "two")},
                        .mounts = {}};
  const auto shards = encode_rows(rows);
  REQUIRE(shards.size() == 1);
  CHECK(shards[0].blobs.size() == 4);  // two rows have the same trace
  CHECK(decode_all(shards) == rows);
  SharedRows many;
  for (int i = 0; i < 1000; ++i) {
    SharedStep one = with_trace(step('a', "", layer(std::to_string(i))), std::to_string(i));
    one.key = digest(std::to_string(i)).hex();
    many.steps.push_back(std::move(one));
  }
  const auto parts = encode_rows(many);
  CHECK(parts.size() <= k_shared_shards);
  for (const SharedShard& part : parts) CHECK(part.blobs.size() <= 400);
  CHECK(decode_all(parts).steps.size() == 1000);
}

TEST_CASE("a trace of another kind is left out, a wrong one is refused") {
  const SharedRows rows{.steps = {with_trace(step('a', "", layer("one")), "one")}, .mounts = {}};
  const SharedShard shard = encode_rows(rows)[0];
  const auto changed = [&](auto change) {
    SharedShard other = shard;
    change(other);
    return decode_rows(other);
  };
  const auto without = changed([](SharedShard& other) { other.blobs[1].media_type += "9"; });
  REQUIRE(without);
  CHECK(without->steps[0].layer == layer("one"));
  CHECK_FALSE(without->steps[0].trace);
  const auto big = changed([](SharedShard& other) { other.blobs[1].size = k_shared_trace_limit + 1; });
  REQUIRE(big);
  CHECK_FALSE(big->steps[0].trace);
  const auto replaced = [&](const std::string& from, const std::string& to) {
    return changed([&](SharedShard& other) {
      const std::size_t at = other.rows.find(from);
      REQUIRE(at != std::string::npos);
      other.rows.replace(at, from.size(), to);
    });
  };
  CHECK_FALSE(replaced("\"trace\":1", "\"trace\":2"));
  CHECK_FALSE(replaced("\"trace\":1", "\"trace\":\"1\""));
  CHECK_FALSE(replaced("\"command\":\"", "\"command\":\"x"));
  CHECK_FALSE(replaced("\"command\":", "\"commands\":"));
  // What a program that knows no traces would have written.
  const auto old = replaced("\"trace\":1,", "");
  REQUIRE(old);
  CHECK_FALSE(old->steps[0].trace);
}

TEST_CASE("a trace joins the result that it is of, and no other") {
  const SharedStep bare = step('a', "", layer("one"));
  const auto merged = [](SharedStep there, SharedStep added) {
    const SharedRows before{.steps = {std::move(there)}, .mounts = {}};
    const SharedRows more{.steps = {std::move(added)}, .mounts = {}};
    const SharedRows after = merge_rows(before, more);
    REQUIRE(after.steps.size() == 1);
    CHECK(contains_rows(after, more));
    CHECK(contains_rows(after, before));
    CHECK(contains_rows(before, more) == (after == before));
    return after.steps[0];
  };
  CHECK(merged(bare, with_trace(bare, "x")) == with_trace(bare, "x"));
  CHECK(merged(with_trace(bare, "x"), bare) == with_trace(bare, "x"));
  CHECK(merged(with_trace(bare, "x"), with_trace(bare, "y")) == with_trace(bare, "x"));
  CHECK(merged(bare, with_trace(step('a', "", layer("two")), "x")) == bare);
  const SharedStep unfetchable = step('a', "", layer("one", false));
  CHECK(merged(with_trace(unfetchable, "x"), bare) == with_trace(bare, "x"));
  CHECK(merged(with_trace(unfetchable, "x"), step('a', "", layer("two"))) == step('a', "", layer("two")));
  const SharedStep nothing = step('b', "one", std::nullopt);
  CHECK(merged(nothing, with_trace(nothing, "x")) == with_trace(nothing, "x"));
  CHECK(merged(nothing, with_trace(step('b', "one", layer("two")), "x")) == nothing);
}

TEST_CASE("the traces of what was used longest ago fall out") {
  SharedRows rows{.steps = {with_trace(step('a', "", layer("1"), 3), "1", 20),
                            with_trace(step('b', "", layer("2"), 1), "2", 20),
                            with_trace(step('c', "", layer("3"), 4), "3", 20)},
                  .mounts = {}};
  SharedRows few = rows;
  bound_rows(few, {.traces = 2});
  REQUIRE(few.steps.size() == 3);
  CHECK(few.steps[1].trace);
  CHECK_FALSE(few.steps[2].trace);
  CHECK(few.steps[2].key == hex('b'));
  bound_rows(rows, {.trace_bytes = 39});
  CHECK(rows.steps[0].trace);
  CHECK_FALSE(rows.steps[1].trace);
  CHECK_FALSE(rows.steps[2].trace);
}
