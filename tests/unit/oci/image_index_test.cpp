#include "oci/image_index.hpp"

#include <nlohmann/json.hpp>

#include "oci/image_manifest.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using ecrin::tests::contains;
using ecrin::tests::error_of;
using ecrin::tests::must;

namespace {

Descriptor entry(char digit, const std::string& platform, std::string_view type = media_type::k_manifest) {
  Descriptor descriptor{.media_type = std::string(type),
                        .digest = must(Digest::parse("sha256:" + std::string(64, digit))),
                        .size = 7};
  if (!platform.empty()) descriptor.platform = must(Platform::parse(platform));
  return descriptor;
}

ImageIndex index_of(std::vector<Descriptor> entries) {
  ImageIndex index;
  index.media_type = media_type::k_index;
  index.manifests = std::move(entries);
  return index;
}

char selected(const ImageIndex& index, const char* platform) {
  const auto found = select_platform(index, must(Platform::parse(platform)));
  return found ? found->digest.hex()[0] : '-';
}

std::string manifest_bytes(const std::string& config_type, const std::string& layer_type) {
  ImageManifest manifest;
  manifest.media_type = media_type::k_manifest;
  manifest.config = entry('c', "", config_type);
  manifest.layers = {entry('d', "", layer_type)};
  return manifest.to_bytes();
}

}  // namespace

TEST_CASE("an index keeps artifactType, subject, annotations and all of its platforms") {
  ImageIndex index = index_of({entry('1', "linux/arm/v7")});
  index.manifests[0].platform->os_version = "10.0";
  index.manifests[0].platform->os_features = {"win32k"};
  index.manifests[0].platform->features = {"sse4"};
  index.manifests[0].annotations = {{"a", "b"}};
  index.artifact_type = "application/vnd.example";
  index.subject = entry('2', "");
  index.annotations = {{"k", "v"}};
  const ImageIndex again = must(ImageIndex::parse(index.to_bytes(), "index"));
  CHECK(again.to_bytes() == index.to_bytes());
  CHECK(again.manifests == index.manifests);
  CHECK(again.subject == index.subject);
  CHECK(again.artifact_type == "application/vnd.example");
}

TEST_CASE("entries of an index are set, replaced and erased by digest") {
  ImageIndex index = index_of({});
  index.media_type = media_type::k_docker_list;
  index.set(entry('1', "linux/amd64", media_type::k_docker_manifest));
  CHECK(index.media_type == media_type::k_docker_list);
  index.set(entry('2', "linux/arm64"));
  CHECK(index.media_type == media_type::k_index);
  index.set(entry('1', "linux/386", media_type::k_docker_manifest));
  REQUIRE(index.manifests.size() == 2);
  CHECK(index.manifests[0].platform->architecture == "386");
  CHECK(index.find(entry('2', "").digest) == &index.manifests[1]);
  CHECK(index.erase(entry('1', "").digest));
  CHECK_FALSE(index.erase(entry('1', "").digest));
  CHECK(index.find(entry('1', "").digest) == nullptr);
}

TEST_CASE("variants: no word means v8 of arm64, v7 of arm, v1 of amd64") {
  CHECK(selected(index_of({entry('1', "linux/arm64/v8")}), "linux/arm64") == '1');
  CHECK(selected(index_of({entry('1', "linux/arm64")}), "linux/arm64/v8") == '1');
  CHECK(selected(index_of({entry('1', "linux/arm64/v9"), entry('2', "linux/arm64")}), "linux/arm64") == '2');
  CHECK(selected(index_of({entry('1', "linux/amd64/v3")}), "linux/amd64") == '-');
  CHECK(selected(index_of({entry('1', "linux/amd64/v3"), entry('2', "linux/amd64/v1")}), "linux/amd64") ==
        '2');
  CHECK(selected(
            index_of({entry('1', "linux/amd64"), entry('2', "linux/amd64/v2"), entry('3', "linux/amd64/v4")}),
            "linux/amd64/v3") == '2');
  CHECK(selected(index_of({entry('1', "linux/amd64/v1"), entry('2', "linux/amd64")}), "linux/amd64") == '2');
  CHECK(selected(index_of({entry('1', "linux/arm/v5"), entry('2', "linux/arm/v6")}), "linux/arm") == '2');
  CHECK(selected(index_of({entry('1', "linux/ppc64le/power9")}), "linux/ppc64le") == '1');
  CHECK(selected(index_of({entry('1', "windows/amd64")}), "linux/amd64") == '-');
}

