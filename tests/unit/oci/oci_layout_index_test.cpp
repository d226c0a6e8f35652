// Indexes and artifacts in OCI layouts: kept whole on the way in and out.
#include "oci/transport.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

Reference name(const std::string& text) {
  return must(Reference::parse(text));
}

Descriptor for_platform(Descriptor descriptor, const std::string& text) {
  descriptor.platform = must(Platform::parse(text));
  return descriptor;
}

const ImportOptions k_whole = {.all = true, .indexes = Indexes::whole};

// An index of two images, an attestation and an image that is nowhere, exported from one store.
struct MultiLayout {
  StoreFixture source;
  StoreFixture target;
  MadeImage amd64 = make_image(*source.blobs, {"amd64"});
  MadeImage arm64 = make_image(*source.blobs, {"arm64", "shared"});
  Descriptor attestation;
  Descriptor index;
  std::string path = source.directory / "layout";

  MultiLayout() {
    ImageManifest manifest;
    manifest.media_type = media_type::k_manifest;
    manifest.config = must(source.blobs->put_bytes(media_type::k_empty, "{}"));
    manifest.layers = {must(source.blobs->put_bytes("application/vnd.in-toto+json", "proof"))};
    manifest.subject = Descriptor{.media_type = amd64.manifest.media_type,
                                  .digest = amd64.manifest.digest,
                                  .size = amd64.manifest.size};
    attestation = must(source.blobs->put_bytes(media_type::k_manifest, manifest.to_bytes()));
    const Descriptor absent{
        .media_type = std::string(media_type::k_manifest), .digest = Digest::of("nowhere"), .size = 7};
    ImageIndex value;
    value.media_type = media_type::k_index;
    value.manifests = {for_platform(amd64.manifest, "linux/amd64"),
                       for_platform(arm64.manifest, "linux/arm64"),
                       for_platform(attestation, "unknown/unknown"), for_platform(absent, "linux/s390x")};
    index = must(source.blobs->put_bytes(media_type::k_index, value.to_bytes()));
    for (const Descriptor& part : {amd64.manifest, arm64.manifest, attestation})
      must(source.images->add_any(part, {}, Role::part));
    must(source.images->add_index(index, {name("localhost/multi:1")}));
  }
  void save(ArchiveFormat format) {
    must(export_images(*source.images, {{index.digest, {name("localhost/multi:1")}}}, format, path));
  }
};

}  // namespace

TEST_CASE("an index goes out and comes in whole, byte for byte") {
  MultiLayout layout;
  layout.save(GENERATE(ArchiveFormat::oci_directory, ArchiveFormat::oci_archive));
  const auto records = must(import_images(*layout.target.images, layout.path, k_whole));
  REQUIRE(records.size() == 1);
  CHECK(records[0].kind == ImageKind::index);
  CHECK(records[0].manifest == layout.index.digest);
  CHECK(records[0].names == std::vector<std::string>{"localhost/multi:1"});
  ImageStore& images = *layout.target.images;
  CHECK(must(images.list_all()).size() == 4);
  CHECK(must(images.find("multi:1", must(Platform::parse("linux/arm64")))).manifest ==
        layout.arm64.manifest.digest);
  CHECK(must(images.find_any(layout.attestation.digest.to_string())).kind == ImageKind::artifact);
  CHECK(must(layout.target.blobs->read(layout.index, 1u << 20)) ==
        must(layout.source.blobs->read(layout.index, 1u << 20)));
  must(images.remove(records[0].manifest));
  CHECK(must(images.list_all()).empty());
}

TEST_CASE("an index is cut to one platform when that is asked for") {
  MultiLayout layout;
  layout.save(ArchiveFormat::oci_archive);
  const ImportOptions options{.platform = must(Platform::parse("linux/arm64"))};
  const auto records = must(import_images(*layout.target.images, layout.path, options));
  CHECK(records.at(0).manifest == layout.arm64.manifest.digest);
  CHECK(records.at(0).names == std::vector<std::string>{"localhost/multi:1"});
  CHECK(must(layout.target.images->list_all()).size() == 1);
}

TEST_CASE("an index of which the file has nothing, or a part of an image, is refused") {
  MultiLayout layout;
  layout.save(ArchiveFormat::oci_directory);
  const auto remove = [&](const Digest& digest) {
    REQUIRE(::remove((layout.path + "/blobs/sha256/" + digest.hex()).c_str()) == 0);
  };
  SECTION("nothing") {
    for (const Digest& digest :
         {layout.amd64.manifest.digest, layout.arm64.manifest.digest, layout.attestation.digest})
      remove(digest);
    CHECK(
        contains(error_of(import_images(*layout.target.images, layout.path, k_whole)), "none of the images"));
  }
  SECTION("a manifest without its layer") {
    remove(Digest::of("shared"));
    CHECK(contains(error_of(import_images(*layout.target.images, layout.path, k_whole)), "has no file"));
  }
  SECTION("an attestation without its proof") {
    remove(Digest::of("proof"));
    CHECK(contains(error_of(import_images(*layout.target.images, layout.path, k_whole)), "has no file"));
  }
  CHECK(must(layout.target.images->list_all()).empty());
}

TEST_CASE("an index without one of its images is loaded with the others") {
  MultiLayout layout;
  layout.save(ArchiveFormat::oci_directory);
  REQUIRE(::remove((layout.path + "/blobs/sha256/" + layout.arm64.manifest.digest.hex()).c_str()) == 0);
  must(import_images(*layout.target.images, layout.path, k_whole));
  CHECK(must(layout.target.images->find("multi:1", must(Platform::parse("linux/amd64")))).manifest ==
        layout.amd64.manifest.digest);
  CHECK(layout.target.images->find("multi:1", must(Platform::parse("linux/arm64"))).error().kind() ==
        ErrorKind::not_found);
}

TEST_CASE("an artifact comes in by itself") {
  MultiLayout layout;
  must(export_images(*layout.source.images, {{layout.attestation.digest, {name("localhost/proof:1")}}},
                     ArchiveFormat::oci_archive, layout.path));
  CHECK(contains(error_of(import_images(*layout.target.images, layout.path, {})), "not a container image"));
  const auto records = must(import_images(*layout.target.images, layout.path, k_whole));
  CHECK(records.at(0).kind == ImageKind::artifact);
  CHECK(records.at(0).manifest == layout.attestation.digest);
}

TEST_CASE("deep indexes are refused whole too") {
  MultiLayout layout;
  layout.save(ArchiveFormat::oci_directory);
  Descriptor inner = layout.index;
  for (int i = 0; i < 4; ++i) {
    ImageIndex value;
    value.media_type = media_type::k_index;
    value.manifests = {inner};
    const std::string bytes = value.to_bytes();
    inner = Descriptor{
        .media_type = std::string(media_type::k_index), .digest = Digest::of(bytes), .size = bytes.size()};
    write_file(layout.path + "/blobs/sha256/" + inner.digest.hex(), bytes);
  }
  ImageIndex top;
  top.media_type = media_type::k_index;
  top.manifests = {inner};
  write_file(layout.path + "/index.json", top.to_bytes());
  CHECK(import_images(*layout.target.images, layout.path, k_whole).error().kind() == ErrorKind::limit);
}

TEST_CASE("a docker archive of an index holds the host's image") {
  MultiLayout layout;
  if (Platform::host().architecture != "amd64") return;
  layout.save(ArchiveFormat::docker_archive);
  const auto records = must(import_images(*layout.target.images, layout.path, {}));
  CHECK(records.at(0).id.digest == Digest::of(layout.amd64.config.to_bytes()));
}
