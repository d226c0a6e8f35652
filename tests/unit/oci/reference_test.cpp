#include "oci/reference.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {

struct Case {
  std::string text;
  std::string registry;
  std::string repository;
  std::string tag;
};
const std::string k_digest = "sha256:" + std::string(64, 'b');

}  // namespace

TEST_CASE("image names are taken apart by docker's grammar") {
  const Case value = GENERATE(values<Case>({
      {"alpine", "", "alpine", ""},
      {"alpine:3.19", "", "alpine", "3.19"},
      {"library/alpine", "", "library/alpine", ""},
      {"localhost/hello:latest", "localhost", "hello", "latest"},
      {"localhost:5000/hello", "localhost:5000", "hello", ""},
      {"localhost", "", "localhost", ""},
      {"host:5000", "", "host", "5000"},
      {"registry.example/a/b/c:t", "registry.example", "a/b/c", "t"},
      {"registry.example:443/a:t", "registry.example:443", "a", "t"},
      {"REGISTRY.example/a", "REGISTRY.example", "a", ""},
      {"[::1]:5000/a:t", "[::1]:5000", "a", "t"},
      {"[2001:db8::1]/a", "[2001:db8::1]", "a", ""},
      {"docker.io/alpine", "docker.io", "library/alpine", ""},
      {"index.docker.io/alpine:1", "docker.io", "library/alpine", "1"},
      {"docker.io/a/b", "docker.io", "a/b", ""},
      {"a__b/c-d/e.f/g---h:_T.1-2", "", "a__b/c-d/e.f/g---h", "_T.1-2"},
      {"deadbeef", "", "deadbeef", ""},
  }));
  CAPTURE(value.text);
  const Result<Reference> reference = Reference::parse(value.text);
  REQUIRE(reference);
  CHECK(reference->registry == value.registry);
  CHECK(reference->repository == value.repository);
  CHECK(reference->tag == value.tag);
  CHECK_FALSE(reference->digest);
  CHECK(Reference::parse(reference->to_string()).value() == *reference);

  const Result<Reference> pinned = Reference::parse(value.text + "@" + k_digest);
  REQUIRE(pinned);
  CHECK(pinned->digest->to_string() == k_digest);
  CHECK(pinned->tag == value.tag);
  CHECK(Reference::parse(pinned->to_string()).value() == *pinned);
}

TEST_CASE("names outside of the grammar are refused with a reason") {
  const auto [text, why] = GENERATE_COPY(table<std::string, std::string>({
      {"", "empty"},
      {"Alpine", "lower case"},
      {"localhost/Hello", "lower case"},
      {"a//b", "empty"},
      {"/a", "empty"},
      {"a/", "empty"},
      {"registry.example/", "missing"},
      {"a:", "tag"},
      {"a:-b", "tag"},
      {"a:.b", "tag"},
      {"a:b:c", "tag"},
      {"a:" + std::string(129, 't'), "tag"},
      {"a@sha256:abc", "digest"},
      {"a@", "digest"},
      {"a_", "joined by"},
      {"a___b", "joined by"},
      {"a..b", "joined by"},
      {"a._b", "joined by"},
      {"-a", "joined by"},
      {"../a", "registry"},
      {"./a", "registry"},
      {"a b", "joined by"},
      {"a\x1b[31m", "joined by"},
      {"host:port/a", "registry"},
      {"-host.example/a", "registry"},
      {"[::1/a", "registry"},
      {"[zz]/a", "registry"},
      {std::string(64, 'a'), "image ID"},
      {std::string(256, 'a'), "255"},
      {"registry.example/" + std::string(239, 'a'), "255"},
      {std::string(5000, 'a'), "too long"},
  }));
  CAPTURE(text);
  const Result<Reference> reference = Reference::parse(text);
  REQUIRE_FALSE(reference);
  CHECK(reference.error().kind() == ErrorKind::invalid);
  CHECK_THAT(reference.error().message(), Catch::Matchers::Contains(why));
  CHECK(reference.error().message().find('\x1b') == std::string::npos);
}

TEST_CASE("the longest names that the grammar allows pass") {
  CHECK(Reference::parse(std::string(255, 'a')));
  CHECK(Reference::parse("registry.example/" + std::string(238, 'a')));
  CHECK(Reference::parse("a:" + std::string(128, 't')));
}

TEST_CASE("defaults are added only where something is missing") {
  CHECK(Reference::parse("a").value().with_default_tag().to_string() == "a:latest");
  CHECK(Reference::parse("a:1").value().with_default_tag().to_string() == "a:1");
  CHECK(Reference::parse("a@" + k_digest).value().with_default_tag().to_string() == "a@" + k_digest);
  CHECK(Reference::parse("a:1").value().with_local_registry().to_string() == "localhost/a:1");
  CHECK(Reference::parse("x.example/a").value().with_local_registry().to_string() == "x.example/a");
}

TEST_CASE("a short name may be a local one or docker's") {
  const auto names = [](const char* text) {
    std::vector<std::string> result;
    for (const Reference& reference : local_candidates(Reference::parse(text).value()))
      result.push_back(reference.to_string());
    return result;
  };
  CHECK(names("a:1") == std::vector<std::string>{"localhost/a:1", "docker.io/library/a:1"});
  CHECK(names("a/b") == std::vector<std::string>{"localhost/a/b", "docker.io/a/b"});
  CHECK(names("x.example/a") == std::vector<std::string>{"x.example/a"});
}
