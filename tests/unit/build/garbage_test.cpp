// What prune keeps because something else keeps it: images of an index, signatures of an image.
#include "build/garbage.hpp"

#include <set>

#include "base/posix.hpp"
#include "build/build_cache.hpp"
#include "build/kept_steps.hpp"
#include "build/usage.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message());
  return *std::move(result);
}

struct Fixture {
  testing::TemporaryDirectory scratch;
  std::unique_ptr<Workshop> workshop = open();

  std::unique_ptr<Workshop> open() { return testing::open_workshop(scratch.path() + "/store"); }
  // A new process: nothing that the old one used is held any more.
  void reopen() {
    workshop.reset();
    workshop = open();
  }
  oci::Descriptor put(std::string_view type, const std::string& bytes) {
    return must(workshop->blobs().put_bytes(type, bytes));
  }
  oci::Descriptor make_image(const std::string& layer) {
    oci::ImageConfig config;
    config.platform.architecture = "amd64";
    config.diff_ids = {{oci::Digest::of(layer)}};
    config.labels = {{"layer", layer}};
    return make_manifest(put(oci::media_type::k_config, config.to_bytes()),
                         put(oci::media_type::k_layer, layer), nullptr);
  }
  oci::Descriptor make_signature(const oci::Descriptor& subject) {
    return make_manifest(put(oci::media_type::k_empty, "{}"),
                         put("application/octet-stream", "signature of " + subject.digest.hex()), &subject);
  }
  oci::Descriptor make_index(const std::vector<oci::Descriptor>& entries) {
    oci::ImageIndex index;
    index.media_type = oci::media_type::k_index;
    index.manifests = entries;
    return put(oci::media_type::k_index, index.to_bytes());
  }
  std::set<oci::Digest> recorded() {
    std::set<oci::Digest> digests;
    for (const oci::ImageRecord& record : must(workshop->images().list_all()))
      digests.insert(record.manifest);
    return digests;
  }
  bool has_blob(const oci::Digest& digest) { return must(workshop->blobs().size_of(digest)).has_value(); }

private:
  oci::Descriptor make_manifest(oci::Descriptor config, oci::Descriptor layer,
                                const oci::Descriptor* subject) {
    oci::ImageManifest manifest;
    manifest.media_type = oci::media_type::k_manifest;
    manifest.config = std::move(config);
    manifest.layers = {std::move(layer)};
    if (subject) manifest.subject = *subject;
    return put(oci::media_type::k_manifest, manifest.to_bytes());
  }
};

oci::Reference name(const char* text) {
  return must(oci::Reference::parse(text));
}

}  // namespace

TEST_CASE("prune keeps what an index lists and what refers to a kept image") {
  Fixture fixture;
  const oci::Descriptor listed = fixture.make_image("listed");
  const oci::Descriptor loose = fixture.make_image("loose");
  const oci::Descriptor signature = fixture.make_signature(listed);
  const oci::Descriptor stray = fixture.make_signature(loose);
  const oci::Descriptor index = fixture.make_index({listed});
  oci::ImageStore& images = fixture.workshop->images();
  for (const oci::Descriptor& image : {listed, loose, signature, stray}) must(images.add_any(image, {}));
  must(images.add_index(index, {name("localhost/multi:1")}));
  const oci::Digest proof = oci::Digest::of("signature of " + listed.digest.hex());
  fixture.reopen();

  const StoreUsage usage = must(measure_store(*fixture.workshop));
  for (const ImageUsage& image : usage.images) {
    CAPTURE(image.record.manifest.to_string());
    CHECK(image.dangling == (image.record.manifest == loose.digest || image.record.manifest == stray.digest));
  }
  const PruneReport report = must(prune(*fixture.workshop, {}));
  CHECK(report.images.size() == 2);
  CHECK(fixture.recorded() == std::set<oci::Digest>{listed.digest, signature.digest, index.digest});
  CHECK(fixture.has_blob(proof));
  CHECK(fixture.has_blob(oci::Digest::of("listed")));
  CHECK(fixture.has_blob(index.digest));
  CHECK_FALSE(fixture.has_blob(oci::Digest::of("loose")));

  // Without its index's name all of it is garbage.
  REQUIRE(fixture.workshop->images().untag(name("localhost/multi:1")));
  fixture.reopen();
  must(prune(*fixture.workshop, {}));
  CHECK(fixture.recorded().empty());
  CHECK(must(fixture.workshop->blobs().list()).empty());
}

TEST_CASE("an index that a process uses keeps its images, also from prune --all") {
  Fixture fixture;
  const oci::Descriptor listed = fixture.make_image("listed");
  must(fixture.workshop->images().add(listed, {}, oci::Role::part));
  const oci::Descriptor index = fixture.make_index({listed});
  must(fixture.workshop->images().add_index(index, {name("localhost/multi:1")}));
  fixture.reopen();
  must(fixture.workshop->images().find_any("multi:1"));
  must(prune(*fixture.workshop, {.all_images = true}));
  CHECK(fixture.recorded().size() == 2);
  fixture.reopen();
  must(prune(*fixture.workshop, {.all_images = true}));
  CHECK(fixture.recorded().empty());
}

