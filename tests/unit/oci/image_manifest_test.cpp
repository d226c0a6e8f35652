#include "oci/image_manifest.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using ecrin::tests::contains;
using ecrin::tests::error_of;

namespace {

const std::string k_hex(64, 'c');

std::string descriptor(const std::string& type, const std::string& more = "") {
  return R"({"mediaType":")" + type + R"(","digest":"sha256:)" + k_hex + R"(","size":7)" + more + "}";
}
const std::string k_config_json = descriptor(std::string(media_type::k_config));
const std::string k_layer_json = descriptor(std::string(media_type::k_layer_gzip));

std::string manifest(const std::string& members) {
  return R"({"schemaVersion":2)" + members + "}";
}
std::string plain(const std::string& more = "") {
  return manifest(R"(,"config":)" + k_config_json + R"(,"layers":[)" + k_layer_json + "]" + more);
}
std::string entry(const std::string& os, const std::string& architecture, const std::string& variant,
                  char digit) {
  return R"({"mediaType":")" + std::string(media_type::k_manifest) + R"(","digest":"sha256:)" +
         std::string(64, digit) + R"(","size":7,"platform":{"os":")" + os + R"(","architecture":")" +
         architecture + R"(","variant":")" + variant + R"("}})";
}

}  // namespace

TEST_CASE("a manifest is parsed and written again") {
  const Result<ImageManifest> parsed = ImageManifest::parse(plain(R"(,"annotations":{"k":"v"})"), "manifest");
  REQUIRE(parsed);
  CHECK(parsed->media_type == media_type::k_manifest);
  CHECK(parsed->config.size == 7);
  CHECK(parsed->layers.size() == 1);
  CHECK(parsed->layers[0].media_type == media_type::k_layer_gzip);
  CHECK(parsed->annotations.at("k") == "v");
  CHECK(
      parsed->to_bytes() ==
      R"({"annotations":{"k":"v"},"config":{"digest":"sha256:)" + k_hex +
          R"(","mediaType":"application/vnd.oci.image.config.v1+json","size":7},"layers":[{"digest":"sha256:)" +
          k_hex +
          R"(","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":7}],)"
          R"("mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2})");
  const Result<ImageManifest> again = ImageManifest::parse(parsed->to_bytes(), "manifest");
  REQUIRE(again);
  CHECK(again->to_bytes() == parsed->to_bytes());
}

TEST_CASE("descriptors keep what they say") {
  const std::string text =
      descriptor("a/b", R"(,"annotations":{"x":"y"},"urls":["https://h.example/"],)"
                        R"("artifactType":"c/d","platform":{"os":"linux","architecture":"arm",)"
                        R"("variant":"v7","os.version":"1"})");
  const Json json = parse_json(text, "d").value();
  const Result<Descriptor> parsed = Descriptor::parse(json, "d");
  REQUIRE(parsed);
  CHECK(parsed->urls == std::vector<std::string>{"https://h.example/"});
  CHECK(parsed->platform->to_string() == "linux/arm/v7");
  const Result<Descriptor> again = Descriptor::parse(parsed->to_json(), "d");
  REQUIRE(again);
  CHECK(*again == *parsed);
}

TEST_CASE("a wrong manifest is refused, and the error says why") {
  const std::string bad_digest = R"({"mediaType":"a/b","digest":"sha256:../../x","size":1})";
  const auto [bytes, why] = GENERATE_COPY(table<std::string, std::string>({
      {"7", "must be an object"},
      {manifest(""), "config is missing"},
      {manifest(R"(,"config":)" + k_config_json), "layers is missing"},
      {R"({"config":)" + k_config_json + R"(,"layers":[]})", "schemaVersion is missing"},
      {R"({"schemaVersion":3,"config":)" + k_config_json + R"(,"layers":[]})", "not 2"},
      {R"({"schemaVersion":1,"fsLayers":[{"blobSum":"x"}],"history":[]})", "schema 1"},
      {R"({"schemaVersion":2,"fsLayers":[]})", "schema 1"},
      {plain(R"(,"manifests":[])"), "either"},
      {plain(R"(,"mediaType":"application/vnd.oci.image.index.v1+json")"), "index"},
      {plain(R"(,"mediaType":"application/json")"), "no known image manifest"},
      {plain(R"(,"mediaType":"nonsense")"), "not a media type"},
      {plain(R"(,"mediaType":7)"), "mediaType"},
      {manifest(R"(,"manifests":[])"), "image index, not an image manifest"},
      {manifest(R"(,"config":)" + k_config_json + R"(,"layers":{})"), "layers"},
      {manifest(R"(,"config":)" + k_config_json + R"(,"layers":[7])"), "layers[0]"},
      {manifest(R"(,"config":)" + k_config_json + R"(,"layers":[)" + bad_digest + "]"), "layers[0].digest"},
      {manifest(R"(,"config":)" + k_config_json + R"(,"layers":[{"mediaType":"a/b","size":1}])"),
       "digest is missing"},
      {manifest(R"(,"config":)" + k_config_json + R"(,"layers":[)" +
                R"({"mediaType":"a/b","digest":"sha256:)" + k_hex + R"("}])"),
       "size is missing"},
      {manifest(R"(,"config":)" + k_config_json + R"(,"layers":[)" +
                R"({"mediaType":"a/b","digest":"sha256:)" + k_hex + R"(","size":-1}])"),
       "size"},
      {manifest(R"(,"config":)" + k_config_json + R"(,"layers":[)" +
                R"({"mediaType":"a/b","digest":"sha256:)" + k_hex + R"(","size":18446744073709551615}])"),
       "size"},
      {manifest(R"(,"config":)" + k_config_json + R"(,"layers":[)" + R"({"digest":"sha256:)" + k_hex +
                R"(","size":1}])"),
       "mediaType is missing"},
      {manifest(R"(,"config":)" + k_config_json + R"(,"layers":[)" +
                descriptor(std::string(media_type::k_manifest)) + "]"),
       "not a layer"},
      {plain() + plain(), "manifest"},
  }));
  CAPTURE(bytes);
  const Result<ImageManifest> parsed = ImageManifest::parse(bytes, "manifest");
  REQUIRE_FALSE(parsed);
  CHECK_THAT(error_of(parsed), Catch::Matchers::Contains(why));
}

