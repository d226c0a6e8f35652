#include "oci/mutate.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

constexpr const char* k_time = "1970-01-01T00:00:00Z";

Image image_of(const ImageConfig& config) {
  Image image;
  image.config = config;
  image.config_bytes = config.to_bytes();
  image.manifest.media_type = std::string(media_type::k_manifest);
  for (const DiffId& id : config.diff_ids) {
    image.manifest.layers.push_back(
        {.media_type = std::string(media_type::k_layer), .digest = id.digest, .size = 1});
  }
  image.manifest.config = {.media_type = std::string(media_type::k_config),
                           .digest = Digest::of(image.config_bytes),
                           .size = image.config_bytes.size()};
  image.manifest_bytes = image.manifest.to_bytes();
  image.manifest_descriptor = {.media_type = image.manifest.media_type,
                               .digest = Digest::of(image.manifest_bytes),
                               .size = image.manifest_bytes.size()};
  return image;
}

void add_layer(ImageConfig& config, const std::string& name) {
  config.diff_ids.push_back({Digest::of(name)});
  config.history.push_back({.created = k_time, .created_by = name});
}

ImageConfig base(const std::string& layer) {
  ImageConfig config;
  config.platform = Platform{.os = "linux", .architecture = "amd64"};
  config.env = {"PATH=/bin", "LANG=C"};
  config.labels = {{"version", "1"}, {"vendor", "v"}};
  config.cmd = std::vector<std::string>{"sh"};
  add_layer(config, layer);
  return config;
}

struct Case {
  ImageConfig old_base = base("base-1");
  ImageConfig new_base = base("base-2");
  ImageConfig image = base("base-1");
  Case() { add_layer(image, "app"); }
  RebasedImage run() const {
    const Image mine = image_of(image);
    const Image before = image_of(old_base);
    const Image next = image_of(new_base);
    return must(rebase({mine, before, next, "next"}, k_time));
  }
  ImageConfig config() const { return must(ImageConfig::parse(run().image.config_bytes, "config")); }
};

}  // namespace

TEST_CASE("own layers and their history stand on the new base") {
  Case rebased;
  add_layer(rebased.new_base, "base-2-more");
  const ImageConfig config = rebased.config();
  CHECK(config.diff_ids ==
        std::vector<DiffId>{{Digest::of("base-2")}, {Digest::of("base-2-more")}, {Digest::of("app")}});
  std::vector<std::string> history;
  for (const HistoryEntry& entry : config.history) history.push_back(entry.created_by);
  CHECK(history == std::vector<std::string>{"base-2", "base-2-more", "app"});
  const auto manifest = must(ImageManifest::parse(rebased.run().image.manifest_bytes, "manifest"));
  CHECK(manifest.layers.size() == 3);
  CHECK(manifest.annotations.empty());
}

TEST_CASE("settings of the base come from the new one, the image's own stay") {
  Case rebased;
  rebased.image.env = {"PATH=/opt:/bin", "LANG=C", "OWN=1"};
  rebased.image.labels["own"] = "yes";
  rebased.image.cmd = std::vector<std::string>{"app"};
  rebased.image.user = "app";
  rebased.new_base.env = {"PATH=/bin", "LANG=C.UTF-8", "NEW=1"};
  rebased.new_base.labels["version"] = "2";
  rebased.new_base.working_dir = "/srv";
  rebased.new_base.volumes = {"/data"};
  const ImageConfig config = rebased.config();
  CHECK(config.env == std::vector<std::string>{"PATH=/opt:/bin", "LANG=C.UTF-8", "NEW=1", "OWN=1"});
  CHECK(config.labels ==
        std::map<std::string, std::string>{{"own", "yes"}, {"vendor", "v"}, {"version", "2"}});
  CHECK(config.cmd == std::vector<std::string>{"app"});
  CHECK(config.user == "app");
  CHECK(config.working_dir == "/srv");
  CHECK(config.volumes == std::vector<std::string>{"/data"});
  CHECK(rebased.run().conflicts.empty());
}

TEST_CASE("what both changed is told, and the image's stays") {
  Case rebased;
  rebased.image.env = {"PATH=/opt", "LANG=C"};
  rebased.new_base.env = {"PATH=/usr/bin:/bin", "LANG=C"};
  rebased.image.labels.erase("vendor");
  rebased.new_base.labels["vendor"] = "w";
  rebased.image.user = "a";
  rebased.new_base.user = "b";
  rebased.image.working_dir = "/same";
  rebased.new_base.working_dir = "/same";
  CHECK(rebased.run().conflicts == std::vector<std::string>{"env PATH", "user", "label vendor"});
  const ImageConfig config = rebased.config();
  CHECK(config.env.front() == "PATH=/opt");
  CHECK_FALSE(config.labels.contains("vendor"));
  CHECK(config.user == "a");
}

TEST_CASE("the base that an image names stays true") {
  Case rebased;
  Image mine = image_of(rebased.image);
  mine.manifest.annotations = {{annotation::k_base_digest, "sha256:old"}, {annotation::k_base_name, "old"}};
  const Image before = image_of(rebased.old_base);
  const Image next = image_of(rebased.new_base);
  const RebasedImage result = must(rebase({mine, before, next, "next:1"}, k_time));
  const auto manifest = must(ImageManifest::parse(result.image.manifest_bytes, "manifest"));
  CHECK(manifest.annotations.at(annotation::k_base_digest) == next.manifest_descriptor.digest.to_string());
  CHECK(manifest.annotations.at(annotation::k_base_name) == "next:1");
}

TEST_CASE("onto its own base an image stays as it is") {
  Case rebased;
  rebased.new_base = rebased.old_base;
  const Image mine = image_of(rebased.image);
  CHECK(rebased.run().image.manifest_bytes == mine.manifest_bytes);
}

TEST_CASE("a history that was rewritten is cut by layers") {
  Case rebased;
  rebased.image.history.front().created_by = "told in another way";
  const ImageConfig config = rebased.config();
  REQUIRE(config.history.size() == 2);
  CHECK(config.history.front().created_by == "base-2");
  CHECK(config.history.back().created_by == "app");
}

TEST_CASE("what cannot be rebased is refused") {
  Case rebased;
  const Image mine = image_of(rebased.image);
  const Image before = image_of(rebased.old_base);
  const Image next = image_of(rebased.new_base);
  CHECK(contains(error_of(rebase({mine, next, before, "x"}, k_time)), "not built on"));
  ImageConfig other = rebased.new_base;
  other.platform.architecture = "arm64";
  const Image foreign = image_of(other);
  CHECK(contains(error_of(rebase({mine, before, foreign, "x"}, k_time)), "the new base is for linux/arm64"));
}
