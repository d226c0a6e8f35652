// Indexes and artifacts in the image store, and stores from before there were any.
#include <array>

#include "oci/image_reach.hpp"
#include "oci/image_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

Reference name(const std::string& text) {
  return must(Reference::parse(text));
}

Platform platform(const std::string& text) {
  return must(Platform::parse(text));
}

Descriptor entry_of(const MadeImage& image, const std::string& text) {
  Descriptor entry = image.manifest;
  entry.platform = platform(text);
  return entry;
}

Descriptor put_index(BlobStore& blobs, std::vector<Descriptor> entries) {
  ImageIndex index;
  index.media_type = media_type::k_index;
  index.manifests = std::move(entries);
  return must(blobs.put_bytes(media_type::k_index, index.to_bytes()));
}

// {amd64 and arm64 as parts, s390x not here} under localhost/multi:1.
struct MultiFixture : StoreFixture {
  MadeImage amd64 = make_image(*blobs, {"amd64"});
  MadeImage arm64 = make_image(*blobs, {"arm64"});
  Descriptor absent;
  Descriptor index;
  MultiFixture() {
    must(images->add(amd64.manifest, {}, Role::part));
    must(images->add(arm64.manifest, {}, Role::part));
    absent =
        Descriptor{.media_type = std::string(media_type::k_manifest), .digest = Digest::of("s"), .size = 1};
    absent.platform = platform("linux/s390x");
    index = put_index(*blobs, {entry_of(amd64, "linux/amd64"), entry_of(arm64, "linux/arm64/v8"), absent});
    must(images->add_index(index, {name("localhost/multi:1")}));
  }
};

Descriptor put_artifact(BlobStore& blobs, const std::string& content, const Descriptor* subject) {
  ImageManifest manifest;
  manifest.media_type = media_type::k_manifest;
  manifest.artifact_type = "application/vnd.example.signature";
  manifest.config = must(blobs.put_bytes(media_type::k_empty, "{}"));
  manifest.layers = {must(blobs.put_bytes("application/octet-stream", content))};
  if (subject)
    manifest.subject =
        Descriptor{.media_type = subject->media_type, .digest = subject->digest, .size = subject->size};
  return must(blobs.put_bytes(media_type::k_manifest, manifest.to_bytes()));
}

std::set<Digest> digests_of(const std::vector<ImageRecord>& records) {
  std::set<Digest> digests;
  for (const ImageRecord& record : records) digests.insert(record.manifest);
  return digests;
}

}  // namespace

TEST_CASE("an index is kept whole, and find picks the image for a platform") {
  MultiFixture fixture;
  const ImageRecord index = must(fixture.images->find_any("multi:1"));
  CHECK(index.kind == ImageKind::index);
  CHECK(index.manifest == fixture.index.digest);
  CHECK(index.entries.size() == 3);
  CHECK(index.size == 10);
  CHECK(index.descriptor() == fixture.index);
  CHECK(must(fixture.images->load_index(index.manifest)).index.manifests.size() == 3);
  CHECK(must(fixture.images->find("multi:1", platform("linux/arm64"))).manifest ==
        fixture.arm64.manifest.digest);
  CHECK(must(fixture.images->find("multi:1", platform("linux/amd64/v3"))).manifest ==
        fixture.amd64.manifest.digest);
  if (Platform::host().architecture == "amd64")
    CHECK(must(fixture.images->find("multi:1")).manifest == fixture.amd64.manifest.digest);
  for (const std::string& text :
       {"multi@" + fixture.index.digest.to_string(), fixture.index.digest.to_string(),
        fixture.index.digest.hex().substr(0, 12)}) {
    CAPTURE(text);
    CHECK(must(fixture.images->find_any(text)).manifest == fixture.index.digest);
  }
  CHECK(must(fixture.images->find("multi@" + fixture.arm64.manifest.digest.to_string())).manifest ==
        fixture.arm64.manifest.digest);
  CHECK(must(fixture.images->list()).size() == 2);
  CHECK(must(fixture.images->list_all()).size() == 3);
  CHECK(fixture.images->load(index.manifest).error().kind() == ErrorKind::invalid);
}

