// Copies that fail, are stopped or are killed: the destination is as it was.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "oci/image_manifest.hpp"
#include "oci/store_source.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/copy_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

class StopAfter final : public CopyObserver {
public:
  StopAfter(CancelToken& token, int count) : m_token(token), m_left(count) {}
  void blob_progress(const Descriptor&, std::uint64_t) override {
    if (m_left-- == 0) m_token.cancel();
  }

private:
  CancelToken& m_token;
  std::atomic<int> m_left;
};

std::vector<std::string> names_in(ImageStore& images) {
  std::vector<std::string> names;
  for (const ImageRecord& record : must(images.list_all())) {
    names.push_back(record.manifest.to_string());
    names.insert(names.end(), record.names.begin(), record.names.end());
  }
  return names;
}

// A copy of "gzip" to a place of the target, with one fault.
struct Attempt {
  CopyFixture source;
  CopyFixture target{"target"};
  std::string place;
  std::string what = target.directory / "image";

  explicit Attempt(const std::string& kind) {
    source.add_all();
    place = kind == "store" ? "image" : kind + ":" + what + (kind == "dir" ? "" : ":tag");
  }
  Result<RawManifest> run(FaultySource& from, const CancelToken* cancel, CopyObserver& observer) {
    const auto destination = TRY(open_destination(TRY(TransportName::parse(place)), target.context()));
    CopyOptions options;
    options.jobs = 2;
    return copy_image(from, *destination, options, observer, cancel);
  }
};

}  // namespace

TEST_CASE("a failure at any blob leaves the destination unchanged") {
  const std::string kind = GENERATE("store", "oci", "oci-archive", "dir", "docker-archive");
  const bool has_image = GENERATE(false, true);
  CAPTURE(kind, has_image);
  // The store reads the config of the image that it has.
  const int blobs = kind == "store" && has_image ? 2 : 3;
  for (int blob = 0; blob < blobs; ++blob) {
    Attempt attempt(kind);  // a new one each time: what came before a failure is not asked for again
    if (has_image) {
      FaultySource plain(must(open_store_source(*attempt.source.images, "zstd")));
      must(attempt.run(plain, nullptr, attempt.source.silent));
    }
    const auto files = snapshot(attempt.what);
    const auto names = names_in(*attempt.target.images);
    FaultySource source(must(open_store_source(*attempt.source.images, "gzip")));
    source.fail_at = blob;
    CHECK(contains(error_of(attempt.run(source, nullptr, attempt.source.silent)), "the connection was cut"));
    CHECK(snapshot(attempt.what) == files);
    CHECK(names_in(*attempt.target.images) == names);
    FaultySource whole(must(open_store_source(*attempt.source.images, "gzip")));
    must(attempt.run(whole, nullptr, attempt.source.silent));
  }
}

TEST_CASE("a copy that is stopped leaves the destination unchanged") {
  const std::string kind = GENERATE("store", "oci", "oci-archive", "dir", "docker-archive");
  CAPTURE(kind);
  for (int reads = 0; reads < 3; ++reads) {
    Attempt attempt(kind);
    FaultySource source(must(open_store_source(*attempt.source.images, "gzip")));
    CancelToken token;
    StopAfter observer(token, reads);
    const auto copied = attempt.run(source, &token, observer);
    REQUIRE_FALSE(copied);
    CHECK(copied.error().kind() == ErrorKind::cancelled);
    CHECK_FALSE(exists(attempt.what));
    CHECK(names_in(*attempt.target.images).empty());
  }
}

TEST_CASE("bytes that are not the blob's are refused by every destination") {
  const std::string kind = GENERATE("store", "oci", "oci-archive", "dir", "docker-archive");
  const std::string fault = GENERATE("longer", "shorter", "other", "empty");
  CAPTURE(kind, fault);
  Attempt attempt(kind);
  const Image image = must(attempt.source.images->load(must(attempt.source.images->find("gzip")).manifest));
  for (const Descriptor& blob : {image.manifest.config, image.manifest.layers[0]}) {
    FaultySource source(must(open_store_source(*attempt.source.images, "gzip")));
    std::string bytes = must(attempt.source.blobs->read(blob, 1u << 20));
    if (fault == "longer") bytes += "x";
    if (fault == "shorter") bytes.pop_back();
    if (fault == "other") bytes[bytes.size() / 2] ^= 1;
    if (fault == "empty") bytes.clear();
    source.instead[blob.digest] = bytes;
    const auto copied = attempt.run(source, nullptr, attempt.source.silent);
    REQUIRE_FALSE(copied);
    CHECK(copied.error().kind() == ErrorKind::invalid);
    CHECK_FALSE(exists(attempt.what));
    CHECK(names_in(*attempt.target.images).empty());
  }
}

TEST_CASE("a copy killed at any time leaves what a later copy completes") {
  const std::string kind = GENERATE("store", "oci", "dir", "oci-archive");
  CAPTURE(kind);
  Attempt attempt(kind);
  std::mt19937 random(7);
  for (int round = 0; round < 12; ++round) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      // Stores of its own: a lease belongs to one process.
      auto store = must(Store::open(attempt.target.store->path()));
      auto blobs = must(BlobStore::open(*store));
      auto images = must(ImageStore::open(*store, *blobs));
      auto from_store = must(Store::open(attempt.source.store->path()));
      auto from_blobs = must(BlobStore::open(*from_store));
      auto from = must(ImageStore::open(*from_store, *from_blobs));
      const EndpointContext context{.images = *images, .platform = CopyFixture::amd64()};
      const auto source = must(open_store_source(*from, "gzip"));
      const auto destination = must(open_destination(must(TransportName::parse(attempt.place)), context));
      CopyObserver silent;
      (void)copy_image(*source, *destination, {}, silent, nullptr);
      _exit(0);
    }
    usleep(std::uniform_int_distribution<useconds_t>(0, 60'000)(random));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
  }
  FaultySource source(must(open_store_source(*attempt.source.images, "gzip")));
  const RawManifest copied = must(attempt.run(source, nullptr, attempt.source.silent));
  CopyFixture other("other");
  if (kind == "store")
    CHECK(must(attempt.target.images->find("image")).manifest == copied.digest);
  else
    CHECK(must(other.copy(attempt.place, "end")).digest == copied.digest);
}
