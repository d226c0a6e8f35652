#include "build/commit.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::recipes;

TEST_CASE("config and manifest of a build on a base image") {
  Recipe recipe;
  Stage stage;
  stage.name = "main";
  stage.from = FromImage{"base"};
  stage.steps = {{EnvStep{{{"A", "b"}}}, {}, "env: A=b"},
                 {RunStep{.command = std::string("x")}, {}, "run: x"},
                 {EntrypointStep{{"/bin/x"}, true}, {}, "entrypoint: /bin/x"}};
  stage.annotations = {{"k", "v"}};
  recipe.stages = {stage};
  const auto plan = make_plan(recipe, "");
  REQUIRE(plan);

  auto base = std::make_shared<oci::Image>();
  base->config.diff_ids = {{oci::Digest::of("base layer")}};
  base->config.history = {{.created_by = "the base's own"}};
  base->config.cmd = {"sh"};
  oci::Descriptor blob;
  blob.media_type = oci::media_type::k_docker_layer;
  blob.digest = oci::Digest::of("compressed");
  blob.size = 10;
  base->manifest.layers = {blob};

  std::vector<PreparedStep> prepared(4);
  for (std::size_t i = 0; i < 4; ++i) {
    prepared[i].plan = &plan->steps[i];
    prepared[i].base = base;
    prepared[i].shell = {"/bin/sh", "-c"};
    oci::ImageConfig config;
    config.env = {"A=b"};
    prepared[i].after = std::make_shared<const oci::ImageConfig>(config);
  }
  const std::string diff_id = oci::Digest::of("new layer").to_string();
  const std::vector<CommittedStep> steps = {{&prepared[0], {}},
                                            {&prepared[1], {}},
                                            {&prepared[2], fs::Layer{"id", diff_id, 2048}},
                                            {&prepared[3], {}}};
  const auto parts = make_image(*plan, steps, {.clamp = 0, .created = 86400});
  REQUIRE(parts);

  REQUIRE(parts->manifest.layers.size() == 2);
  // Docker's type becomes the OCI one of the same bytes; the digest stays.
  CHECK(parts->manifest.layers[0].media_type == oci::media_type::k_layer_gzip);
  CHECK(parts->manifest.layers[0].digest == blob.digest);
  CHECK(parts->manifest.layers[1].digest.to_string() == diff_id);
  CHECK(parts->manifest.layers[1].size == 2048);
  CHECK(parts->manifest.annotations.at("k") == "v");

  CHECK(parts->config.diff_ids.size() == 2);
  CHECK(parts->config.created == "1970-01-02T00:00:00Z");
  REQUIRE(parts->config.history.size() == 4);
  CHECK(parts->config.history[0].created_by == "the base's own");
  CHECK(parts->config.history[1].empty_layer);
  CHECK(parts->config.history[2].created_by == "RUN /bin/sh -c x");
  CHECK_FALSE(parts->config.history[2].empty_layer);
  CHECK(parts->config.history[3].created_by == "ENTRYPOINT /bin/x");
  CHECK(parts->config.history[3].empty_layer);
}