TEST_CASE("layers, bytes and depth of a manifest are bounded") {
  std::string layers = k_layer_json;
  for (int i = 0; i < 500; ++i) layers += "," + k_layer_json;
  const std::string many = manifest(R"(,"config":)" + k_config_json + R"(,"layers":[)" + layers + "]");
  CHECK(contains(error_of(ImageManifest::parse(many, "manifest")), "more than 500"));
  CHECK(ImageManifest::parse(std::string(k_manifest_limit + 1, ' '), "manifest").error().kind() ==
        ErrorKind::limit);
  const std::string deep = plain(",\"x\":" + std::string(200'000, '[') + std::string(200'000, ']'));
  CHECK_FALSE(ImageManifest::parse(deep, "manifest"));
}

TEST_CASE("an index is no manifest, whatever it claims") {
  const std::string entries = R"(,"manifests":[)" + entry("linux", "amd64", "", '1') + "]";
  CHECK(ImageIndex::parse(manifest(entries), "index"));
  CHECK(contains(error_of(ImageIndex::parse(manifest(entries + R"(,"layers":[])"), "index")), "either"));
  CHECK(contains(error_of(ImageIndex::parse(plain(), "index")), "not an image index"));
  CHECK(contains(
      error_of(ImageIndex::parse(
          manifest(entries + R"(,"mediaType":"application/vnd.oci.image.manifest.v1+json")"), "index")),
      "not an image index"));
  CHECK(contains(error_of(ImageIndex::parse(manifest(""), "index")), "manifests is missing"));
  const ImageIndex index = ImageIndex::parse(manifest(entries), "index").value();
  CHECK(ImageIndex::parse(index.to_bytes(), "index").value().to_bytes() == index.to_bytes());
}

TEST_CASE("the manifest for a platform is the one that fits best") {
  const ImageIndex index =
      ImageIndex::parse(
          manifest(R"(,"manifests":[)" + entry("unknown", "unknown", "", '0') + "," +
                   entry("linux", "arm", "v5", '5') + "," + entry("linux", "arm", "v6", '6') + "," +
                   entry("linux", "arm", "v7", '7') + "," + entry("linux", "amd64", "v3", '3') + "," +
                   entry("linux", "amd64", "", '1') + "," + entry("linux", "arm64", "v8", '8') + "]"),
          "index")
          .value();
  const auto select = [&](const char* platform) {
    return select_platform(index, Platform::parse(platform).value()).value().digest.hex()[0];
  };
  CHECK(select("linux/amd64") == '1');
  CHECK(select("linux/amd64/v3") == '3');
  CHECK(select("linux/amd64/v2") == '1');
  CHECK(select("linux/arm64") == '8');
  CHECK(select("linux/arm/v7") == '7');
  CHECK(select("linux/arm/v6") == '6');
  CHECK(select("linux/arm") == '7');
  CHECK(select("linux/arm/v8") == '7');
  const auto missing = select_platform(index, Platform::parse("linux/s390x").value());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  CHECK(contains(error_of(missing), "linux/s390x"));
  CHECK(contains(error_of(missing), "linux/arm/v7"));
  CHECK_FALSE(contains(error_of(missing), "unknown"));
}