TEST_CASE("a platform that is not there has an error that says what is") {
  MultiFixture fixture;
  const auto unlisted = fixture.images->find("multi:1", platform("linux/riscv64"));
  REQUIRE_FALSE(unlisted);
  CHECK(unlisted.error().kind() == ErrorKind::not_found);
  CHECK(contains(error_of(unlisted), "it has linux/amd64, linux/arm64/v8, linux/s390x"));
  const auto absent = fixture.images->find("multi:1", platform("linux/s390x"));
  REQUIRE_FALSE(absent);
  CHECK(contains(error_of(absent), "is not in the store; here are: linux/amd64, linux/arm64/v8"));
  must(fixture.images->add(fixture.amd64.manifest, {name("localhost/one:1")}));
  CHECK(fixture.images->find("one:1", platform("linux/amd64")));
  const auto other = fixture.images->find("one:1", platform("linux/arm64"));
  REQUIRE_FALSE(other);
  CHECK(contains(error_of(other), "is an image for linux/amd64, not for linux/arm64"));
}

TEST_CASE("indexes in indexes are looked through, to a bound") {
  MultiFixture fixture;
  Descriptor inner = fixture.index;
  std::size_t depth = 1;
  for (; depth < 4; ++depth) {
    inner = put_index(*fixture.blobs, {inner});
    must(fixture.images->add_index(inner, {name("localhost/nested:1")}));
  }
  CHECK(must(fixture.images->find("nested:1", platform("linux/arm64"))).manifest ==
        fixture.arm64.manifest.digest);
  must(fixture.images->add_index(put_index(*fixture.blobs, {inner}), {name("localhost/nested:1")}));
  CHECK(fixture.images->find("nested:1", platform("linux/arm64")).error().kind() == ErrorKind::limit);
}

TEST_CASE("what came with an index goes with it, what was asked for stays") {
  MultiFixture fixture;
  SECTION("parts") {
    must(fixture.images->remove(fixture.index.digest));
    CHECK(must(fixture.images->list_all()).empty());
  }
  SECTION("a part that got a name") {
    must(fixture.images->tag(fixture.arm64.manifest.digest, name("localhost/arm:1")));
    must(fixture.images->remove(fixture.index.digest));
    CHECK(digests_of(must(fixture.images->list_all())) == std::set<Digest>{fixture.arm64.manifest.digest});
  }
  SECTION("a part that was added by itself") {
    must(fixture.images->add(fixture.arm64.manifest, {}));
    must(fixture.images->remove(fixture.index.digest));
    CHECK(must(fixture.images->list_all()).size() == 1);
  }
  SECTION("a part of another index") {
    const Descriptor other = put_index(*fixture.blobs, {entry_of(fixture.amd64, "linux/amd64")});
    must(fixture.images->add_index(other, {}));
    must(fixture.images->remove(fixture.index.digest));
    CHECK(digests_of(must(fixture.images->list_all())) ==
          std::set<Digest>{other.digest, fixture.amd64.manifest.digest});
  }
}

TEST_CASE("an edited index takes the names, and its parts stay") {
  MultiFixture fixture;
  const Descriptor edited = put_index(*fixture.blobs, {entry_of(fixture.amd64, "linux/amd64")});
  const ImageRecord record = must(fixture.images->replace_index(fixture.index.digest, edited));
  CHECK(record.names == std::vector<std::string>{"localhost/multi:1"});
  CHECK(must(fixture.images->find_any("multi:1")).manifest == edited.digest);
  CHECK(must(fixture.images->list()).size() == 2);
  // Somebody who still has the old one is told.
  CHECK(fixture.images->replace_index(fixture.index.digest, edited).error().kind() == ErrorKind::not_found);
  CHECK(must(fixture.images->replace_index(edited.digest, edited)).manifest == edited.digest);
}

TEST_CASE("a new index takes no name from another image") {
  MultiFixture fixture;
  const Descriptor other = put_index(*fixture.blobs, {entry_of(fixture.amd64, "linux/amd64")});
  const auto taken = fixture.images->add_new_index(other, must(Reference::parse("localhost/multi:1")));
  REQUIRE_FALSE(taken);
  CHECK(taken.error().kind() == ErrorKind::conflict);
  CHECK(must(fixture.images->find_any("multi:1")).manifest == fixture.index.digest);
  const ImageRecord record =
      must(fixture.images->add_new_index(other, must(Reference::parse("localhost/multi:2"))));
  CHECK(record.names == std::vector<std::string>{"localhost/multi:2"});
}

TEST_CASE("artifacts are stored, found and never taken for images") {
  MultiFixture fixture;
  const Descriptor signature = put_artifact(*fixture.blobs, "signed", &fixture.amd64.manifest);
  CHECK(contains(error_of(fixture.images->add(signature, {})), "not a container image"));
  const ImageRecord record =
      must(fixture.images->add_any(signature, {name("localhost/signature:1")}, Role::part));
  CHECK(record.kind == ImageKind::artifact);
  CHECK(record.artifact_type == "application/vnd.example.signature");
  CHECK(record.subject == fixture.amd64.manifest.digest);
  CHECK(record.size == 6);
  CHECK(contains(error_of(fixture.images->find("signature:1")), "is an artifact of the type"));
  CHECK(must(fixture.images->load_artifact(signature.digest)).manifest.layers.size() == 1);
  CHECK(digests_of(must(fixture.images->referrers(fixture.amd64.manifest.digest))) ==
        std::set<Digest>{signature.digest});
  must(fixture.blobs->remove(Digest::of("signed")));
  CHECK(fixture.images->add_artifact(signature, {}).error().kind() == ErrorKind::not_found);
}

