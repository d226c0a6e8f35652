#include "base/hash.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/registry/client_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

constexpr std::size_t k_size = 400'000;

struct BlobFixture : ClientFixture {
  explicit BlobFixture(MemoryRegistryOptions options = {})
      : ClientFixture(std::move(options)), bytes(noise(k_size)), name(digest(bytes)) {
    registry.add_blob("team/app", bytes);
  }
  Result<std::string> download(std::uint64_t offset = 0) {
    RegistryClient one = client();
    const auto source = one.open_blob(name, bytes.size(), offset, nullptr);
    if (!source) return std::unexpected(source.error());
    return read_all(**source, 1u << 24);
  }
  MemoryRegistry::Counts counts() { return registry.downloads(name.to_string()); }

  std::string bytes;
  Digest name;
};

}  // namespace

TEST_CASE("a blob comes whole, and from an offset on") {
  BlobFixture fixture;
  CHECK(must(fixture.download()) == fixture.bytes);
  CHECK(fixture.counts().requests == 1);
  CHECK(fixture.counts().bytes == k_size);
  CHECK(must(fixture.download(k_size - 10)) == fixture.bytes.substr(k_size - 10));
  CHECK(fixture.counts().bytes == k_size + 10);
  CHECK(must(fixture.download(k_size)).empty());  // all is there: nothing is asked for
  CHECK(fixture.counts().requests == 2);
  CHECK(fixture.download(k_size + 1).error().kind() == ErrorKind::invalid);
}

TEST_CASE("an empty blob is a blob") {
  ClientFixture fixture;
  fixture.registry.add_blob("team/app", "");
  RegistryClient client = fixture.client();
  const auto source = must(client.open_blob(digest(""), 0, 0, nullptr));
  CHECK(must(read_all(*source, 10)).empty());
}

TEST_CASE("a blob that is not there is known when it is opened") {
  BlobFixture fixture;
  RegistryClient client = fixture.client();
  const auto missing = client.open_blob(digest("none"), 4, 0, nullptr);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  CHECK(must(client.has_blob(fixture.name, nullptr)) == Presence::present);
  CHECK(must(client.has_blob(digest("none"), nullptr)) == Presence::absent);
}

TEST_CASE("a connection that is cut is made again for the rest only") {
  BlobFixture fixture;
  fixture.registry.order(Fault::cut, 3, "/blobs/");
  CHECK(must(fixture.download()) == fixture.bytes);
  CHECK(fixture.registry.happened(Fault::cut) == 3);
  CHECK(fixture.counts().requests == 4);
  CHECK(fixture.counts().bytes == k_size);  // no byte came twice
}

TEST_CASE("cuts and refusals mixed: still no byte comes twice") {
  BlobFixture fixture;
  fixture.registry.order(Fault::cut, 2, "/blobs/");
  fixture.registry.order(Fault::too_many, 2, "/blobs/");
  fixture.registry.order(Fault::unavailable, 1, "/blobs/");
  fixture.registry.order(Fault::reset, 1, "/blobs/");
  CHECK(must(fixture.download()) == fixture.bytes);
  CHECK(fixture.counts().bytes == k_size);
}

TEST_CASE("cuts without an end are given up") {
  BlobFixture fixture;
  fixture.registry.order(Fault::cut, 1000, "/blobs/");
  const auto result = fixture.download();
  REQUIRE_FALSE(result);
  CHECK(result.error().kind() == ErrorKind::network);
  CHECK(contains(error_of(result), "downloading the blob " + fixture.name.to_string()));
  CHECK(fixture.counts().requests < 20);
  CHECK(fixture.counts().bytes <= k_size);
}

