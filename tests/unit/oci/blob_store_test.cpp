#include "oci/blob_store.hpp"

#include <array>
#include <atomic>
#include <thread>

#include "base/nameless_file.hpp"
#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

Descriptor describe_bytes(std::string_view bytes) {
  return {.media_type = "a/b", .digest = Digest::of(bytes), .size = bytes.size()};
}

Result<std::string> read_verified(const std::string& bytes, const Descriptor& descriptor) {
  const auto source =
      verified_source(std::make_unique<MemorySource>(bytes), descriptor.digest, descriptor.size);
  return read_all(*source, 1u << 20);
}

std::string blob_path(const StoreFixture& fixture, const Digest& digest) {
  return fixture.store->path() + "/blobs/" + digest.algorithm_name() + "/" + digest.hex();
}

// How many files are there: a failed put must leave none.
std::size_t files_in_store(StoreFixture& fixture) {
  return must(fixture.blobs->list()).size();
}

}  // namespace

TEST_CASE("short, long and flipped streams have three different errors") {
  const std::string bytes = "some bytes";
  const Descriptor descriptor = describe_bytes(bytes);
  CHECK(must(read_verified(bytes, descriptor)) == bytes);
  const std::string short_error = error_of(read_verified("some byte", descriptor));
  const std::string long_error = error_of(read_verified("some bytes!", descriptor));
  const std::string other_error = error_of(read_verified("some bytez", descriptor));
  CHECK(contains(short_error, "ends after 9 of the 10 bytes"));
  CHECK(contains(long_error, "longer than the 10 bytes"));
  CHECK(contains(other_error, "other content"));
  CHECK(contains(other_error, Digest::of("some bytez").to_string()));
}

TEST_CASE("a failed stream never reports its end later") {
  const Descriptor descriptor = describe_bytes("abc");
  const auto source =
      verified_source(std::make_unique<MemorySource>("ab"), descriptor.digest, descriptor.size);
  std::array<std::byte, 16> buffer;
  CHECK(must(source->read(buffer)) == 2);
  CHECK_FALSE(source->read(buffer));
  CHECK_FALSE(source->read(buffer));
}

TEST_CASE("an endless stream is cut off at the stated size") {
  class Endless final : public Source {
  public:
    Result<std::size_t> read(std::span<std::byte> buffer) override {
      total += buffer.size();
      return buffer.size();
    }
    std::uint64_t total = 0;
  };
  auto endless = std::make_unique<Endless>();
  Endless& counter = *endless;
  const Descriptor descriptor = describe_bytes("abc");
  const auto source = verified_source(std::move(endless), descriptor.digest, descriptor.size);
  NullSink sink;
  CHECK(contains(error_of(copy_stream(*source, sink)), "longer than"));
  CHECK(counter.total <= (4u << 20));
}

TEST_CASE("blobs are stored under their digests and read again") {
  StoreFixture fixture;
  const Descriptor descriptor = must(fixture.blobs->put_bytes("a/b", "content"));
  CHECK(descriptor.digest == Digest::of("content"));
  CHECK(descriptor.size == 7);
  CHECK(read_file(blob_path(fixture, descriptor.digest)) == "content");
  CHECK(must(fixture.blobs->read(descriptor, 7)) == "content");
  CHECK(must(fixture.blobs->size_of(descriptor.digest)) == 7u);
  CHECK(must(fixture.blobs->list()) == std::vector<Digest>{descriptor.digest});
  must(fixture.blobs->sync());
  must(fixture.blobs->remove(descriptor.digest));
  must(fixture.blobs->remove(descriptor.digest));
  CHECK_FALSE(must(fixture.blobs->size_of(descriptor.digest)));
  CHECK(fixture.blobs->open_blob(descriptor).error().kind() == ErrorKind::not_found);
}

TEST_CASE("sha512 blobs are blobs too") {
  StoreFixture fixture;
  Hasher hasher(HashAlgorithm::sha512);
  hasher.update("content");
  const Descriptor descriptor{
      .media_type = "a/b", .digest = must(Digest::parse("sha512:" + hasher.finish_hex())), .size = 7};
  MemorySource source("content");
  must(fixture.blobs->put(descriptor, source));
  CHECK(must(fixture.blobs->read(descriptor, 100)) == "content");
  CHECK(must(fixture.blobs->list()) == std::vector<Digest>{descriptor.digest});
}

TEST_CASE("a wrong source leaves nothing in the store") {
  StoreFixture fixture;
  const Descriptor descriptor = describe_bytes("content");
  for (const char* bytes : {"conten", "content!", "contenT", ""}) {
    MemorySource source{std::string(bytes)};
    CHECK_FALSE(fixture.blobs->put(descriptor, source));
  }
  CHECK(files_in_store(fixture) == 0);
  CHECK(must(posix::list_directory(must(fixture.store->temporary()))).empty());
}

