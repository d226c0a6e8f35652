// The engine with a fake executor: order, cache, reasons and results, without a container.
#include <algorithm>
#include <map>
#include <mutex>

#include "base/atomic_file.hpp"
#include "base/database_scan.hpp"
#include "base/hash.hpp"
#include "base/posix.hpp"
#include "build/garbage.hpp"
#include "build/session.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::recipes;

namespace {

/// Each RUN writes a file named by its script; "fail" fails, "nothing" changes nothing.
class FakeExecutor final : public StepExecutor {
public:
  explicit FakeExecutor(Session& session) : m_session(session) {}
  Result<> check(const PreparedStep& step) override {
    const auto* run = step.plan->as<RunStep>();
    if (run && std::get<std::string>(run->command) == impossible)
      return fail(ErrorKind::unsupported, "this host lacks something");
    return {};
  }
  Result<StepOutcome> execute(const StepScope& scope) override {
    const auto* run = scope.step.plan->as<RunStep>();
    const std::string script = run ? std::get<std::string>(run->command) : "copied";
    {
      const std::scoped_lock lock(m_mutex);
      ran.push_back(script);
      below[script] = scope.below.layers.size();
    }
    if (script == "fail") return fail(ErrorKind::system, "it failed");
    if (script == "nothing") return StepOutcome{};
    fs::LayerDraft draft = TRY(m_session.workshop.layers().draft());
    Fd file = TRY(posix::open_at(draft.diff(), sha256_hex(script), O_WRONLY | O_CREAT, 0644));
    TRY(posix::write_full(file, script));
    TRY(posix::set_times_at(draft.diff(), sha256_hex(script), {}));
    scope.output(script);
    StepOutcome outcome{TRY(m_session.workshop.layers().publish(std::move(draft))), script.size(), 1};
    if (const auto packages = found.find(script); packages != found.end()) outcome.found = packages->second;
    return outcome;
  }
  std::map<std::string, KeyInputs> found;  // by its script: what running the step tells
  std::string impossible;                  // the script that this host cannot run
  std::vector<std::string> ran;
  std::map<std::string, std::size_t> below;

private:
  Session& m_session;
  std::mutex m_mutex;
};

class Recorder final : public BuildObserver {
public:
  void planned(std::size_t total) override { total_steps = total; }
  void step_started(const StepInfo&) override { ++started; }
  void step_output(const StepInfo&, std::string_view bytes) override { output += bytes; }
  void step_finished(const StepInfo& step, const StepResult& result) override { results[step.text] = result; }
  void note(const std::string& message) override { notes.push_back(message); }
  std::size_t total_steps = 0, started = 0;
  std::string output;
  std::map<std::string, StepResult> results;
  std::vector<std::string> notes;
};

struct Built {
  Result<BuildResult> result;
  std::vector<std::string> ran;
  std::map<std::string, std::size_t> below;
  Recorder observer;
};

struct Fixture {
  testing::TemporaryDirectory scratch;
  std::string context = scratch.path() + "/context";
  std::unique_ptr<Workshop> workshop = testing::open_workshop(scratch.path() + "/store");
  BuildOptions options;
  std::map<std::string, KeyInputs> found;
  std::string impossible;

