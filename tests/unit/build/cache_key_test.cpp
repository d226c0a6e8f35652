#include "build/cache_key.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::recipes;

namespace {
const KeySettings k_settings{
    .platform = "linux/amd64", .epoch = "0", .default_network = "private", .shell = {"/bin/sh", "-c"}};

std::string key_of(StepKind kind, const oci::ImageConfig& config = {}, const std::string& parent = "p") {
  PlanStep step;
  step.what = std::move(kind);
  return key_digest(step_inputs(step, config, k_settings, parent));
}
RunStep run(std::string script) {
  return RunStep{.command = std::move(script)};
}
}  // namespace

TEST_CASE("the bytes of a key are a promise") {
  // A change here throws away every cache there is: raise k_cache_key_version and say so.
  CHECK(key_digest({}) == key_digest({}));
  CHECK(key_digest({{"a", "b"}}).size() == 64);
  CHECK(key_digest({{"a", "bc"}}) != key_digest({{"ab", "c"}}));
  CHECK(key_digest({{"a", "b"}, {"c", "d"}}) != key_digest({{"c", "d"}, {"a", "b"}}));
  CHECK(key_digest({{"a", ""}}) != key_digest({{"", "a"}}));
}

TEST_CASE("everything that a RUN depends on is in its key") {
  const std::string base = key_of(run("make"));
  CHECK(base == key_of(run("make")));
  CHECK(base != key_of(run("make x")));
  CHECK(base != key_of(run("make"), {}, "other parent"));
  CHECK(base != key_of(RunStep{.command = std::vector<std::string>{"make"}}));
  CHECK(base == key_of(RunStep{.command = std::vector<std::string>{"/bin/sh", "-c", "make"}}));
  const std::string file = key_of(RunStep{.command = InlineFile{"x", "#!/bin/sh"}});
  CHECK(file != key_of(RunStep{.command = InlineFile{"x", "#!/bin/bash"}}));
  CHECK(file != key_of(RunStep{.command = std::vector<std::string>{"/dev/pipes/x"}}));

  oci::ImageConfig config;
  config.env = {"A=1", "B=2"};
  const std::string with_environment = key_of(run("make"), config);
  CHECK(with_environment != base);
  config.env = {"B=2", "A=1"};
  CHECK(with_environment == key_of(run("make"), config));  // the order says nothing
  config.user = "web";
  CHECK(with_environment != key_of(run("make"), config));

  RunStep changed = run("make");
  changed.network = StepNetwork::none;
  CHECK(base != key_of(changed));
  changed = run("make");
  changed.network = StepNetwork::private_network;
  CHECK(base == key_of(changed));  // says what the default is
  changed.env = {{"X", "1"}};
  CHECK(base != key_of(changed));
  changed = run("make");
  Mount mount;
  mount.type = Mount::Type::cache;
  mount.target = "/c";
  changed.mounts = {mount};
  const std::string with_cache = key_of(changed);
  CHECK(base != with_cache);
  changed.mounts[0].id = "other";
  CHECK(with_cache != key_of(changed));
}

TEST_CASE("labels do not concern a RUN, and lists have no seams") {
  oci::ImageConfig config;
  const std::string base = key_of(run("x"), config);
  config.labels["a"] = "b";
  CHECK(base == key_of(run("x"), config));
  CHECK(key_of(RunStep{.command = std::vector<std::string>{"a b"}}) !=
        key_of(RunStep{.command = std::vector<std::string>{"a", "b"}}));
}

TEST_CASE("a copy depends on where it goes, not on the words for it") {
  CopyStep copy;
  copy.sources = {"a"};
  copy.destination = "x";
  oci::ImageConfig config;
  config.working_dir = "/app";
  const std::string relative = key_of(copy, config);
  copy.destination = "/app/x";
  CHECK(relative == key_of(copy, config));
  copy.destination = "/app/x/";
  CHECK(relative != key_of(copy, config));
  copy.destination = "/app/x";
  copy.mode = 0;
  CHECK(relative != key_of(copy, config));
}

TEST_CASE("inputs survive the database") {
  const KeyInputs inputs = {{"command", std::string("a\0b\n", 4)}, {"file x", "\xff"}, {"", ""}};
  StringSink sink;
  REQUIRE(write_inputs(inputs, sink));
  const std::string bytes = sink.bytes();
  const auto decoded = decode_inputs(bytes);
  REQUIRE(decoded);
  CHECK(*decoded == inputs);
  CHECK(decoded->size() == 3);
  CHECK(std::ranges::equal(*decoded,
                           std::vector<KeyInput>{{"command", {"a\0b\n", 4}}, {"file x", "\xff"}, {"", ""}}));
  KeyInputs twice = inputs;
  twice.append(inputs);
  CHECK(twice.size() == 6);
  CHECK(twice.find("file x") == "\xff");
  CHECK_FALSE(twice.find("file y"));
  twice.replace("file x", "z");
  CHECK(std::ranges::count(twice, "z", &KeyInput::value) == 2);
  CHECK_FALSE(decode_inputs(bytes.substr(0, bytes.size() - 1)));
  CHECK_FALSE(decode_inputs(bytes + "x"));
}

TEST_CASE("the difference of two keys is told in words") {
  const KeyInputs before = {
      {"command", "make"}, {"env A", "1"}, {"file a.c", "11"}, {"file b.c", "22"}, {"parent", "p"}};
  const KeyInputs after = {
      {"command", "make"}, {"env A", "2"}, {"file a.c", "12"}, {"file c.c", "33"}, {"parent", "q"}};
  const auto reasons = explain_difference(before, after, "run: apt");
  CHECK(reasons == std::vector<std::string>{"env 'A' changed: '1' -> '2'", "file 'a.c' changed",
                                            "file 'c.c' is new", "the step before it ran: run: apt",
                                            "file 'b.c' is gone"});
  CHECK(explain_difference(before, before, "").empty());
  CHECK(explain_difference(before, after, "", 2).back() == "and 3 more");
}