TEST_CASE("a blob that is there is not read again, one of another length is replaced") {
  StoreFixture fixture;
  const Descriptor descriptor = must(fixture.blobs->put_bytes("a/b", "content"));
  MemorySource wrong("wrong");
  must(fixture.blobs->put(descriptor, wrong));
  write_file(blob_path(fixture, descriptor.digest), "cut");
  MemorySource source("content");
  must(fixture.blobs->put(descriptor, source));
  CHECK(must(fixture.blobs->read(descriptor, 100)) == "content");
}

TEST_CASE("a file without a name becomes a blob, and takes the place of one of another length") {
  StoreFixture fixture;
  const Descriptor descriptor = describe_bytes("content");
  const Fd scratch = must(fixture.store->temporary());
  for (const char* before : {"", "cut"}) {
    if (*before) write_file(blob_path(fixture, descriptor.digest), before);
    const Fd file = must(nameless_file(scratch));
    must(posix::write_full(file, std::string_view("content")));
    CHECK(must(posix::list_directory(scratch)).empty());
    CHECK(must(fixture.blobs->adopt(descriptor, file)));
    CHECK(must(fixture.blobs->read(descriptor, 100)) == "content");
    CHECK((must(posix::stat_fd(file)).st_mode & 0777) == 0644);
    CHECK(must(posix::list_directory(scratch)).empty());
  }
  // A file that has lost its name cannot get another one: the caller puts the blob as others are.
  Fd lost = must(posix::open_at(scratch, "lost", O_RDWR | O_CREAT, 0600));
  must(posix::unlink_at(scratch, "lost"));
  const Descriptor other = describe_bytes("other");
  CHECK_FALSE(must(fixture.blobs->adopt(other, lost)));
  CHECK_FALSE(must(fixture.blobs->has(other)));
}
TEST_CASE("a blob that was changed on disk is not passed on") {
  StoreFixture fixture;
  const Descriptor descriptor = must(fixture.blobs->put_bytes("a/b", "content"));
  const auto [bytes, why] = GENERATE(table<std::string, std::string>(
      {{"conten", "ends after"}, {"content+", "longer"}, {"Content", "other content"}}));
  write_file(blob_path(fixture, descriptor.digest), bytes);
  CHECK_THAT(error_of(fixture.blobs->read(descriptor, 100)), Catch::Matchers::Contains(why));
}

TEST_CASE("a large blob is refused by its stated size, before it is opened") {
  StoreFixture fixture;
  Descriptor descriptor = describe_bytes("content");
  descriptor.size = 200u << 20;
  CHECK(fixture.blobs->read(descriptor, 4u << 20).error().kind() == ErrorKind::limit);
}

TEST_CASE("what a provider makes is a blob, checked as all others") {
  StoreFixture fixture;
  const Descriptor descriptor = describe_bytes("built");
  std::string bytes = "built";
  fixture.blobs->set_provider([&](const Digest& digest) -> Result<std::optional<std::unique_ptr<Source>>> {
    if (digest != descriptor.digest) return std::nullopt;
    return std::make_unique<MemorySource>(bytes);
  });
  CHECK(must(fixture.blobs->read(descriptor, 100)) == "built");
  CHECK_FALSE(must(fixture.blobs->size_of(descriptor.digest)));
  bytes = "other";
  CHECK(contains(error_of(fixture.blobs->read(descriptor, 100)), "other content"));
  CHECK(fixture.blobs->read(describe_bytes("unknown"), 100).error().kind() == ErrorKind::not_found);
  fixture.blobs->set_provider([](const Digest&) -> Result<std::optional<std::unique_ptr<Source>>> {
    return fail(ErrorKind::system, "the provider is broken");
  });
  CHECK(contains(error_of(fixture.blobs->read(descriptor, 100)), "the provider is broken"));
}

TEST_CASE("threads may store the same blob at the same time") {
  StoreFixture fixture;
  const std::string bytes(300'000, 'b');
  const Descriptor descriptor = describe_bytes(bytes);
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      MemorySource source(bytes);
      if (!fixture.blobs->put(descriptor, source)) ++failures;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(must(fixture.blobs->read(descriptor, 1u << 20)) == bytes);
  CHECK(files_in_store(fixture) == 1);
}

TEST_CASE("the process holds what it put") {
  StoreFixture fixture;
  const Descriptor descriptor = must(fixture.blobs->put_bytes("a/b", "content"));
  auto transaction = must(fixture.store->database().begin());
  CHECK(must(fixture.store->held("blob")) == std::vector<std::string>{descriptor.digest.to_string()});
}