  Fixture() {
    REQUIRE(posix::make_directories(context, 0755));
    options.context_directory = context;
    options.explain = true;
    options.jobs = 3;
    options.now = 1'000'000;
  }
  Built build(const Recipe& recipe) { return build_in(*workshop, recipe); }
  Built build_in(Workshop& in, const Recipe& recipe) {
    const CancelToken cancel;
    Session session(in, recipe, options, cancel);
    Recorder observer;
    if (auto prepared = prepare(session); !prepared) return {std::unexpected(prepared.error()), {}, {}, {}};
    FakeExecutor executor(session);
    executor.found = found;
    executor.impossible = impossible;
    auto result = run_build(session, executor, observer);
    return {std::move(result), executor.ran, executor.below, observer};
  }
};

Step script(std::string text) {
  return {RunStep{.command = text}, {.line = 7, .column = 1}, "run: " + text};
}
Step copy(std::string source) {
  CopyStep step;
  step.sources = {source};
  step.destination = "/";
  return {step, {}, "copy: " + source};
}
Step linked(std::string source) {
  Step step = copy(source);
  std::get<CopyStep>(step.kind).link = true;
  return step;
}
Step env(std::string name, std::string value) {
  return {EnvStep{{{name, value}}}, {}, "env: " + name};
}
Recipe single(std::vector<Step> steps) {
  Recipe recipe;
  recipe.file = "recipe.yaml";
  Stage stage;
  stage.name = "main";
  stage.from = FromScratch{};
  stage.steps = std::move(steps);
  recipe.stages = {stage};
  return recipe;
}
using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a second build runs nothing, says so, and has the same image") {
  Fixture fixture;
  const Recipe recipe = single({script("a"), env("X", "1"), script("b")});
  const Built first = fixture.build(recipe);
  REQUIRE(first.result);
  CHECK(first.ran == Words{"a", "b"});
  CHECK(first.result->steps_run == 4);
  const Built second = fixture.build(recipe);
  REQUIRE(second.result);
  CHECK(second.ran.empty());
  CHECK(second.result->steps_run == 0);
  CHECK(second.result->steps_cached == 4);
  CHECK(second.observer.results.size() == 4);
  for (const auto& [text, result] : second.observer.results) {
    INFO(text);
    CHECK(result.state == StepResult::State::cached);
  }
  CHECK(first.result->image_id == second.result->image_id);
  CHECK(first.result->manifest == second.result->manifest);
}

TEST_CASE("another store and another number of jobs give the same image") {
  Fixture fixture;
  Recipe recipe = single({script("a"), script("b"), script("nothing"), script("c")});
  const Built first = fixture.build(recipe);
  const auto other = testing::open_workshop(fixture.scratch.path() + "/other");
  fixture.options.jobs = 1;
  fixture.options.now = 2'000'000;
  const Built second = fixture.build_in(*other, recipe);
  REQUIRE(first.result);
  REQUIRE(second.result);
  CHECK(first.result->image_id == second.result->image_id);
  const auto image = other->images().load(second.result->manifest);
  REQUIRE(image);
  CHECK(image->config.diff_ids.size() == 3);
  REQUIRE(image->config.history.size() == 4);
  CHECK(image->config.history[2].empty_layer);
  CHECK(image->config.created == "1970-01-01T00:00:00Z");
}

TEST_CASE("a changed step reruns with what follows it, and the reasons say why") {
  Fixture fixture;
  REQUIRE(fixture.build(single({script("a"), env("X", "1"), script("b"), script("c")})).result);
  const Built built = fixture.build(single({script("a"), env("X", "2"), script("b"), script("c")}));
  REQUIRE(built.result);
  CHECK(built.ran == Words{"b", "c"});
  CHECK(built.observer.results.at("run: a").state == StepResult::State::cached);
  CHECK(built.observer.results.at("run: b").reasons.front() == "env 'X' changed: '1' -> '2'");
  CHECK(built.observer.results.at("run: c").reasons.front() == "env 'X' changed: '1' -> '2'");
  const Built fresh = fixture.build(single({script("new")}));
  CHECK(fresh.observer.results.at("run: new").reasons ==
        Words{"command changed: '/bin/sh -c a' -> '/bin/sh -c new'"});
}

TEST_CASE("a changed file reruns its copy, and is named") {
  Fixture fixture;
  testing::write_file(fixture.context + "/src/main.c", "one");
  testing::write_file(fixture.context + "/other", "x");
  const Recipe recipe = single({script("before"), copy("src"), script("after")});
  REQUIRE(fixture.build(recipe).result);
  testing::write_file(fixture.context + "/other", "changed, but nobody copies it");
  CHECK(fixture.build(recipe).ran.empty());
  testing::write_file(fixture.context + "/src/main.c", "two");
  testing::write_file(fixture.context + "/src/new.c", "");
  const Built built = fixture.build(recipe);
  REQUIRE(built.result);
  CHECK(built.ran == Words{"copied", "after"});
  CHECK(built.observer.results.at("copy: src").reasons ==
        Words{"file 'src/main.c' changed", "file 'src/new.c' is new"});
  CHECK(built.observer.results.at("run: after").reasons == Words{"the step before it ran: copy: src"});
}

