// Copies that pack layers or write the manifest in the other format.
#include "oci/image_manifest.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/copy_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

Image load(CopyFixture& fixture, const std::string& name) {
  return must(fixture.images->load(must(fixture.images->find(name)).manifest));
}

CopyOptions packed(const std::string& compression, bool repack = false) {
  CopyOptions options;
  options.compression = must(LayerCompression::parse(compression));
  options.repack = repack;
  return options;
}

std::string plain_bytes(CopyFixture& fixture, const Descriptor& layer) {
  auto source = must(decompress_any(must(fixture.blobs->open_blob(layer))));
  return must(read_all(*source, 1u << 20));
}

}  // namespace

TEST_CASE("plain layers are packed: the config stays, and the bytes do not depend on the jobs") {
  const std::string format = GENERATE("gzip", "zstd");
  CopyFixture fixture;
  fixture.add_all();
  const Image before = load(fixture, "plain");
  CopyOptions options = packed(format);
  const RawManifest first = must(fixture.copy("plain", "packed", options));
  options.jobs = 1;
  CHECK(must(fixture.copy("plain", "again", options)).digest == first.digest);
  const Image after = load(fixture, "packed");
  CHECK(after.id() == before.id());
  CHECK(after.manifest.media_type == media_type::k_manifest);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(after.manifest.layers[i].media_type == "application/vnd.oci.image.layer.v1.tar+" + format);
    CHECK(plain_bytes(fixture, after.manifest.layers[i]) == plain_bytes(fixture, before.manifest.layers[i]));
  }
}

TEST_CASE("packed layers stay as they are unless all are wanted otherwise") {
  CopyFixture fixture;
  fixture.add_all();
  const Digest digest = must(fixture.images->find("gzip")).manifest;
  CHECK(must(fixture.copy("gzip", "same", packed("zstd"))).digest == digest);
  CHECK(must(fixture.copy("gzip", "same", packed("gzip", true))).digest == digest);
  CHECK(must(fixture.copy("gzip", "other", packed("zstd", true))).digest != digest);
  CHECK(load(fixture, "other").manifest.layers[0].media_type == media_type::k_layer_zstd);
  must(fixture.copy("other", "unpacked", packed("none", true)));
  CHECK(load(fixture, "unpacked").manifest.layers[0].digest ==
        load(fixture, "plain").manifest.layers[0].digest);
}

TEST_CASE("docker's manifest stays docker's with gzip and becomes OCI's with zstd") {
  CopyFixture fixture;
  fixture.add_all();
  must(fixture.copy("docker", "zstd-docker", packed("zstd", true)));
  const Image zstd = load(fixture, "zstd-docker");
  CHECK(zstd.manifest.media_type == media_type::k_manifest);
  CHECK(zstd.manifest.config.media_type == media_type::k_config);
  CHECK(zstd.manifest.layers[0].media_type == media_type::k_layer_zstd);
  CHECK(zstd.id() == load(fixture, "docker").id());
  must(fixture.copy("docker", "gzip-docker", packed("none", true)));
  CHECK(load(fixture, "gzip-docker").manifest.media_type == media_type::k_docker_manifest);
  CHECK(load(fixture, "gzip-docker").manifest.layers[0].media_type == media_type::k_docker_layer_plain);
}

TEST_CASE("manifests are written in the other format and back") {
  CopyFixture fixture;
  fixture.add_all();
  CopyOptions docker;
  docker.format = ManifestFormat::docker;
  CopyOptions oci;
  oci.format = ManifestFormat::oci;
  must(fixture.copy("gzip", "as-docker", docker));
  CHECK(load(fixture, "as-docker").manifest.media_type == media_type::k_docker_manifest);
  CHECK(load(fixture, "as-docker").manifest.layers[1].media_type == media_type::k_docker_layer);
  CHECK(load(fixture, "as-docker").id() == load(fixture, "gzip").id());
  must(fixture.copy("as-docker", "as-oci", oci));
  CHECK(load(fixture, "as-oci").manifest.layers == load(fixture, "gzip").manifest.layers);
  CHECK(contains(error_of(fixture.copy("zstd", "no", docker)), "has no layers in zstd"));
  CHECK(contains(error_of(fixture.copy("artifact", "no", docker)), "docker's manifest format has no"));
  CHECK_FALSE(fixture.images->find_any("no"));
}

TEST_CASE("an index whose images were packed names them by their new digests") {
  CopyFixture fixture;
  fixture.add_all();
  CopyOptions options = packed("zstd", true);
  options.all = true;
  const RawManifest made = must(fixture.copy("index", "packed-index", options));
  const ImageIndex index = must(ImageIndex::parse(made.bytes, "index"));
  REQUIRE(index.manifests.size() == 2);
  for (const Descriptor& entry : index.manifests) {
    REQUIRE(entry.platform);
    const Image image = must(fixture.images->load(entry.digest));
    CHECK(image.manifest.layers[0].media_type == media_type::k_layer_zstd);
    CHECK(entry.size == image.manifest_bytes.size());
  }
}

TEST_CASE("a layer with another diff ID is not packed") {
  CopyFixture fixture;
  const Descriptor good = fixture.image({{media_type::k_layer, "good"}});
  ImageManifest manifest = must(ImageManifest::parse(must(fixture.blobs->read(good, 10'000)), "manifest"));
  manifest.layers[0] = must(fixture.blobs->put_bytes(media_type::k_layer, "evil"));
  const Descriptor evil = must(fixture.blobs->put_bytes(media_type::k_manifest, manifest.to_bytes()));
  fixture.add(evil, "evil");
  CHECK(contains(error_of(fixture.copy("evil", "no", packed("gzip"))), "diff ID"));
  CHECK_FALSE(fixture.images->find_any("no"));
}

TEST_CASE("a layer that was changed in the store is not packed") {
  CopyFixture fixture;
  const Descriptor image = fixture.image({{media_type::k_layer, "content"}});
  fixture.add(image, "damaged");
  const Digest layer = load(fixture, "damaged").manifest.layers[0].digest;
  write_file(fixture.store->path() + "/blobs/sha256/" + layer.hex(), "Content");
  CHECK(contains(error_of(fixture.copy("damaged", "no", packed("gzip"))), "other content"));
  CHECK_FALSE(fixture.images->find_any("no"));
}