TEST_CASE("a server that does not know ranges is used all the same") {
  BlobFixture fixture;
  fixture.registry.order(Fault::cut, 1, "/blobs/");
  fixture.registry.order(Fault::ignored_range, 10);
  CHECK(must(fixture.download()) == fixture.bytes);
  CHECK(fixture.registry.happened(Fault::ignored_range) == 1);
  CHECK(must(fixture.download(1000)) == fixture.bytes.substr(1000));
  // cut also while the known part is passed over
  fixture.registry.order(Fault::cut, 2, "/blobs/");
  fixture.registry.order(Fault::ignored_range, 10);
  CHECK(must(fixture.download(300'000)) == fixture.bytes.substr(300'000));
}

TEST_CASE("another part than the one that was asked for is refused") {
  BlobFixture fixture;
  fixture.registry.order(Fault::wrong_range, 10);
  const auto result = fixture.download(1000);
  CHECK(result.error().kind() == ErrorKind::invalid);
  CHECK(contains(error_of(result), "another part"));
}

TEST_CASE("lengths that lie are one clear error") {
  struct Case {
    Fault fault;
    std::string text;
  };
  const std::vector<Case> cases = {
      {Fault::too_short, "has 200000 bytes at the registry, but its manifest says 400000"},
      {Fault::too_long, "has 400004 bytes at the registry, but its manifest says 400000"},
      {Fault::long_silent, "has more than the 400000 bytes that its manifest says"},
      {Fault::endless, "has more than the 400000 bytes that its manifest says"},
  };
  for (const Case& one : cases) {
    CAPTURE(fault_name(one.fault));
    BlobFixture fixture;
    fixture.registry.order(one.fault, 1000, "/blobs/");
    const auto result = fixture.download();
    REQUIRE_FALSE(result);
    CHECK(result.error().kind() == ErrorKind::invalid);
    CHECK(contains(error_of(result), one.text));
    CHECK(fixture.counts().requests == 1);
  }
}

TEST_CASE("an early end without a length is taken for a cut") {
  BlobFixture fixture;
  fixture.registry.order(Fault::short_silent, 1, "/blobs/");
  CHECK(must(fixture.download()) == fixture.bytes);
  CHECK(fixture.counts().bytes == k_size);
  // the blob at the registry is shorter than the manifest says
  RegistryClient client = fixture.client();
  fixture.registry.order(Fault::no_length, 1, "/blobs/");
  const auto source = must(client.open_blob(fixture.name, k_size + 5, 0, nullptr));
  const auto result = read_all(*source, 1u << 24);
  CHECK(contains(error_of(result), "is shorter than the 400005 bytes"));
}

TEST_CASE("bytes without a length, and a few at a time, are fine") {
  BlobFixture fixture;
  fixture.registry.order(Fault::no_length, 1, "/blobs/");
  CHECK(must(fixture.download()) == fixture.bytes);
  fixture.registry.order(Fault::drip, 1, "/blobs/");
  CHECK(must(fixture.download()) == fixture.bytes);
}

TEST_CASE("a wrong byte is left to who knows the digest") {
  BlobFixture fixture;
  fixture.registry.order(Fault::wrong_bytes, 1, "/blobs/");
  CHECK(digest(must(fixture.download())) != fixture.name);
}

TEST_CASE("blobs at another host: redirected anew after each cut") {
  MemoryRegistryOptions options = with_tokens();
  options.blob_host = "http://storage.test";
  BlobFixture fixture(options);
  fixture.registry.order(Fault::cut, 2, "/storage/");
  fixture.registry.order(Fault::unavailable, 1, "/storage/");
  CHECK(must(fixture.download()) == fixture.bytes);
  CHECK(fixture.counts().bytes == k_size);
  CHECK(fixture.registry.leaked_credentials() == 0);
  CHECK(fixture.registry.count("GET /storage/") == 4);
  CHECK(fixture.registry.count("GET /v2/team/app/blobs/") == 5);  // the first is the challenge
}

TEST_CASE("a token that ends in mid-pull does not end the pull") {
  BlobFixture fixture(with_tokens());
  RegistryClient client = fixture.client();
  const auto source = must(client.open_blob(fixture.name, k_size, 0, nullptr));
  std::string got(1000, '\0');
  got.resize(must(source->read(std::as_writable_bytes(std::span(got)))));
  fixture.registry.order(Fault::expired_token, 1);
  fixture.registry.order(Fault::cut, 1, "/blobs/");
  got += must(read_all(*source, 1u << 24));
  CHECK(got == fixture.bytes);
  // and one that ends between a cut and what comes after it
  BlobFixture second(with_tokens());
  second.registry.order(Fault::cut, 1, "/blobs/");
  RegistryClient other = second.client();
  const auto cut = must(other.open_blob(second.name, k_size, 0, nullptr));
  second.registry.order(Fault::expired_token, 1);
  CHECK(must(read_all(*cut, 1u << 24)) == second.bytes);
  CHECK(second.registry.happened(Fault::expired_token) == 1);
  CHECK(second.counts().bytes == k_size);
}

TEST_CASE("a download stops when the user stops it") {
  BlobFixture fixture;
  CancelToken cancel;
  RegistryClient client = fixture.client();
  const auto source = must(client.open_blob(fixture.name, k_size, 0, &cancel));
  cancel.cancel();
  CHECK(read_all(*source, 1u << 24).error().kind() == ErrorKind::cancelled);
  CHECK(fixture.counts().requests == 1);
}
