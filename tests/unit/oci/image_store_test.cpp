#include "oci/image_store.hpp"

#include <set>

#include "base/database_scan.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

Reference name(const std::string& text) {
  return must(Reference::parse(text));
}

// Stores a manifest that was made by hand and adds it.
Result<ImageRecord> add_manifest(StoreFixture& fixture, const ImageManifest& manifest) {
  const Descriptor descriptor = must(fixture.blobs->put_bytes(manifest.media_type, manifest.to_bytes()));
  return fixture.images->add(descriptor, {});
}

}  // namespace

TEST_CASE("an image is added, found by all its names and IDs, and loaded") {
  StoreFixture fixture;
  const MadeImage made = make_image(*fixture.blobs, {"layer one", "layer two"});
  const ImageRecord added = must(fixture.images->add(
      made.manifest,
      {name("localhost/hello:latest"), name("docker.io/library/hello:1"), name("x.example/a/hello")}));
  CHECK(added.manifest == made.manifest.digest);
  CHECK(added.id.digest == Digest::of(made.config.to_bytes()));
  CHECK(added.size == 18);
  CHECK(added.created == 1714979289);
  CHECK(added.names == std::vector<std::string>{"docker.io/library/hello:1", "localhost/hello:latest",
                                                "x.example/a/hello:latest"});
  const std::string id = added.id.digest.hex();
  for (const std::string& text :
       {std::string("hello"), std::string("hello:latest"), std::string("localhost/hello"),
        std::string("hello:1"), std::string("docker.io/hello:1"), std::string("x.example/a/hello"), id,
        id.substr(0, 12), id.substr(0, 3), "sha256:" + id, "sha256:" + id.substr(0, 10),
        made.manifest.digest.to_string(), "x.example/a/hello@" + made.manifest.digest.to_string(),
        "hello:1@" + made.manifest.digest.to_string()}) {
    CAPTURE(text);
    CHECK(must(fixture.images->find(text)).manifest == made.manifest.digest);
  }
  const Image image = must(fixture.images->load(added.manifest));
  CHECK(image.id() == added.id);
  CHECK(image.config_bytes == made.config.to_bytes());
  CHECK(image.manifest.layers.size() == 2);
  CHECK(image.manifest_descriptor == made.manifest);
  auto transaction = must(fixture.store->database().begin());
  CHECK(must(fixture.store->held("image")) == std::vector<std::string>{made.manifest.digest.to_string()});
}

TEST_CASE("what is not there has an error that says what was looked for, and a near name") {
  StoreFixture fixture;
  must(fixture.images->add(make_image(*fixture.blobs, {}).manifest, {name("localhost/hello:latest")}));
  const auto missing = fixture.images->find("helo");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  CHECK(missing.error().message() == "no image 'helo' in the store");
  CHECK(missing.error().hint_text() == "did you mean 'hello'?");
  CHECK(fixture.images->find("something-else").error().hint_text().empty());
  CHECK(fixture.images->find("hello:2").error().kind() == ErrorKind::not_found);
  CHECK(fixture.images->find("HELLO").error().kind() == ErrorKind::invalid);
  CHECK(fixture.images->find("").error().kind() == ErrorKind::invalid);
  CHECK(fixture.images->find("sha256:" + std::string(64, '0')).error().kind() == ErrorKind::not_found);
  CHECK(fixture.images->find("a@sha256:" + std::string(64, '0')).error().kind() == ErrorKind::not_found);
  CHECK(fixture.images->load(Digest::of("x")).error().kind() == ErrorKind::not_found);
}

TEST_CASE("a prefix of several IDs is ambiguous, two digits are none") {
  StoreFixture fixture;
  std::map<std::string, std::string> seen;
  std::string shared;
  // By the birthday rule two of these share three digits; which ones is fixed by the content.
  for (int i = 0; shared.empty() && i < 400; ++i) {
    const MadeImage made =
        make_image(*fixture.blobs, {}, fmt::format("2024-01-01T00:{:02}:{:02}Z", i / 60, i % 60));
    const std::string id = must(fixture.images->add(made.manifest, {})).id.digest.hex();
    if (!seen.emplace(id.substr(0, 3), id).second) shared = id.substr(0, 3);
    CHECK_FALSE(fixture.images->find(id.substr(0, 2)));
  }
  REQUIRE_FALSE(shared.empty());
  const auto found = fixture.images->find(shared);
  REQUIRE_FALSE(found);
  CHECK(found.error().kind() == ErrorKind::conflict);
  CHECK(contains(error_of(found), "ambiguous"));
}

