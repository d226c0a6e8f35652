#include "cli/entered_system.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

TEST_CASE("a person is found in a system's passwd and group, once") {
  const Person person{.uid = 1000,
                      .gid = 100,
                      .name = "ada",
                      .group = "staff",
                      .gecos = "Ada",
                      .home = "/home/ada",
                      .shell = {}};
  CHECK(with_person("root:x:0:0::/root:/bin/sh\nother:x:1000:1000::/home/other:/bin/sh\nada:x:5:5::/:\n",
                    person,
                    "/bin/sh") == "root:x:0:0::/root:/bin/sh\nada:x:1000:100:Ada:/home/ada:/bin/sh\n");
  CHECK(with_group("root:x:0:\nusers:x:100:bob", person) == "root:x:0:\nstaff:x:100:\n");
  CHECK(with_person("", person, "/bin/sh") == "ada:x:1000:100:Ada:/home/ada:/bin/sh\n");
}

TEST_CASE("places are shared once, and none that are part of a system") {
  const Environment nothing = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  const Person person{.name = "ada", .group = "ada", .gecos = {}, .home = "/var", .shell = {}};
  using Places = std::vector<std::string>;
  CHECK(shared_places(person, nothing, "/var/tmp") == Places{"/var", "/tmp"});
  CHECK(shared_places(person, nothing, "/usr/bin") == Places{"/var", "/tmp"});
  CHECK(shared_places(person, nothing, "/") == Places{"/var", "/tmp"});
  CHECK(shared_places(person, nothing, "/home") == Places{"/var", "/tmp", "/home"});
  CHECK(is_within("/var/tmp", {"/var"}));
  CHECK_FALSE(is_within("/various", {"/var"}));
}