TEST_CASE("entries of an index are bounded") {
  std::vector<Descriptor> entries(1000, entry('1', "linux/amd64"));
  CHECK(ImageIndex::parse(index_of(entries).to_bytes(), "index"));
  entries.push_back(entry('1', "linux/amd64"));
  const auto parsed = ImageIndex::parse(index_of(entries).to_bytes(), "index");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().kind() == ErrorKind::limit);
  CHECK(ImageIndex::parse(index_of(entries).to_bytes(), "index.json", 10'000));
}

TEST_CASE("images and artifacts are told apart by config and layers") {
  const auto is_image = [](std::string_view config, std::string_view layer) {
    return must(ImageManifest::parse(manifest_bytes(std::string(config), std::string(layer)), "m"))
        .is_image();
  };
  CHECK(is_image(media_type::k_config, media_type::k_layer_zstd));
  CHECK(is_image(media_type::k_docker_config, media_type::k_docker_layer));
  CHECK(is_image(media_type::k_config, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"));
  CHECK(is_image(media_type::k_docker_config, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"));
  CHECK_FALSE(is_image(media_type::k_config, "application/vnd.in-toto+json"));
  CHECK_FALSE(is_image(media_type::k_empty, media_type::k_layer));
  CHECK_FALSE(is_image("application/vnd.cncf.helm.config.v1+json", media_type::k_layer));
  CHECK(media_type::is_nondistributable_layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"));
  CHECK_FALSE(media_type::is_nondistributable_layer(media_type::k_layer));
}

TEST_CASE(
    "the media type of a document follows from what it says and holds, and contradictions are refused") {
  const std::string manifest =
      manifest_bytes(std::string(media_type::k_config), std::string(media_type::k_layer));
  const std::string index = index_of({}).to_bytes();
  const std::string bare_index = R"({"schemaVersion":2,"manifests":[]})";
  const auto type_of = [](const std::string& bytes, std::string_view declared) {
    return must(manifest_media_type(bytes, declared, "document"));
  };
  CHECK(type_of(manifest, "") == media_type::k_manifest);
  CHECK(type_of(index, "application/json") == media_type::k_index);
  CHECK(type_of(bare_index, "text/plain") == media_type::k_index);
  CHECK(type_of(bare_index, media_type::k_docker_list) == media_type::k_docker_list);

  const auto [bytes, declared, why] = GENERATE_COPY(table<std::string, std::string, std::string>({
      {manifest, std::string(media_type::k_index), "was announced as"},
      {manifest, std::string(media_type::k_docker_manifest), "was announced as"},
      {bare_index, std::string(media_type::k_manifest), "members of an image index"},
      {R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","layers":[]})", "",
       "members of an image manifest"},
      {R"({"schemaVersion":2,"manifests":[],"layers":[]})", "", "either"},
      {R"({"schemaVersion":2})", "", "neither"},
      {R"({"schemaVersion":2,"mediaType":"application/vnd.oci.artifact.manifest.v1+json","layers":[]})", "",
       "no known image manifest"},
      {R"({"schemaVersion":1,"fsLayers":[]})", "", "schema 1"},
      {manifest, "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"},
      {"[]", "", "must be an object"},
      {"", "", "document"},
  }));
  CAPTURE(bytes, declared);
  const auto found = manifest_media_type(bytes, declared, "document");
  REQUIRE_FALSE(found);
  CHECK_THAT(error_of(found), Catch::Matchers::Contains(why));
}