TEST_CASE("no name can stand in for a digest") {
  StoreFixture fixture;
  const MadeImage wanted = make_image(*fixture.blobs, {"wanted"});
  const MadeImage other = make_image(*fixture.blobs, {"other"});
  const std::string id = must(fixture.images->add(wanted.manifest, {})).id.digest.hex();
  must(fixture.images->add(other.manifest, {name("localhost/sha256:" + id)}));
  CHECK(must(fixture.images->find("sha256:" + id)).manifest == wanted.manifest.digest);
}

TEST_CASE("a name moves to the image that gets it last") {
  StoreFixture fixture;
  const Digest first =
      must(fixture.images->add(make_image(*fixture.blobs, {"1"}).manifest, {name("localhost/a:1")})).manifest;
  const Digest second =
      must(fixture.images->add(make_image(*fixture.blobs, {"2"}).manifest, {name("localhost/a:1")})).manifest;
  CHECK(must(fixture.images->find("a:1")).manifest == second);
  must(fixture.images->tag(first, name("localhost/a:1")));
  CHECK(must(fixture.images->find("a:1")).manifest == first);
  CHECK(must(fixture.images->find(second.to_string())).names.empty());
  must(fixture.images->untag(name("localhost/a:1")));
  CHECK(fixture.images->untag(name("localhost/a:1")).error().kind() == ErrorKind::not_found);
  CHECK(must(fixture.images->list()).size() == 2);
  CHECK(fixture.images->tag(Digest::of("x"), name("localhost/b")).error().kind() == ErrorKind::not_found);
  CHECK(fixture.images->tag(first, name("short")).error().kind() == ErrorKind::invalid);
  must(fixture.images->remove(first));
  CHECK(fixture.images->remove(first).error().kind() == ErrorKind::not_found);
  CHECK(must(fixture.images->list()).size() == 1);
}

TEST_CASE("images are listed newest first, and adding one twice changes nothing") {
  StoreFixture fixture;
  const MadeImage old_image = make_image(*fixture.blobs, {"a"}, "2001-01-01T00:00:00Z");
  const MadeImage new_image = make_image(*fixture.blobs, {"b"}, "2021-01-01T00:00:00Z");
  const MadeImage undated = make_image(*fixture.blobs, {"c"}, "");
  must(fixture.images->add(old_image.manifest, {name("localhost/old:1")}));
  must(fixture.images->add(undated.manifest, {}));
  must(fixture.images->add(new_image.manifest, {}));
  must(fixture.images->add(old_image.manifest, {name("localhost/old:2")}));
  std::vector<Digest> order;
  for (const ImageRecord& record : must(fixture.images->list())) order.push_back(record.manifest);
  CHECK(order ==
        std::vector<Digest>{new_image.manifest.digest, old_image.manifest.digest, undated.manifest.digest});
  CHECK(must(fixture.images->find("old:2")).names.size() == 2);
}

TEST_CASE("images are listed by the last word of their names") {
  StoreFixture fixture;
  const auto make = [&](const std::string& layer, std::vector<Reference> names) {
    const MadeImage made = make_image(*fixture.blobs, {layer});
    must(fixture.images->add(made.manifest, names));
    return made.manifest.digest;
  };
  const Digest both =
      make("a", {name("localhost/debian:1"), name("quay.io/x/debian:2"), name("quay.io/debian/x:1")});
  const Digest other = make("b", {name("quay.io/debian:1")});
  make("c", {name("quay.io/debian/slim:1"), name("localhost/debian-slim:1")});
  make("d", {});
  const auto called = [&](const std::string& text) {
    std::set<Digest> found;
    for (const ImageRecord& record : must(fixture.images->list_called(text))) found.insert(record.manifest);
    return found;
  };
  for (const char* text : {"debian", "debian:1", "quay.io/debian", "x/debian:2", "debian@sha256:1"}) {
    CAPTURE(text);
    CHECK(called(text) == std::set{both, other});
  }
  CHECK(called("x") == std::set{both});
  CHECK(called("deb").empty());
  // Names of an older version get their words when the store is opened.
  Database& database = fixture.store->database();
  must(
      database.execute("DROP INDEX names_word; ALTER TABLE names DROP COLUMN word; "
                       "UPDATE module_versions SET version = 2 WHERE module = 'images'"));
  fixture.images = must(ImageStore::open(*fixture.store, *fixture.blobs));
  CHECK(called("debian") == std::set{both, other});
  CHECK(called("x") == std::set{both});
}

