#include "base/hash.hpp"

#include <thread>

#include "tests/support/catch.hpp"

using namespace ecrin;

// FIPS 180-4 examples.
static const std::string k_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const std::string k_empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const std::string k_abc_512 =
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

TEST_CASE("hash: known digests") {
  CHECK(sha256_hex("") == k_empty);
  CHECK(sha256_hex("abc") == k_abc);
  Hasher hasher(HashAlgorithm::sha512);
  hasher.update("abc");
  CHECK(hasher.finish_hex() == k_abc_512);
}

TEST_CASE("hash: the pieces do not matter, and finishing starts a new one") {
  Hasher hasher;
  hasher.update("a");
  hasher.update(std::string_view());
  hasher.update("bc");
  Hasher moved = std::move(hasher);
  CHECK(moved.finish_hex() == k_abc);
  CHECK(moved.finish_hex() == k_empty);
  moved.update("abc");
  CHECK(moved.finish_hex() == k_abc);
}

TEST_CASE("hash: the sink hashes, counts and passes on") {
  StringSink text;
  HashingSink sink(&text);
  REQUIRE(sink.write(as_bytes("ab")));
  REQUIRE(sink.write(as_bytes("c")));
  REQUIRE(sink.finish());
  CHECK(text.bytes() == "abc");
  CHECK(sink.count() == 3);
  CHECK(sink.finish_hex() == k_abc);
  HashingSink alone(nullptr, HashAlgorithm::sha512);
  REQUIRE(alone.write(as_bytes("abc")));
  REQUIRE(alone.finish());
  CHECK(alone.finish_hex() == k_abc_512);
}

TEST_CASE("hash: the source hashes and counts what is read through it") {
  HashingSource source(std::make_unique<MemorySource>("abc"));
  // By somebody that wants to own it.
  LimitSource reader(std::make_unique<BorrowedSource>(source), 3, "the text");
  CHECK(read_all(reader, 100).value() == "abc");
  CHECK(source.count() == 3);
  CHECK(source.finish_hex() == k_abc);
  HashingSource long_one(std::make_unique<MemorySource>("abc"), HashAlgorithm::sha512);
  CHECK(read_all(long_one, 100).value() == "abc");
  CHECK(long_one.finish_hex() == k_abc_512);
}

TEST_CASE("hash: threads do not disturb each other") {
  std::vector<std::string> digests(4);
  std::vector<std::thread> threads;
  for (auto& digest : digests) threads.emplace_back([&digest] { digest = sha256_hex("abc"); });
  for (auto& thread : threads) thread.join();
  for (const auto& digest : digests) CHECK(digest == k_abc);
}
