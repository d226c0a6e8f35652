#include "cli/cache_options.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

CacheWords parse(std::string_view text, CacheFlag flag = CacheFlag::to) {
  auto words = parse_cache(text, flag);
  INFO(text);
  REQUIRE(words);
  return *std::move(words);
}
std::string refusal(std::string_view text, CacheFlag flag = CacheFlag::to) {
  const auto words = parse_cache(text, flag);
  INFO(text);
  REQUIRE_FALSE(words);
  return words.error().message();
}

}  // namespace

TEST_CASE("a cache in a registry has a tag of its own") {
  CHECK(parse("h.test/a/b").reference == "h.test/a/b:build-cache");
  CHECK(parse("docker://h.test/a/b").reference == "h.test/a/b:build-cache");
  CHECK(parse("h.test:5000/a:ci", CacheFlag::from).reference == "h.test:5000/a:ci");
  CHECK(parse("ref=h.test/a:ci").reference == "h.test/a:ci");
  const CacheWords words = parse("type=registry,ref=h.test/a,mode=max,mounts=true,ignore-error=true");
  CHECK(words.reference == "h.test/a:build-cache");
  CHECK(words.all_steps);
  CHECK(words.mounts);
  CHECK(words.ignore_error);
  CHECK(words.name() == "h.test/a:build-cache");
}

TEST_CASE("a cache in a directory") {
  // A variable that is not set must not make the working directory a cache.
  CHECK(refusal("type=local,dest=") == "a path is empty");
  CHECK(refusal("type=local,src=", CacheFlag::from) == "a path is empty");
  const CacheWords to = parse("type=local,dest=/tmp/cache,mode=min");
  CHECK(to.directory == "/tmp/cache");
  CHECK(to.reference.empty());
  CHECK_FALSE(to.all_steps);
  CHECK(to.name() == "/tmp/cache");
  CHECK(parse("type=local,src=/tmp/cache,tag=main", CacheFlag::from).name() == "/tmp/cache:main");
  CHECK(parse("type=local,dest=cache").directory.starts_with("/"));
}

TEST_CASE("layers of a cache are packed as for a push") {
  CHECK(parse("h.test/a").compression == oci::LayerCompression{});
  CHECK(parse("ref=h.test/a,compression=uncompressed").compression.format == Compression::none);
  const auto packed =
      parse("ref=h.test/a,compression-level=19,compression=zstd,oci-mediatypes=true").compression;
  CHECK(packed.to_string() == "zstd:19");
  CHECK(refusal("ref=h.test/a,compression-level=99").contains("level"));
  CHECK(refusal("ref=h.test/a,compression=estargz").contains("estargz"));
}

TEST_CASE("wrong words about caches say what is right") {
  CHECK(refusal("type=gha").contains("'gha'"));
  CHECK(refusal("app").contains("names no registry"));
  CHECK(refusal("type=local").contains("type=local,dest=DIR"));
  CHECK(refusal("type=local,dest=/tmp,ref=h.test/a").contains("type=local,dest=DIR"));
  CHECK(refusal("type=local,dest=/tmp", CacheFlag::from).contains("does not know 'dest=/tmp'"));
  CHECK(refusal("type=registry", CacheFlag::from).contains("type=registry,ref="));
  CHECK(refusal("ref=h.test/a,mode=max", CacheFlag::from).contains("does not know 'mode=max'"));
  CHECK(refusal("ref=h.test/a,mode=most").contains("mode=most"));
  CHECK(refusal("ref=h.test/a,mounts=perhaps").contains("true or false"));
  CHECK_FALSE(refusal("").empty());
  CHECK_FALSE(refusal("=").empty());
}
