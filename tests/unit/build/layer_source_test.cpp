#include "build/layer_source.hpp"

#include "base/stream.hpp"
#include "fs/changeset.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

TEST_CASE("a layer read as a stream has the bytes of the layer written") {
  const testing::TemporaryDirectory scratch;
  testing::write_file(scratch.path() + "/a", std::string(3 << 20, 'x'));
  testing::write_file(scratch.path() + "/d/b", "y");
  StringSink written;
  REQUIRE(fs::write_layer(testing::open_directory(scratch.path()), written));
  const auto source = layer_source(testing::open_directory(scratch.path()));
  const auto read = read_all(*source, 1u << 30);
  REQUIRE(read);
  CHECK(*read == written.bytes());
}

TEST_CASE("a reader may go away in the middle") {
  const testing::TemporaryDirectory scratch;
  testing::write_file(scratch.path() + "/a", std::string(8 << 20, 'x'));
  const auto source = layer_source(testing::open_directory(scratch.path()));
  std::byte buffer[100];
  REQUIRE(source->read(buffer));
}
