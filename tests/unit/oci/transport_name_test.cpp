#include "oci/transport_name.hpp"

#include "oci/layer_compression.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

TEST_CASE("names with a transport have a place and a name there") {
  const auto [text, transport, path, reference] =
      GENERATE(table<std::string, Transport, std::string, std::string>({
          {"hello", Transport::store, "", "hello"},
          {"localhost:5000/a/b:1", Transport::store, "", "localhost:5000/a/b:1"},
          {"docker://docker.io/library/debian:12", Transport::registry, "", "docker.io/library/debian:12"},
          {"oci:/some/dir", Transport::layout, "/some/dir", ""},
          {"oci:dir:localhost/x:1", Transport::layout, "dir", "localhost/x:1"},
          {"oci-archive:x.tar:tag", Transport::layout_archive, "x.tar", "tag"},
          {"docker-archive:-", Transport::docker_archive, "-", ""},
          {"dir:a:b", Transport::directory, "a:b", ""},
          {"containers-storage:x:1", Transport::containers_storage, "", "x:1"},
      }));
  const TransportName name = must(TransportName::parse(text));
  CHECK(name.transport == transport);
  CHECK(name.path == path);
  CHECK(name.reference == reference);
  CHECK(name.to_string() == text);
}

TEST_CASE("names that name nothing, and transports that there are not") {
  for (const std::string text : {"", "oci:", "oci::tag", "docker://", "dir:", "docker-daemon:x", "ftp://x/y",
                                 "tarball:/x", "docker:debian"}) {
    CAPTURE(text);
    const auto name = TransportName::parse(text);
    REQUIRE_FALSE(name);
    CHECK(name.error().kind() == ErrorKind::invalid);
  }
}

TEST_CASE("compressions have a format and maybe a level") {
  CHECK(must(LayerCompression::parse("zstd")) == LayerCompression{Compression::zstd, std::nullopt});
  CHECK(must(LayerCompression::parse("zstd:19")) == LayerCompression{Compression::zstd, 19});
  CHECK(must(LayerCompression::parse("gzip:1")).to_string() == "gzip:1");
  CHECK(must(LayerCompression::parse("none")).to_string() == "none");
  for (const char* text : {"", "xz", "zstd:", "zstd:0", "zstd:23", "gzip:10", "none:1", "gzip:-1"}) {
    CAPTURE(text);
    CHECK_FALSE(LayerCompression::parse(text));
  }
}
