#include "fs/id_map.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::fs;

TEST_CASE("subid lines of a user are found by name and by number") {
  const auto ranges = parse_subid("root:1:1\neu:100000:65536\n# x\n1001:300000:10\neux:5:5\n\n", "eu", 1001);
  REQUIRE(ranges);
  REQUIRE(ranges->size() == 2);
  CHECK((*ranges)[0] == IdRange{.container_id = 0, .host_id = 100000, .size = 65536});
  CHECK((*ranges)[1] == IdRange{.container_id = 0, .host_id = 300000, .size = 10});
}

TEST_CASE("a broken line of the user is refused, of others ignored") {
  CHECK(parse_subid("other:x:y\n", "eu", 1001)->empty());
  CHECK(parse_subid("\n:7:7\n1001:5:5\n", "", 1001)->size() == 1);
  for (const char* line : {"eu:1", "eu:a:1", "eu:1:", "eu:4294967295:2", "eu:1:2:3", "eu:-1:5"}) {
    INFO(line);
    const auto ranges = parse_subid(line, "eu", 1001);
    REQUIRE_FALSE(ranges);
    CHECK(ranges.error().kind() == ErrorKind::invalid);
  }
}

TEST_CASE("a map puts the user first and ranges after it") {
  const IdMap map =
      map_with_ranges(1001, {{.host_id = 100000, .size = 65536}, {.host_id = 300000, .size = 10}});
  CHECK(format_id_map(map) == "0 1001 1\n1 100000 65536\n65537 300000 10\n");
  CHECK(contiguous_ids(map) == 65547);
}

TEST_CASE("ranges that overlap are used once, because the kernel refuses a map that has an id twice") {
  const IdMap map = map_with_ranges(
      1001, {{.host_id = 1000, .size = 5}, {.host_id = 2000, .size = 5}, {.host_id = 2004, .size = 5}});
  CHECK(format_id_map(map) == "0 1001 1\n1 2000 5\n");
}

TEST_CASE("the kernel's text of a map is read back") {
  const auto map = parse_id_map("         0       1001          1\n         1     100000      65536\n");
  REQUIRE(map);
  CHECK(format_id_map(*map) == "0 1001 1\n1 100000 65536\n");
  CHECK_FALSE(parse_id_map("0 1\n"));
  CHECK_FALSE(parse_id_map("0 1 4294967296\n"));
}

TEST_CASE("ids count up to the first gap") {
  CHECK(contiguous_ids({}) == 0);
  CHECK(contiguous_ids({{.container_id = 1, .host_id = 5, .size = 5}}) == 0);
  CHECK(contiguous_ids({{.container_id = 5, .host_id = 9, .size = 5},
                        {.container_id = 0, .host_id = 1, .size = 5}}) == 10);
  CHECK(contiguous_ids({{.container_id = 0, .host_id = 0, .size = 4294967295u}}) == 4294967295u);
}