TEST_CASE("what is looked up by name or ID is not searched among all images") {
  StoreFixture fixture;
  const MadeImage made = make_image(*fixture.blobs, {"a"});
  must(fixture.images->add(made.manifest, {name("localhost/a:1")}));
  for (int i = 0; i < 20; ++i) {
    must(fixture.images->add(make_image(*fixture.blobs, {std::to_string(i)}).manifest,
                             {name(fmt::format("localhost/other{}:1", i))}));
  }
  const std::string id = Digest::of(made.config.to_bytes()).hex();
  const std::int64_t before = rows_scanned();
  for (const std::string& text : {std::string("a:1"), id.substr(0, 12), made.manifest.digest.to_string()})
    CHECK(must(fixture.images->find(text)).manifest == made.manifest.digest);
  CHECK(must(fixture.images->list_called("a")).size() == 1);
  must(fixture.images->tag(made.manifest.digest, name("localhost/b:1")));
  CHECK(rows_scanned() == before);
  CHECK(must(fixture.images->list()).size() == 21);
  CHECK(rows_scanned() >= before + 20);
}

TEST_CASE("layers may exist only as directories") {
  StoreFixture fixture;
  const MadeImage made = make_image(*fixture.blobs, {"built layer"});
  must(fixture.blobs->remove(Digest::of("built layer")));
  CHECK(fixture.images->add(made.manifest, {}));
}

TEST_CASE("an image whose parts do not fit is refused") {
  StoreFixture fixture;
  const MadeImage made = make_image(*fixture.blobs, {"layer"});
  ImageManifest manifest =
      must(ImageManifest::parse(must(fixture.blobs->read(made.manifest, 1u << 20)), "m"));

  SECTION("more layers than diff IDs") {
    manifest.layers.push_back(manifest.layers[0]);
    CHECK(
        contains(error_of(add_manifest(fixture, manifest)), "2 layers, but the image config has 1 diff IDs"));
  }
  SECTION("fewer layers than diff IDs") {
    manifest.layers.clear();
    CHECK(
        contains(error_of(add_manifest(fixture, manifest)), "0 layers, but the image config has 1 diff IDs"));
  }
  SECTION("a layer of an unknown kind") {
    manifest.layers[0].media_type = "application/vnd.example.signature";
    CHECK(contains(error_of(add_manifest(fixture, manifest)), "no known layer"));
  }
  SECTION("an artifact") {
    manifest.config.media_type = "application/vnd.oci.empty.v1+json";
    CHECK(contains(error_of(add_manifest(fixture, manifest)), "not a container image"));
  }
  SECTION("a config size that lies") {
    manifest.config.size += 1;
    CHECK(contains(error_of(add_manifest(fixture, manifest)), "ends after"));
    manifest.config.size -= 2;
    CHECK(contains(error_of(add_manifest(fixture, manifest)), "longer"));
  }
  SECTION("a config that is missing") {
    manifest.config.digest = Digest::of("nothing");
    CHECK(add_manifest(fixture, manifest).error().kind() == ErrorKind::not_found);
  }
  SECTION("sizes that add up to more than 64 bits") {
    manifest.layers[0].size = INT64_MAX;
    const MadeImage two = make_image(*fixture.blobs, {"layer", "layer"});
    ImageManifest both = must(ImageManifest::parse(must(fixture.blobs->read(two.manifest, 1u << 20)), "m"));
    both.layers = {manifest.layers[0], manifest.layers[0]};
    CHECK(contains(error_of(add_manifest(fixture, both)), "add up"));
  }
  SECTION("a huge config") {
    manifest.config.size = k_config_limit + 1;
    CHECK(add_manifest(fixture, manifest).error().kind() == ErrorKind::limit);
  }
  SECTION("the descriptor says docker, the manifest says OCI") {
    Descriptor descriptor = made.manifest;
    descriptor.media_type = media_type::k_docker_manifest;
    CHECK(contains(error_of(fixture.images->add(descriptor, {})), "but its descriptor says"));
    descriptor.media_type = media_type::k_index;
    CHECK_FALSE(fixture.images->add(descriptor, {}));
  }
  CHECK(must(fixture.images->list()).empty());
}

TEST_CASE("a second process on the same store sees the images") {
  StoreFixture fixture;
  const MadeImage made = make_image(*fixture.blobs, {"layer"});
  must(fixture.images->add(made.manifest, {name("localhost/a:1")}));
  const auto store = must(Store::open(fixture.store->path()));
  const auto blobs = must(BlobStore::open(*store));
  const auto images = must(ImageStore::open(*store, *blobs));
  CHECK(must(images->find("a:1")).manifest == made.manifest.digest);
}