TEST_CASE("with the traced cache a step whose tree was made anew and came out the same is not repeated") {
  Fixture fixture;
  fixture.options.cache = CacheUse::traced;
  testing::write_file(fixture.context + "/src/main.c", "one");
  // What the fake copies is always the same.
  const Recipe recipe = single({copy("src"), script("after"), script("last")});
  const Built first = fixture.build(recipe);
  REQUIRE(first.result);
  testing::write_file(fixture.context + "/src/main.c", "two");
  const Built second = fixture.build(recipe);
  REQUIRE(second.result);
  CHECK(second.ran == Words{"copied"});
  CHECK(second.observer.results.at("run: after").state == StepResult::State::cached);
  CHECK(second.observer.results.at("run: last").reasons ==
        Words{"the tree below it is the same as before, though steps there ran again"});
  CHECK(second.result->image_id == first.result->image_id);
  fixture.options.cache = CacheUse::exact;
  testing::write_file(fixture.context + "/src/main.c", "three");
  CHECK(fixture.build(recipe).ran == Words{"copied", "after", "last"});
}

TEST_CASE("after a failure, what finished is cached, and the failure says where") {
  Fixture fixture;
  const Built failed = fixture.build(single({script("a"), script("fail"), script("b")}));
  REQUIRE_FALSE(failed.result);
  CHECK(failed.result.error().message() == "it failed");
  CHECK(failed.result.error().trace().front().find("recipe.yaml:7") != std::string::npos);
  CHECK(failed.observer.results.at("run: fail").state == StepResult::State::failed);
  CHECK_FALSE(failed.observer.results.contains("run: b"));
  const Built again = fixture.build(single({script("a"), script("good"), script("b")}));
  REQUIRE(again.result);
  CHECK(again.ran == Words{"good", "b"});
}

TEST_CASE("what this host lacks for a step that must run is told before any step runs") {
  Fixture fixture;
  REQUIRE(fixture.build(single({script("b")})).result);
  fixture.impossible = "b";
  const Built refused = fixture.build(single({script("a"), script("b")}));
  REQUIRE_FALSE(refused.result);
  CHECK(refused.ran.empty());
  CHECK(refused.observer.started == 0);
  CHECK(refused.result.error().kind() == ErrorKind::unsupported);
  REQUIRE(refused.result.error().trace().size() == 1);
  CHECK(refused.result.error().trace().front().find("run: b") != std::string::npos);
  // It is not asked where the result is there already.
  CHECK(fixture.build(single({script("b")})).result);
}

TEST_CASE("without the cache everything runs, and what follows uses the new results") {
  Fixture fixture;
  const Recipe recipe = single({script("a"), script("b")});
  REQUIRE(fixture.build(recipe).result);
  fixture.options.no_cache = true;
  const Built built = fixture.build(recipe);
  CHECK(built.ran == Words{"a", "b"});
  CHECK(built.observer.results.at("run: a").reasons == Words{"--no-cache"});
  fixture.options.no_cache = false;
  CHECK(fixture.build(recipe).ran.empty());
}

TEST_CASE("packages that changed are named, and are no part of the key") {
  Fixture fixture;
  const Recipe recipe = single({script("system"), script("b")});
  fixture.found["system"] = {{"package a:all", "1"}, {"package b:all", "1"}};
  CHECK(fixture.build(recipe).observer.results.at("run: system").reasons ==
        Words{"no earlier run of this step"});
  fixture.found["system"] = {{"package a:all", "2"}, {"package c:all", "1"}};
  CHECK(fixture.build(recipe).ran.empty());
  fixture.options.no_cache = true;
  CHECK(fixture.build(recipe).observer.results.at("run: system").reasons ==
        Words{"--no-cache", "package 'a:all' changed: '1' -> '2'", "package 'c:all' is new",
              "package 'b:all' is gone"});
  CHECK(fixture.build(recipe).observer.results.at("run: system").reasons == Words{"--no-cache"});
  // Another script at the same place: the packages of the old one are no reason.
  fixture.options.no_cache = false;
  const Built other = fixture.build(single({script("other"), script("b")}));
  CHECK(other.observer.results.at("run: other").reasons ==
        Words{"command changed: '/bin/sh -c system' -> '/bin/sh -c other'"});
}

TEST_CASE("a build in which nothing changed looks for its steps only") {
  Fixture fixture;
  for (int i = 0; i < 10; ++i)
    REQUIRE(fixture.build(single({script(fmt::format("other {}", i)), script("x")})).result);
  const Recipe recipe = single({script("a"), script("b")});
  REQUIRE(fixture.build(recipe).result);
  const std::int64_t before = rows_scanned();
  CHECK(fixture.build(recipe).ran.empty());
  CHECK(rows_scanned() == before);
}

