#include "cli/user_mapping.hpp"

#include "cli/containers/accounts.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;
using Map = std::vector<oci::IdMapping>;

TEST_CASE("the user keeps its number, and everybody has one") {
  CHECK(exchanged_ids(65'537, 0) == Map{{0, 0, 65'537}});
  CHECK(exchanged_ids(65'537, 1000) == Map{{1000, 0, 1}, {0, 1000, 1}, {1, 1, 999}, {1001, 1001, 64'536}});
  CHECK(exchanged_ids(1, 1000) == Map{{1000, 0, 1}});
  CHECK(exchanged_ids(65'537, 100'000) == Map{{100'000, 0, 1}, {1, 1, 65'536}});
  CHECK(exchanged_ids(3, 1) == Map{{1, 0, 1}, {0, 1, 1}, {2, 2, 1}});
  CHECK(exchanged_ids(3, 2) == Map{{2, 0, 1}, {0, 2, 1}, {1, 1, 1}});
  CHECK(id_outside(exchanged_ids(65'537, 1000), 1000) == 0);
  CHECK(id_outside(exchanged_ids(65'537, 1000), 0) == 1000);
  CHECK(id_outside(exchanged_ids(65'537, 1000), 65'536) == 65'536);
  CHECK_FALSE(id_outside(exchanged_ids(65'537, 1000), 65'537));
  CHECK(id_outside({}, 7) == 7);
}

TEST_CASE("the words of --userns") {
  CHECK(parse_user_mapping("").value() == UserMapping{});
  CHECK(parse_user_mapping("host").value() == UserMapping{});
  CHECK(parse_user_mapping("keep-id").value() == UserMapping{.keeps = true, .uid = {}, .gid = {}});
  CHECK(parse_user_mapping("keep-id:uid=5,gid=6").value() == UserMapping{.keeps = true, .uid = 5, .gid = 6});
  CHECK(parse_user_mapping("keep-id:gid=0").value() == UserMapping{.keeps = true, .uid = {}, .gid = 0});
  for (const char* wrong : {"keep-id:", "keep-id:uid", "keep-id:uid=", "keep-id:uid=-1",
                            "keep-id:uid=4294967295", "keep-id:pid=1", "keep-ids", "keep", "yes"}) {
    INFO(wrong);
    const auto mapping = parse_user_mapping(wrong);
    REQUIRE_FALSE(mapping);
    CHECK(mapping.error().kind() == ErrorKind::invalid);
  }
  for (const char* refused :
       {"nomap", "auto", "auto:size=10", "container:web", "ns:/proc/1/ns/user", "keep-id:size=9"}) {
    INFO(refused);
    const auto mapping = parse_user_mapping(refused);
    REQUIRE_FALSE(mapping);
    CHECK(mapping.error().kind() == ErrorKind::unsupported);
    CHECK_FALSE(mapping.error().hint_text().empty());
  }
}

TEST_CASE("a number without a name gets an entry, others keep theirs") {
  const Person person = nameless_person(1234, 99, "/work");
  CHECK(with_user_added("root:x:0:0::/root:/bin/sh", person) ==
        "root:x:0:0::/root:/bin/sh\n1234:*:1234:99:container user:/work:/bin/sh\n");
  CHECK(with_user_added("", person) == "1234:*:1234:99:container user:/work:/bin/sh\n");
  CHECK_FALSE(with_user_added("some:x:1234:1::/:\n", person));
  CHECK(with_group_added("root:x:0:\n", person) == "root:x:0:\n99:x:99:\n");
  CHECK_FALSE(with_group_added("users:x:99:\n", person));
}
