#include <fcntl.h>

#include <thread>

#include "base/posix.hpp"
#include "oci/blob_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/copy_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

// A server of one blob that counts what it is asked for.
struct Server {
  std::string bytes;
  std::size_t cut_at = std::string::npos;  // once
  std::vector<std::uint64_t> offsets;
  std::uint64_t sent = 0;
  std::mutex mutex;

  Descriptor descriptor() const {
    return {.media_type = "a/b", .digest = Digest::of(bytes), .size = bytes.size()};
  }
  BlobStore::Opener opener() {
    return [this](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
      const std::lock_guard lock(mutex);
      offsets.push_back(offset);
      const std::size_t end = std::exchange(cut_at, std::string::npos);
      sent += std::min(end, bytes.size()) - offset;
      const std::string rest = bytes.substr(offset);
      return std::make_unique<BrokenSource>(rest, end == std::string::npos ? rest.size() : end - offset);
    };
  }
};

std::string partial(const StoreFixture& fixture, const Digest& digest) {
  return fixture.store->path() + "/downloads/" + digest.algorithm_name() + "-" + digest.hex();
}

}  // namespace

TEST_CASE("a download that was cut goes on where it ended") {
  StoreFixture fixture;
  Server server{.bytes = layer_bytes(300'000, 3), .cut_at = 100'000};
  const Descriptor blob = server.descriptor();
  const auto cut = fixture.blobs->download(blob, server.opener(), nullptr, nullptr);
  CHECK(contains(error_of(cut), "the connection was cut"));
  CHECK_FALSE(must(fixture.blobs->size_of(blob.digest)));
  StringSink also;
  CHECK(must(fixture.blobs->download(blob, server.opener(), &also, nullptr)) ==
        BlobStore::Download::downloaded);
  CHECK(server.offsets == std::vector<std::uint64_t>{0, 100'000});
  CHECK(server.sent == blob.size);
  CHECK(also.bytes() == server.bytes);
  CHECK(must(fixture.blobs->read(blob, blob.size)) == server.bytes);
  CHECK_FALSE(exists(partial(fixture, blob.digest)));
  CHECK(must(fixture.blobs->download(blob, server.opener(), nullptr, nullptr)) ==
        BlobStore::Download::present);
  CHECK(server.offsets.size() == 2);
}

TEST_CASE("a part that is wrong is thrown away and all of it is asked for") {
  StoreFixture fixture;
  Server server{.bytes = layer_bytes(50'000, 4)};
  const Descriptor blob = server.descriptor();
  must(fixture.store->subdirectory("downloads"));
  SECTION("other bytes") {
    write_file(partial(fixture, blob.digest), std::string(1000, 'x'));
  }
  SECTION("as many other bytes") {
    write_file(partial(fixture, blob.digest), std::string(50'000, 'x'));
  }
  SECTION("too many") {
    write_file(partial(fixture, blob.digest), std::string(60'000, 'x'));
  }
  must(fixture.blobs->download(blob, server.opener(), nullptr, nullptr));
  CHECK(server.offsets.back() == 0);
  CHECK(must(fixture.blobs->read(blob, blob.size)) == server.bytes);
}

TEST_CASE("a part that is whole needs no byte more") {
  StoreFixture fixture;
  Server server{.bytes = "all of it"};
  const Descriptor blob = server.descriptor();
  must(fixture.store->subdirectory("downloads"));
  write_file(partial(fixture, blob.digest), server.bytes);
  must(fixture.blobs->download(blob, server.opener(), nullptr, nullptr));
  CHECK(server.offsets.empty());
}

TEST_CASE("bytes of another blob leave nothing") {
  StoreFixture fixture;
  Server server{.bytes = "good bytes"};
  const Descriptor blob = server.descriptor();
  server.bytes = GENERATE("evil bytes", "good bytes and more");
  CHECK_FALSE(fixture.blobs->download(blob, server.opener(), nullptr, nullptr));
  CHECK_FALSE(exists(partial(fixture, blob.digest)));
  CHECK(must(fixture.blobs->list()).empty());
}

TEST_CASE("many who want one blob ask for its bytes once") {
  StoreFixture fixture;
  Server server{.bytes = layer_bytes(400'000, 5)};
  const Descriptor blob = server.descriptor();
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      // As another process: a store of its own.
      const auto store = Store::open(fixture.store->path());
      const auto blobs = store ? BlobStore::open(**store) : std::unexpected(store.error());
      if (!blobs || !(*blobs)->download(blob, server.opener(), nullptr, nullptr)) ++failures;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(server.offsets.size() == 1);
  CHECK(must(fixture.blobs->read(blob, blob.size)) == server.bytes);
  CHECK_FALSE(exists(partial(fixture, blob.digest)));
}

TEST_CASE("who waits for another download can be stopped, and it is not taken away") {
  StoreFixture fixture;
  Server server{.bytes = "abc"};
  const Descriptor blob = server.descriptor();
  must(fixture.store->subdirectory("downloads"));
  write_file(partial(fixture, blob.digest), "a");
  const FileLock other = must(
      FileLock::acquire(must(posix::open(partial(fixture, blob.digest), O_RDWR)), FileLock::Mode::exclusive));
  CancelToken token;
  std::thread user([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    token.cancel();
  });
  const auto waited = fixture.blobs->download(blob, server.opener(), nullptr, &token);
  user.join();
  REQUIRE_FALSE(waited);
  CHECK(waited.error().kind() == ErrorKind::cancelled);
  CHECK(must(fixture.blobs->remove_partial_downloads({})).count == 0);
  CHECK(exists(partial(fixture, blob.digest)));
}

TEST_CASE("what interrupted downloads left can be removed") {
  StoreFixture fixture;
  Server server{.bytes = layer_bytes(300'000, 3), .cut_at = 100'000};
  const Descriptor blob = server.descriptor();
  CHECK_FALSE(fixture.blobs->download(blob, server.opener(), nullptr, nullptr));
  CHECK(must(fixture.blobs->remove_partial_downloads(1)).count == 0);  // it is younger
  CHECK(exists(partial(fixture, blob.digest)));
  CHECK(must(fixture.blobs->remove_partial_downloads({})).count == 1);
  CHECK_FALSE(exists(partial(fixture, blob.digest)));
}