TEST_CASE("a key of content is found by its family") {
  Fixture fixture;
  REQUIRE(fixture.build(single({script("a")})).result);
  const auto cache =
      BuildCache::open(fixture.workshop->store().database(), fixture.workshop->layers()).value();
  CHECK_FALSE(cache->has_family("bootstrap x").value());
  const KeyInputs inputs = {{"package a:all", "1"}, {"sources", "deb"}};
  REQUIRE(cache->add({.key = "bootstrap x y", .layer_id = "", .below_id = "", .text = "t", .inputs = &inputs},
                     fixture.options.now));
  CHECK(cache->has_family("bootstrap x").value());
  CHECK_FALSE(cache->has_family("boot").value());
  CHECK_FALSE(cache->has_family("bootstrap x y").value());
  CHECK(cache->inputs_of("bootstrap x y").value() == inputs);
  CHECK_FALSE(cache->inputs_of("bootstrap x z").value());
  CHECK(cache->find({{"bootstrap x y", std::nullopt}}).value().front());
}

TEST_CASE("stages that nobody needs any more do not run") {
  Fixture fixture;
  Recipe recipe = single({script("tool")});
  recipe.stages[0].name = "tool";
  Stage final_stage;
  final_stage.name = "final";
  final_stage.from = FromScratch{};
  CopyStep from_tool;
  from_tool.from = "tool";
  from_tool.sources = {"/x"};
  from_tool.destination = "/x";
  final_stage.steps = {{from_tool, {}, "copy: from tool"}};
  recipe.stages.push_back(final_stage);
  const Built first = fixture.build(recipe);
  REQUIRE(first.result);
  CHECK(first.ran == Words{"tool", "copied"});
  // The tool's layer is gone; what was copied from it is not.
  REQUIRE(fixture.workshop->store().database().execute("DELETE FROM build_steps WHERE text = 'run: tool'"));
  const Built second = fixture.build(recipe);
  REQUIRE(second.result);
  CHECK(second.ran.empty());
  CHECK(second.observer.results.at("run: tool").reasons == Words{"not needed: what follows is cached"});
  CHECK(first.result->image_id == second.result->image_id);
}

TEST_CASE("a step whose parent's layer is gone runs again with its parent") {
  Fixture fixture;
  const Recipe recipe = single({script("a"), script("b")});
  REQUIRE(fixture.build(recipe).result);
  REQUIRE(fixture.workshop->store().database().execute("DELETE FROM build_steps WHERE text = 'run: a'"));
  const Built built = fixture.build(recipe);
  REQUIRE(built.result);
  CHECK(built.ran == Words{"a", "b"});
  CHECK(fixture.build(recipe).ran.empty());
}

TEST_CASE("127 layers") {
  Fixture fixture;
  std::vector<Step> steps;
  for (int i = 0; i < 127; ++i) steps.push_back(script("step " + std::to_string(i)));
  const Built built = fixture.build(single(steps));
  REQUIRE(built.result);
  CHECK(built.below.at("step 126") == 126);
  const auto image = fixture.workshop->images().load(built.result->manifest);
  REQUIRE(image);
  CHECK(image->config.diff_ids.size() == 127);
  // Each is a blob although none is a file.
  for (const oci::Descriptor& layer : image->manifest.layers) {
    auto source = fixture.workshop->blobs().open_blob(layer);
    REQUIRE(source);
    NullSink nowhere;
    const auto size = copy_stream(**source, nowhere);
    REQUIRE(size);
    CHECK(*size == layer.size);
  }
}

TEST_CASE("prune keeps what images and live builds use, and removes the rest") {
  Fixture fixture;
  fixture.options.tags = {*oci::Reference::parse("localhost/app:latest")};
  const Built kept = fixture.build(single({script("kept")}));
  REQUIRE(kept.result);
  fixture.options.tags.clear();
  REQUIRE(fixture.build(single({script("dangling")})).result);

  // This process used them: nothing goes.
  const auto live = prune(*fixture.workshop, {});
  REQUIRE(live);
  CHECK(live->images.empty());
  CHECK(live->layers == 0);

  fixture.workshop.reset();
  fixture.workshop = testing::open_workshop(fixture.scratch.path() + "/store");
  const auto report = prune(*fixture.workshop, {});
  REQUIRE(report);
  CHECK(report->images.size() == 1);
  CHECK(report->layers == 1);
  CHECK(report->blobs == 2);
  CHECK(report->cache_entries == 1);
  CHECK(report->bytes > 0);
  CHECK(fixture.build(single({script("kept")})).ran.empty());
  CHECK(fixture.build(single({script("dangling")})).ran == Words{"dangling"});
}

