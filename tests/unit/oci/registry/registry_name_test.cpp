#include "oci/registry/registry_name.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

TEST_CASE("registry names: loopback") {
  for (const char* name : {"localhost", "localhost:5000", "LOCALHOST", "127.0.0.1", "127.0.0.1:5000",
                           "127.255.3.4", "[::1]", "[::1]:5000"}) {
    CAPTURE(name);
    CHECK(is_loopback_registry(name));
  }
  for (const char* name : {"", "localhost.example", "127.0.0.1.example", "127.0.0", "127.0.0.256",
                           "128.0.0.1", "[::2]", "[::11]", "registry.example:127"}) {
    CAPTURE(name);
    CHECK_FALSE(is_loopback_registry(name));
  }
}

TEST_CASE("registry names: Docker Hub has several") {
  CHECK(canonical_registry("index.docker.io") == "docker.io");
  CHECK(canonical_registry("registry-1.docker.io") == "docker.io");
  CHECK(canonical_registry("registry.example:5000") == "registry.example:5000");
  CHECK(api_host("docker.io") == "registry-1.docker.io");
  CHECK(api_host("registry.example:5000") == "registry.example:5000");
}

TEST_CASE("registry names: keys of credential files") {
  const auto [key, registry] = GENERATE(table<std::string, std::string>({
      {"registry.example", "registry.example"},
      {"registry.example:5000", "registry.example:5000"},
      {"https://registry.example", "registry.example"},
      {"http://registry.example/v2/", "registry.example"},
      {"registry.example/v1/", "registry.example"},
      {"https://registry.example/some/path", "registry.example"},
      {"https://index.docker.io/v1/", "docker.io"},
      {"docker.io", "docker.io"},
      {"registry.example/team", ""},
      {"registry.example/team/v1", ""},
      {"", ""},
  }));
  CAPTURE(key);
  CHECK(registry_of_key(key) == registry);
}

TEST_CASE("registry names: what a user types") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"registry.example", "registry.example"},
      {"myhost", "myhost"},
      {"https://registry.example:5000/", "registry.example:5000"},
      {"https://index.docker.io/v1/", "docker.io"},
      {"docker.io/team/app", "docker.io/team/app"},
      {"[::1]:5000/team", "[::1]:5000/team"},
      {"localhost:5000/a/b/", "localhost:5000/a/b"},
  }));
  CAPTURE(text);
  const auto key = CredentialKey::parse(text);
  REQUIRE(key);
  CHECK(key->to_string() == expected);
}

TEST_CASE("registry names: what is none") {
  for (const char* text : {"", "/", "https://", "..", "../x", "host/../x", "user:secret@host", "host/Team",
                           "host/a:tag", "host//a", "host:port", "a b", "host/.", "-host"}) {
    CAPTURE(text);
    const auto key = CredentialKey::parse(text);
    REQUIRE(!key);
    CHECK(key.error().kind() == ErrorKind::invalid);
  }
}

TEST_CASE("registry names: the most specific key comes first") {
  CHECK(CredentialKey{.registry = "host", .path = "a/b/c"}.candidates() ==
        std::vector<std::string>{"host/a/b/c", "host/a/b", "host/a", "host"});
  CHECK(CredentialKey{.registry = "host", .path = ""}.candidates() == std::vector<std::string>{"host"});
}