TEST_CASE("what a process uses of an image stays when another one removes it") {
  Fixture fixture;
  const oci::Descriptor image = fixture.make_image("layer");
  must(fixture.workshop->images().add(image, {name("example.org/used:1")}));
  fixture.reopen();
  const auto user = fixture.open();
  const oci::Image loaded = must(user->images().load(image.digest));
  REQUIRE(fixture.workshop->images().remove(image.digest));
  const PruneOptions only_garbage{.images = false, .cache = false};
  must(prune(*fixture.workshop, only_garbage));
  CHECK(fixture.has_blob(loaded.manifest.config.digest));
  CHECK(fixture.has_blob(loaded.manifest.layers.at(0).digest));
}

TEST_CASE("prune takes only images that fit the labels and the age") {
  Fixture fixture;
  const oci::Descriptor one = fixture.make_image("one");
  const oci::Descriptor two = fixture.make_image("two");
  for (const oci::Descriptor& image : {one, two}) must(fixture.workshop->images().add(image, {}));
  fixture.reopen();
  must(prune(*fixture.workshop, {.until = 1}));
  CHECK(fixture.recorded().size() == 2);
  must(prune(*fixture.workshop, {.labels = {{.key = "layer", .value = "two"}}}));
  CHECK(fixture.recorded() == std::set<oci::Digest>{one.digest});
  must(prune(*fixture.workshop, {.labels = {{.key = "layer", .value = std::nullopt, .present = false}}}));
  CHECK(fixture.recorded().size() == 1);
}

TEST_CASE("what may go to make the store small enough fits the filters too") {
  Fixture fixture;
  const auto cache = must(BuildCache::open(fixture.workshop->store().database(), fixture.workshop->layers()));
  fs::LayerDraft draft = must(fixture.workshop->layers().draft());
  testing::write_file(draft.path() + "/diff/file", "content");
  const fs::Layer layer = must(fixture.workshop->layers().publish(std::move(draft)));
  const KeyInputs inputs;
  must(cache->add({.key = "key", .layer_id = layer.id, .below_id = "", .text = "", .inputs = &inputs}, 1000));
  KeptSteps kept(fixture.workshop->store().database());
  must(kept.add({.id = "failed", .created = 1000}));
  fixture.reopen();
  const auto removed = [&](PruneOptions options) {
    options.max_size = 1;
    const PruneReport report = must(prune(*fixture.workshop, options));
    return report.cache_entries + report.kept_steps;
  };
  CHECK(removed({.labels = {{.key = "layer", .value = "two"}}}) == 0);
  CHECK(removed({.until = 1000}) == 0);
  CHECK(removed({.used_since = 1000}) == 0);
  CHECK(removed({}) == 2);
}

TEST_CASE("parts of downloads stay when prune does not look at them, and when they are too young") {
  Fixture fixture;
  const Fd downloads = must(fixture.workshop->store().subdirectory("downloads"));
  must(posix::open_at(downloads, "sha256-" + std::string(64, 'a'), O_WRONLY | O_CREAT, 0644));
  CHECK(must(prune(*fixture.workshop, {.downloads = false})).downloads == 0);
  CHECK(must(prune(*fixture.workshop, {.until = 1})).downloads == 0);
  CHECK(must(prune(*fixture.workshop, {})).downloads == 1);
  CHECK(must(posix::list_directory(downloads)).empty());
}

TEST_CASE("prune takes away the locks of dead processes, not those that are held") {
  Fixture fixture;
  for (const char* folder : {"locks", "working"}) {
    const Fd directory = must(fixture.workshop->store().subdirectory(folder));
    const NamedLock held = must(NamedLock::acquire(must(directory.duplicate()), "held", nullptr));
    must(posix::open_at(directory, "left", O_WRONLY | O_CREAT, 0600));
    must(prune(*fixture.workshop, {}));
    CHECK(must(posix::exists_at(directory, "held")) == posix::Exists::yes);
    CHECK(must(posix::exists_at(directory, "left")) == posix::Exists::no);
  }
}

TEST_CASE("a damaged index or artifact does not keep the store from getting smaller") {
  Fixture fixture;
  const oci::Descriptor image = fixture.make_image("image");
  const oci::Descriptor signature = fixture.make_signature(image);
  must(fixture.workshop->images().add_any(signature, {name("localhost/signature:1")}));
  must(fixture.workshop->images().add_any(image, {}));
  fixture.reopen();
  REQUIRE(fixture.workshop->blobs().remove(signature.digest));
  must(prune(*fixture.workshop, {}));
  CHECK_FALSE(fixture.has_blob(oci::Digest::of("image")));
}