TEST_CASE("prune without the cache keeps the layers of cached steps") {
  Fixture fixture;
  REQUIRE(fixture.build(single({script("a")})).result);
  fixture.workshop.reset();
  fixture.workshop = testing::open_workshop(fixture.scratch.path() + "/store");
  PruneOptions options;
  options.cache = false;
  const auto report = prune(*fixture.workshop, options);
  REQUIRE(report);
  CHECK(report->images.size() == 1);
  CHECK(report->layers == 0);
  CHECK(fixture.build(single({script("a")})).ran.empty());
}

TEST_CASE("the settings of all steps together are bounded") {
  Fixture fixture;
  std::vector<Step> steps = {env("BIG", std::string(32u << 20, 'x'))};
  for (int i = 0; i < 9; ++i) steps.push_back(script(std::to_string(i)));
  const Built built = fixture.build(single(std::move(steps)));
  REQUIRE_FALSE(built.result);
  CHECK(built.result.error().kind() == ErrorKind::limit);
}

TEST_CASE("a COPY without a context is an error") {
  Fixture fixture;
  fixture.options.context_directory.clear();
  const Built built = fixture.build(single({copy("x")}));
  REQUIRE_FALSE(built.result);
  CHECK_FALSE(built.result.error().hint_text().empty());
}

TEST_CASE("a linked copy stands on nothing, and stays when what is below changes") {
  Fixture fixture;
  testing::write_file(fixture.context + "/file", "1");
  const Built first = fixture.build(single({script("a"), linked("file"), env("X", "1"), script("b")}));
  REQUIRE(first.result);
  CHECK(first.below.at("copied") == 0);
  CHECK(first.below.at("b") == 2);
  const Built second = fixture.build(single({script("other"), linked("file"), env("X", "1"), script("b")}));
  REQUIRE(second.result);
  CHECK(second.ran == Words{"other", "b"});
  CHECK(second.below.at("b") == 2);
  CHECK(first.result->image_id != second.result->image_id);
  CHECK(fixture.build(single({script("a"), linked("file"), env("X", "1"), script("b")})).ran.empty());
  // With a mode it is an ordinary copy, as docker has it.
  Step ordinary = linked("file");
  std::get<CopyStep>(ordinary.kind).mode = 0600;
  CHECK(fixture.build(single({script("a"), ordinary})).below.at("copied") == 1);
}

TEST_CASE("what stands on a linked copy belongs to all that is below") {
  Fixture fixture;
  testing::write_file(fixture.context + "/file", "1");
  const Recipe recipe = single({script("a"), linked("file"), linked("file"), script("b")});
  REQUIRE(fixture.build(recipe).result);
  // The lowest step's result is gone: it runs again, and so does what stood on it; the copies need not.
  REQUIRE(fixture.workshop->store().database().execute("DELETE FROM build_steps WHERE text = 'run: a'"));
  const Built built = fixture.build(recipe);
  REQUIRE(built.result);
  CHECK(built.ran == Words{"a", "b"});
  CHECK(built.below.at("b") == 3);
  CHECK(fixture.build(recipe).ran.empty());
}

TEST_CASE("what a base has counts too before an image's config has too much, and nothing runs then") {
  Fixture fixture;
  EnvStep half;
  for (int i = 0; i < 6'000; ++i) half.variables.emplace_back("A" + std::to_string(i), "");
  EnvStep other;
  for (int i = 0; i < 6'000; ++i) other.variables.emplace_back("B" + std::to_string(i), "");
  Recipe recipe = single({script("first"), {half, {}, "env"}});
  Stage above;
  above.name = "above";
  above.from = FromStage{"main"};
  above.steps = {{other, {}, "env"}};
  recipe.stages.push_back(above);
  const Built built = fixture.build(recipe);
  REQUIRE_FALSE(built.result);
  CHECK(built.result.error().kind() == ErrorKind::limit);
  CHECK(built.result.error().message().contains("at most 10000 variables"));
  CHECK(built.ran.empty());
}