TEST_CASE("an attestation in an index is an artifact") {
  StoreFixture fixture;
  const MadeImage made = make_image(*fixture.blobs, {"in-toto"});
  ImageManifest manifest =
      must(ImageManifest::parse(must(fixture.blobs->read(made.manifest, 1u << 20)), "m"));
  manifest.layers[0].media_type = "application/vnd.in-toto+json";
  const Descriptor attestation = must(fixture.blobs->put_bytes(media_type::k_manifest, manifest.to_bytes()));
  CHECK(must(fixture.images->add_any(attestation, {})).kind == ImageKind::artifact);
}

TEST_CASE("an index keeps what it lists, and everything keeps what refers to it") {
  MultiFixture fixture;
  const Descriptor signature = put_artifact(*fixture.blobs, "signed", &fixture.amd64.manifest);
  const Descriptor countersigned = put_artifact(*fixture.blobs, "signed again", &signature);
  const Descriptor stray = put_artifact(*fixture.blobs, "stray", nullptr);
  for (const Descriptor& artifact : {signature, countersigned, stray})
    must(fixture.images->add_artifact(artifact, {}));
  const auto records = must(fixture.images->list_all());
  CHECK(reachable(records, {fixture.index.digest}) ==
        std::set<Digest>{fixture.index.digest, fixture.amd64.manifest.digest, fixture.arm64.manifest.digest,
                         signature.digest, countersigned.digest});
  CHECK(reachable(records, {stray.digest, Digest::of("not here")}) == std::set<Digest>{stray.digest});
  // A kept signature does not keep what it signs.
  CHECK(reachable(records, {countersigned.digest}) == std::set<Digest>{countersigned.digest});
}

TEST_CASE("an index that lies about itself is refused") {
  MultiFixture fixture;
  Descriptor wrong = fixture.index;
  wrong.media_type = media_type::k_docker_list;
  CHECK(contains(error_of(fixture.images->add_index(wrong, {})), "was announced as"));
  CHECK_FALSE(fixture.images->add_index(fixture.amd64.manifest, {}));
  wrong.digest = Digest::of("nothing");
  CHECK(fixture.images->add_index(wrong, {}).error().kind() == ErrorKind::not_found);
}

TEST_CASE("a store from before indexes opens, with its images and names") {
  TemporaryDirectory directory;
  const auto store = must(Store::open(directory / "store"));
  const auto blobs = must(BlobStore::open(*store));
  const MadeImage made = make_image(*blobs, {"old"});
  static constexpr std::array<std::string_view, 1> k_first = {R"(
    CREATE TABLE images (manifest TEXT PRIMARY KEY, media_type TEXT NOT NULL, manifest_size INTEGER NOT NULL,
      config TEXT NOT NULL, size INTEGER NOT NULL, created INTEGER NOT NULL, added INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX images_config ON images (config);
    CREATE TABLE names (name TEXT PRIMARY KEY,
      manifest TEXT NOT NULL REFERENCES images (manifest) ON DELETE CASCADE) WITHOUT ROWID;
    CREATE INDEX names_manifest ON names (manifest);)"};
  must(store->database().migrate("images", k_first));
  must(store->database().execute(
      fmt::format("INSERT INTO images VALUES ('{}', '{}', {}, '{}', 3, 7, 8); INSERT INTO names VALUES "
                  "('localhost/old:1', '{}')",
                  made.manifest.digest.to_string(), made.manifest.media_type, made.manifest.size,
                  Digest::of(made.config.to_bytes()).to_string(), made.manifest.digest.to_string())));
  const auto images = must(ImageStore::open(*store, *blobs));
  const ImageRecord record = must(images->find("old:1"));
  CHECK(record.kind == ImageKind::image);
  CHECK_FALSE(record.part);
  CHECK(must(images->load(record.manifest)).config.platform.architecture == "amd64");
  must(images->add_index(put_index(*blobs, {entry_of(made, "linux/amd64")}), {name("localhost/new:1")}));
  CHECK(must(images->find("new:1", platform("linux/amd64"))).manifest == made.manifest.digest);
}
