// Which step of the build cache made a layer of an image.
#include "build/traced_images.hpp"

#include "base/posix.hpp"
#include "build/build_cache.hpp"
#include "build/step_traces.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message());
  return *std::move(result);
}

struct Fixture {
  testing::TemporaryDirectory scratch;
  std::unique_ptr<Workshop> workshop = testing::open_workshop(scratch.path() + "/store");
  std::unique_ptr<BuildCache> cache =
      must(BuildCache::open(workshop->store().database(), workshop->layers()));
  oci::Image image;

  /// A layer of the image, and its directory id.
  std::string layer(const std::string& created_by) {
    const oci::DiffId diff_id{oci::Digest::of(created_by)};
    image.config.history.push_back({.created_by = created_by});
    image.config.diff_ids.push_back(diff_id);
    const fs::Layer made = must(workshop->layers().publish(must(workshop->layers().draft())));
    return must(workshop->layers().seal(made.id, diff_id.digest.to_string(), 1024)).id;
  }
  void row(const std::string& key, const std::string& text, const std::string& layer,
           const std::string& below, const KeyInputs& inputs, std::int64_t now = 1) {
    REQUIRE(
        cache->add({.key = key, .layer_id = layer, .below_id = below, .text = text, .inputs = &inputs}, now));
  }
  void trace(const std::string& key) {
    StepTraces traces(workshop->store().database(), workshop->layers());
    REQUIRE(traces.add("command of " + key, key, {{.path = key}}, 1));
  }
};

const KeyInputs k_run = {{"kind", "run"}};

}  // namespace

TEST_CASE("each layer of an image has its step, by the layer that it was made on and by its text") {
  Fixture fixture;
  const std::string base = fixture.layer("a base");
  fixture.image.config.history.push_back({.created_by = "ENV A=1", .empty_layer = true});
  const std::string copied = fixture.layer("COPY src /src");
  const std::string made = fixture.layer("RUN /bin/sh -c make all && make install");
  fixture.row("copy", "copy: src /src", copied, "", {{"kind", "copy"}});
  fixture.row("elsewhere", "run: make all && make ...", made, "other", k_run, 9);
  fixture.row("here", "run: make all && make ...", made, copied, k_run, 5);
  fixture.row("otherwise", "run: true", made, copied, k_run, 9);
  for (const char* key : {"elsewhere", "here", "otherwise"}) fixture.trace(key);
  const auto steps = must(traces_of_image(*fixture.workshop, fixture.image));
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].step == 1);
  CHECK(steps[0].text == "a base");
  CHECK(steps[0].key.empty());
  CHECK(steps[0].missing == "it did not run here");
  CHECK(steps[1].step == 3);
  CHECK(steps[1].key == "copy");
  CHECK(steps[1].missing == "it runs no program of the image");
  CHECK(steps[2].step == 4);
  CHECK(steps[2].key == "here");
  REQUIRE(steps[2].trace);
  CHECK(steps[2].trace->front().path == "here");
  CHECK(steps[2].missing.empty());
}

TEST_CASE("of steps that are alike the one with a trace is taken") {
  Fixture fixture;
  const std::string made = fixture.layer("RUN /bin/sh -c make");
  fixture.row("untraced", "run: make", made, "", k_run, 9);
  fixture.row("traced", "run: make", made, "", k_run, 5);
  fixture.trace("traced");
  CHECK(must(traces_of_image(*fixture.workshop, fixture.image)).front().key == "traced");
}

TEST_CASE("why a step has no trace") {
  Fixture fixture;
  const std::string first = fixture.layer("RUN a"), second = fixture.layer("RUN b"),
                    third = fixture.layer("RUN c");
  fixture.row("a", "run: a", first, "", {{"kind", "run"}, {"network", "host"}});
  fixture.row("b", "run: b", second, first, {{"kind", "run"}, {"mount /x", "type=ssh source='' from=''"}});
  fixture.row("c", "run: c", third, second, k_run);
  const auto steps = must(traces_of_image(*fixture.workshop, fixture.image));
  CHECK(steps[0].missing == "it had the host's network");
  CHECK(steps[1].missing == "it had an ssh-agent");
  CHECK(steps[2].missing == "it ran without --cache=traced, or used its network");
}

TEST_CASE("layers below an entry of the history") {
  Fixture fixture;
  fixture.layer("RUN a");
  fixture.image.config.history.push_back({.created_by = "RUN b", .empty_layer = true});
  fixture.layer("RUN c");
  CHECK(layers_below(fixture.image, 1) == 0);
  CHECK(layers_below(fixture.image, 2) == 1);
  CHECK(layers_below(fixture.image, 3) == 1);
}

TEST_CASE("a history that does not fit the layers is refused") {
  Fixture fixture;
  fixture.layer("RUN a");
  fixture.image.config.history.clear();
  const auto steps = traces_of_image(*fixture.workshop, fixture.image);
  REQUIRE_FALSE(steps);
  CHECK(steps.error().kind() == ErrorKind::invalid);
}
