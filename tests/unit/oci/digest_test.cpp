#include "oci/digest.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {
const std::string k_empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
}

TEST_CASE("a digest is an algorithm and exactly its number of lower-case digits") {
  const Result<Digest> digest = Digest::parse(k_empty);
  REQUIRE(digest);
  CHECK(digest->to_string() == k_empty);
  CHECK(digest->algorithm() == HashAlgorithm::sha256);
  CHECK(digest->algorithm_name() == "sha256");
  CHECK(digest->hex() == k_empty.substr(7));
  CHECK(*digest == Digest::of(""));
  CHECK(*digest == Digest::sha256(k_empty.substr(7)));

  const Result<Digest> large = Digest::parse("sha512:" + std::string(128, 'a'));
  REQUIRE(large);
  CHECK(large->algorithm() == HashAlgorithm::sha512);
  CHECK(large->hex() == std::string(128, 'a'));
}

TEST_CASE("anything else is refused, above all what could lead out of a directory") {
  const std::string hex(64, 'a');
  const std::string text = GENERATE_COPY(
      std::string(), hex, "sha256:", "sha256:" + hex.substr(1), "sha256:" + hex + "a", "sha512:" + hex,
      "SHA256:" + hex, "sha256:" + std::string(64, 'A'), "sha256:" + std::string(63, 'a') + "g",
      "sha256:../../../../etc/passwd", "sha256:../" + std::string(61, 'a'), "md5:" + std::string(32, 'a'),
      "sha256:" + std::string(63, 'a') + "/", " sha256:" + hex, "sha256:" + hex + "\n",
      "sha256:" + std::string(63, 'a') + std::string(1, '\0'));
  CAPTURE(text);
  const Result<Digest> digest = Digest::parse(text);
  REQUIRE_FALSE(digest);
  CHECK(digest.error().kind() == ErrorKind::invalid);
  CHECK(digest.error().message().find('\n') == std::string::npos);
}

TEST_CASE("the chain ID of one layer is its diff ID, and that of two hashes both") {
  const DiffId first{Digest::of("first")};
  const DiffId second{Digest::of("second")};
  const DiffId one[] = {first};
  const DiffId two[] = {first, second};
  CHECK(chain_id(one).digest == first.digest);
  CHECK(chain_id(two).digest == Digest::of(first.digest.to_string() + " " + second.digest.to_string()));
  CHECK(chain_id({}).digest.empty());
}
