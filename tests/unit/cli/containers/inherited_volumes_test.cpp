#include "cli/containers/inherited_volumes.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;
using Word = std::optional<std::string>;

TEST_CASE("the words of --volumes-from") {
  CHECK(parse_volumes_from("web").value() == VolumesFrom{.container = "web", .options = ""});
  CHECK(parse_volumes_from("web:ro").value() == VolumesFrom{.container = "web", .options = "ro"});
  CHECK(parse_volumes_from("web:z,rw").value() == VolumesFrom{.container = "web", .options = "rw"});
  for (const char* bad : {"", ":ro", "web:", "web:x", "web:ro,x"}) CHECK_FALSE(parse_volumes_from(bad));
}

TEST_CASE("which words of a container are inherited, and how") {
  const std::map<std::string, std::string> volumes = {{"/anon", "0123"}};
  CHECK(inherited_word("--volume=data:/data", "", volumes).value() == Word("--volume=data:/data"));
  CHECK(inherited_word("--volume=data:/data", "ro", volumes).value() == Word("--volume=data:/data:ro"));
  CHECK(inherited_word("--volume=/a:/b:rw,z", "ro", volumes).value() == Word("--volume=/a:/b:rw,z,ro"));
  CHECK(inherited_word("--volume=/anon", "", volumes).value() == Word("--volume=0123:/anon"));
  CHECK(inherited_word("--volume=/anon", "ro", volumes).value() == Word("--volume=0123:/anon:ro"));
  CHECK_FALSE(inherited_word("--volume=/other", "", volumes).value());
  CHECK(inherited_word("--mount=type=bind,src=/a,dst=/b", "ro", volumes).value() ==
        Word("--mount=type=bind,src=/a,dst=/b,ro"));
  CHECK_FALSE(inherited_word("--mount=type=tmpfs,dst=/b", "", volumes).value());
  CHECK_FALSE(inherited_word("--tmpfs=/b", "", volumes).value());
  CHECK_FALSE(inherited_word("--name=x", "", volumes).value());
}
