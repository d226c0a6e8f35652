#include "oci/mutate.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

constexpr const char* k_time = "1970-01-01T00:00:00Z";

struct Fixture : StoreFixture {
  Image image(const std::vector<std::string>& layers) {
    const MadeImage made = make_image(*blobs, layers);
    must(images->add(made.manifest, {}));
    return must(images->load(made.manifest.digest));
  }
  /// The same image with another config text.
  Image with_config(Image image, const std::string& bytes) {
    image.config_bytes = bytes;
    image.config = must(ImageConfig::parse(bytes, "config"));
    return image;
  }
};

ImageConfig config_of(const NewImage& image) {
  return must(ImageConfig::parse(image.config_bytes, "config"));
}
ImageManifest manifest_of(const NewImage& image) {
  return must(ImageManifest::parse(image.manifest_bytes, "manifest"));
}
NewLayer layer(const std::string& bytes) {
  const Digest digest = Digest::of(bytes);
  return {.blob = {.media_type = std::string(media_type::k_layer), .digest = digest, .size = bytes.size()},
          .diff_id = {digest},
          .created_by = "append " + bytes};
}

}  // namespace

TEST_CASE("an image in which nothing changes keeps its bytes") {
  Fixture fixture;
  Image image = fixture.image({"one"});
  const NewImage same = must(reconfigure(image, {}, k_time));
  CHECK(same.config_bytes == image.config_bytes);
  CHECK(same.manifest_bytes == image.manifest_bytes);
  ConfigChanges changes;
  changes.env = {{"NOT_THERE", std::nullopt}};
  changes.user = image.config.user;
  CHECK(must(reconfigure(image, changes, k_time)).manifest_bytes == image.manifest_bytes);
  CHECK(must(append_layers(image, {}, k_time)).manifest_bytes == image.manifest_bytes);
  const ImageRecord record = must(store_image(*fixture.images, same, {}));
  CHECK(record.manifest == image.manifest_descriptor.digest);
}

TEST_CASE("settings change, and the history says which") {
  Fixture fixture;
  const Image image = fixture.image({"one"});
  ConfigChanges changes;
  changes.env = {{"A", "b"}, {"PATH", std::nullopt}};
  changes.labels = {{"l", "v"}};
  changes.ports = {{"80/tcp", ""}};
  changes.entrypoint = ConfigChanges::Words{"/x", "a b"};
  const NewImage changed = must(reconfigure(image, changes, k_time));
  const ImageConfig config = config_of(changed);
  CHECK(config.env.back() == "A=b");
  CHECK(config.labels.at("l") == "v");
  CHECK(config.exposed_ports == std::vector<std::string>{"80/tcp"});
  CHECK(config.entrypoint == ConfigChanges::Words{"/x", "a b"});
  CHECK_FALSE(config.cmd);
  CHECK(config.created == k_time);
  CHECK(config.history.size() == image.config.history.size() + 1);
  CHECK(config.history.back().empty_layer);
  CHECK(config.history.back().created_by ==
        "config: entrypoint /x 'a b', env A PATH-, label l, ports 80/tcp");
  CHECK(config.diff_ids == image.config.diff_ids);
  CHECK(manifest_of(changed).layers == image.manifest.layers);
  // The same again: the same bytes. And back to what it was for what is taken away.
  CHECK(must(reconfigure(image, changes, k_time)).config_bytes == changed.config_bytes);
}

TEST_CASE("a new entrypoint drops the command, unless one is given") {
  Fixture fixture;
  const Image image = fixture.image({"one"});
  ConfigChanges changes;
  changes.entrypoint = ConfigChanges::Words{"/x"};
  changes.cmd = ConfigChanges::Words{"y"};
  CHECK(config_of(must(reconfigure(image, changes, k_time))).cmd == ConfigChanges::Words{"y"});
  changes.entrypoint = std::optional<ConfigChanges::Words>();
  changes.cmd.reset();
  const ImageConfig config = config_of(must(reconfigure(image, changes, k_time)));
  CHECK_FALSE(config.entrypoint);
  CHECK(config.cmd == image.config.cmd);
}

TEST_CASE("members of a foreign config are kept, stale ones are not") {
  Fixture fixture;
  Image image = fixture.image({"one"});
  auto json = nlohmann::json::parse(image.config_bytes);
  json["os.features"] = {"x"};
  json["container"] = "0123";
  json["config"]["Hostname"] = "h";
  image = fixture.with_config(image, json.dump());
  ConfigChanges changes;
  changes.user = "somebody";
  const auto changed = nlohmann::json::parse(must(reconfigure(image, changes, k_time)).config_bytes);
  CHECK(changed.at("os.features") == nlohmann::json{"x"});
  CHECK(changed.at("config").at("Hostname") == "h");
  CHECK(changed.at("config").at("User") == "somebody");
  CHECK_FALSE(changed.contains("container"));
}

TEST_CASE("annotations alone leave the image ID") {
  Fixture fixture;
  const Image image = fixture.image({"one"});
  ConfigChanges changes;
  changes.annotations = {{"a", "b"}};
  const NewImage changed = must(reconfigure(image, changes, k_time));
  CHECK(changed.config_bytes == image.config_bytes);
  CHECK(manifest_of(changed).annotations.at("a") == "b");
}

TEST_CASE("layers are appended") {
  Fixture fixture;
  const Image image = fixture.image({"one"});
  const NewImage appended = must(append_layers(image, {layer("two"), layer("three")}, k_time));
  const ImageConfig config = config_of(appended);
  CHECK(config.diff_ids.size() == 3);
  CHECK(config.diff_ids.back() == layer("three").diff_id);
  CHECK(manifest_of(appended).layers.back() == layer("three").blob);
  CHECK(config.history.back().created_by == "append three");
  const NewImage fresh =
      must(append_layers(empty_image(must(Platform::parse("linux/arm64"))), {layer("x")}, k_time));
  CHECK(config_of(fresh).platform.architecture == "arm64");
  CHECK(config_of(fresh).diff_ids.size() == 1);
}

TEST_CASE("replaced layers leave their history without layers") {
  Fixture fixture;
  const Image image = fixture.image({"one", "two", "three"});
  const NewImage squashed = must(replace_layers(image, 1, layer("merged"), k_time));
  const ImageConfig config = config_of(squashed);
  CHECK(config.diff_ids == std::vector<DiffId>{image.config.diff_ids[0], layer("merged").diff_id});
  CHECK(manifest_of(squashed).layers.size() == 2);
  std::size_t with_layer = 0;
  for (const HistoryEntry& entry : config.history) with_layer += entry.empty_layer ? 0 : 1;
  if (!image.config.history.empty()) CHECK(with_layer == 2);
  // The last layer in its own place.
  NewLayer same = layer("x");
  same.diff_id = image.config.diff_ids[2];
  CHECK(must(replace_layers(image, 2, same, k_time)).manifest_bytes == image.manifest_bytes);
}

TEST_CASE("too many layers are refused") {
  Fixture fixture;
  const Image image = fixture.image({"one"});
  const std::vector<NewLayer> layers(k_layer_count_limit, layer("x"));
  CHECK(contains(error_of(append_layers(image, layers, k_time)),
                 fmt::format("{} layers", k_layer_count_limit + 1)));
}
