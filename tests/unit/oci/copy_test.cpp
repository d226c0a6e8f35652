#include "base/text.hpp"
#include "oci/image_manifest.hpp"
#include "oci/store_destination.hpp"
#include "oci/store_source.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/copy_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

// All blobs of an image in a store can be read, and are what they are called.
void check_whole(CopyFixture& fixture, const Descriptor& descriptor) {
  const std::string bytes = must(fixture.blobs->read(descriptor, k_manifest_limit));
  if (media_type::is_index(descriptor.media_type)) {
    for (const Descriptor& child : must(ImageIndex::parse(bytes, "index")).manifests)
      check_whole(fixture, child);
    return;
  }
  const ImageManifest manifest = must(ImageManifest::parse(bytes, "manifest"));
  must(fixture.blobs->read(manifest.config, k_config_limit));
  for (const Descriptor& layer : manifest.layers) must(fixture.blobs->read(layer, 1u << 20));
}

CopyOptions everything() {
  CopyOptions options;
  options.all = true;
  return options;
}

}  // namespace

TEST_CASE("every pair of local places keeps the digests of all kinds of images") {
  CopyFixture fixture;
  const std::vector<std::string> names = fixture.add_all();
  const auto place = [&](const std::string& kind, const std::string& name, const char* which) {
    const std::string path = fixture.directory / (name + "." + which + "." + kind);
    return kind == "store" ? name + "-" + which : kind + ":" + path + (kind == "dir" ? "" : ":tag");
  };
  for (const std::string& name : names) {
    const Digest digest = must(fixture.images->find_any(name)).manifest;
    for (const std::string first : {"store", "oci", "oci-archive", "dir"}) {
      const std::string a = place(first, name, first.c_str());
      INFO(name << " to " << a);
      CHECK(must(fixture.copy(name, a, everything())).digest == digest);
      for (const std::string second : {"store", "oci", "oci-archive", "dir"}) {
        const std::string b = place(second, name, ("from-" + first).c_str());
        INFO(a << " to " << b);
        CHECK(must(fixture.copy(a, b, everything())).digest == digest);
        CopyFixture other("other");
        CopyFixture& end = second == "store" ? fixture : other;
        const std::string found = second == "store" ? b : "end";
        if (second != "store") CHECK(must(other.copy(b, found, everything())).digest == digest);
        check_whole(end, must(end.images->find_any(found)).descriptor());
      }
    }
  }
}

TEST_CASE("archives of equal images are equal byte for byte, with any number of jobs") {
  CopyFixture fixture;
  fixture.add_all();
  for (const std::string kind : {"oci-archive", "docker-archive"}) {
    CopyOptions one;
    one.jobs = 1;
    must(fixture.copy("duplicate", kind + ":" + (fixture.directory / "one") + ":x:1", one));
    must(fixture.copy("duplicate", kind + ":" + (fixture.directory / "two") + ":x:1"));
    CHECK(read_file(fixture.directory / "one") == read_file(fixture.directory / "two"));
  }
}

TEST_CASE("a docker archive keeps the image ID, and is the same after a round trip") {
  CopyFixture fixture;
  fixture.add_all();
  for (const std::string name : {"gzip", "zstd", "plain", "docker", "duplicate"}) {
    INFO(name);
    const ImageId id = must(fixture.images->find(name)).id;
    const std::string first = "docker-archive:" + (fixture.directory / (name + ".1"));
    const std::string second = "docker-archive:" + (fixture.directory / (name + ".2"));
    must(fixture.copy(name, first + ":localhost/x:1"));
    must(fixture.copy(first + ":localhost/x:1", "back"));
    CHECK(must(fixture.images->find("back")).id == id);
    must(fixture.copy("back", second + ":localhost/x:1"));
    CHECK(read_file(fixture.directory / (name + ".1")) == read_file(fixture.directory / (name + ".2")));
  }
  CHECK(contains(error_of(fixture.copy("artifact", "docker-archive:" + (fixture.directory / "a"))),
                 "container images only"));
  CHECK(contains(error_of(fixture.copy("index", "docker-archive:" + (fixture.directory / "a"), everything())),
                 "--platform"));
  CHECK_FALSE(exists(fixture.directory / "a"));
}

TEST_CASE("what the destination has is not read") {
  CopyFixture fixture;
  fixture.add_all();
  CopyFixture other("other");
  for (const int expected : {3, 0}) {
    FaultySource source(must(open_store_source(*fixture.images, "gzip")));
    const auto destination = std::make_unique<StoreDestination>(
        *other.images, std::vector{must(Reference::parse("localhost/x:1"))});
    must(copy_image(source, *destination, {}, fixture.silent, nullptr));
    CHECK(source.opened == expected);
  }
}

TEST_CASE("one image of an index is copied alone, the whole index with its own bytes") {
  CopyFixture fixture;
  fixture.add_all();
  const ImageRecord index = must(fixture.images->find_any("index"));
  const ImageRecord amd64 = must(fixture.images->find("index", CopyFixture::amd64()));
  const std::string layout = "oci:" + (fixture.directory / "layout");
  CHECK(must(fixture.copy("index", layout + ":cut")).digest == amd64.manifest);
  CopyFixture other("other");
  must(other.copy(layout + ":cut", "cut"));
  CHECK_FALSE(must(other.blobs->size_of(index.manifest)));
  CHECK(must(fixture.copy("index", layout + ":whole", everything())).digest == index.manifest);
  CHECK(must(other.copy(layout + ":whole", "whole", everything())).digest == index.manifest);
  CHECK(must(other.images->find_any("whole")).kind == ImageKind::index);
  CHECK(must(other.images->find("whole", must(Platform::parse("linux/arm64")))).manifest != amd64.manifest);
}

TEST_CASE("an index in an index is copied whole") {
  CopyFixture fixture;
  fixture.add_all();
  const Descriptor inner = must(fixture.images->find_any("index")).descriptor();
  fixture.add(fixture.index({inner}), "outer");
  const Digest digest = must(fixture.images->find_any("outer")).manifest;
  const std::string directory = "dir:" + (fixture.directory / "d");
  CHECK(must(fixture.copy("outer", directory, everything())).digest == digest);
  CopyFixture other("other");
  CHECK(must(other.copy(directory, "outer", everything())).digest == digest);
}

TEST_CASE("a non-distributable layer is copied when it is there, and left out when it is not") {
  const bool is_missing = GENERATE(false, true);
  CopyFixture fixture;
  const std::string_view foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
  fixture.add(fixture.image({{media_type::k_docker_layer, "own"}, {foreign, "theirs", is_missing}}),
              "windows");
  const Digest digest = must(fixture.images->find_any("windows")).manifest;
  const std::string layout = fixture.directory / "layout";
  CHECK(must(fixture.copy("windows", "oci:" + layout)).digest == digest);
  const Digest blob = Digest::of(gzip("theirs"));
  CHECK(exists(layout + "/blobs/sha256/" + blob.hex()) == !is_missing);
  const auto archived = fixture.copy("windows", "docker-archive:" + (fixture.directory / "a"));
  CHECK(archived.has_value() == !is_missing);
}

TEST_CASE("a missing blob is an error that says which") {
  CopyFixture fixture;
  fixture.add(fixture.image({{media_type::k_layer, "one"}, {media_type::k_layer, "two", true}}), "holes");
  const auto copied = fixture.copy("holes", "dir:" + (fixture.directory / "d"));
  CHECK(contains(error_of(copied), "layer 2 of 2"));
  CHECK(contains(error_of(copied), Digest::of("two").to_string()));
  CHECK_FALSE(exists(fixture.directory / "d"));
}
