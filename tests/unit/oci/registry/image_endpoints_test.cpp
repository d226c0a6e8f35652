#include "oci/registry/image_endpoints.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {

const std::string k_digest = "sha256:" + std::string(64, 'a');

Reference name(const std::string& text) {
  return Reference::parse(text).value();
}

RegistryRule rule(const std::string& prefix, const std::string& location) {
  return {.prefix = prefix, .location = location, .mirrors = {}, .file = "registries.conf"};
}

// "host|name" of each; '!' insecure, 'm' mirror
std::vector<std::string> shown(const Result<std::vector<Endpoint>>& endpoints) {
  if (!endpoints) return {"error: " + endpoints.error().message()};
  std::vector<std::string> result;
  for (const Endpoint& endpoint : *endpoints) {
    result.push_back(std::string(endpoint.mirror ? "m " : "") + (endpoint.insecure ? "! " : "") +
                     endpoint.host + "|" + endpoint.reference.to_string());
  }
  return result;
}
std::vector<std::string> pulled(const RegistriesConf& conf, const std::string& text) {
  return shown(pull_endpoints(conf, name(text)));
}
using Strings = std::vector<std::string>;

std::vector<std::string> candidates(const RegistriesConf& conf, const std::string& text) {
  const auto found = remote_candidates(conf, name(text));
  if (!found) return {"error: " + found.error().message()};
  std::vector<std::string> result;
  for (const Reference& reference : *found) result.push_back(reference.to_string());
  return result;
}

}  // namespace

TEST_CASE("endpoints: a registry is asked itself when nothing else is configured") {
  const RegistriesConf conf;
  CHECK(pulled(conf, "host.example:5000/a:t") == Strings{"host.example:5000|host.example:5000/a:t"});
  CHECK(pulled(conf, "docker.io/alpine") == Strings{"registry-1.docker.io|docker.io/library/alpine"});
  CHECK(pulled(conf, "localhost:5000/a") == Strings{"! localhost:5000|localhost:5000/a"});
  CHECK(pulled(conf, "127.1.2.3/a") == Strings{"! 127.1.2.3|127.1.2.3/a"});
  CHECK(pulled(conf, "[::1]:5000/a") == Strings{"! [::1]:5000|[::1]:5000/a"});
  CHECK(pulled(conf, "short").front().starts_with("error: "));
}

TEST_CASE("endpoints: the longest prefix wins, and ends at a border") {
  RegistriesConf conf;
  conf.rules = {rule("a.example", "one.example"),
                rule("a.example/team", "two.example/t"),
                rule("a.example/team/app", "three.example/app"),
                rule("*.b.example", ""),
                rule("*.example", "four.example"),
                rule("x.b.example:5000", "five.example")};
  conf.rules[3].insecure = true;
  CHECK(pulled(conf, "a.example/x:t") == Strings{"one.example|one.example/x:t"});
  CHECK(pulled(conf, "a.example/team/x:t") == Strings{"two.example|two.example/t/x:t"});
  CHECK(pulled(conf, "a.example/teams/x") == Strings{"one.example|one.example/teams/x"});
  CHECK(pulled(conf, "a.example/team/app:t") == Strings{"three.example|three.example/app:t"});
  CHECK(pulled(conf, "a.example/team/app@" + k_digest) ==
        Strings{"three.example|three.example/app@" + k_digest});
  CHECK(pulled(conf, "y.b.example/n") == Strings{"! y.b.example|y.b.example/n"});
  CHECK(pulled(conf, "z.y.b.example:443/n") == Strings{"! z.y.b.example:443|z.y.b.example:443/n"});
  CHECK(pulled(conf, "x.b.example:5000/n") == Strings{"five.example|five.example/n"});
  CHECK(pulled(conf, "b.example/n") == Strings{"four.example|four.example/n"});
  // Another port is another registry.
  CHECK(pulled(conf, "a.example:5000/x") == Strings{"four.example|four.example/x"});
  CHECK(pulled(conf, "example/n.example").front().starts_with("error: "));
}

TEST_CASE("endpoints: mirrors come first, as far as they are for this") {
  RegistriesConf conf;
  conf.rules = {rule("docker.io", "docker.io")};
  conf.rules[0].mirrors = {{.location = "all.example/hub", .insecure = true},
                           {.location = "tag.example", .use = RegistryMirror::Use::tag_only},
                           {.location = "digest.example", .use = RegistryMirror::Use::digest_only}};
  CHECK(pulled(conf, "docker.io/alpine:3") == Strings{"m ! all.example|all.example/hub/library/alpine:3",
                                                      "m tag.example|tag.example/library/alpine:3",
                                                      "registry-1.docker.io|docker.io/library/alpine:3"});
  CHECK(pulled(conf, "docker.io/alpine@" + k_digest) ==
        Strings{"m ! all.example|all.example/hub/library/alpine@" + k_digest,
                "m digest.example|digest.example/library/alpine@" + k_digest,
                "registry-1.docker.io|docker.io/library/alpine@" + k_digest});
  CHECK(pull_endpoints(conf, name("docker.io/a@" + k_digest))->at(1).by_digest_only);
}

TEST_CASE("endpoints: blocked registries, and places that are none") {
  RegistriesConf conf;
  conf.rules = {rule("a.example/bad", "a.example/bad"), rule("b.example", "nodots"),
                rule("c.example", "c.example/UPPER")};
  conf.rules[0].blocked = true;
  CHECK(pulled(conf, "a.example/bad/x").front().contains("is blocked"));
  CHECK(pull_endpoints(conf, name("a.example/bad/x")).error().kind() == ErrorKind::denied);
  CHECK_FALSE(push_endpoint(conf, name("a.example/bad/x")));
  CHECK(pulled(conf, "a.example/good").size() == 1);
  CHECK(pulled(conf, "b.example/x").front().contains("no full name"));
  CHECK(pulled(conf, "c.example/x").front().contains("no full name"));
}

TEST_CASE("endpoints: a push goes to the registry that the name has") {
  RegistriesConf conf;
  conf.rules = {rule("a.example", "other.example")};
  conf.rules[0].insecure = true;
  conf.rules[0].mirrors = {{.location = "mirror.example"}};
  const Endpoint endpoint = push_endpoint(conf, name("a.example/x:t")).value();
  CHECK(endpoint.host == "a.example");
  CHECK(endpoint.reference.to_string() == "a.example/x:t");
  CHECK(endpoint.insecure);
  CHECK_FALSE(endpoint.mirror);
  CHECK(push_endpoint(conf, name("docker.io/u/x"))->host == "registry-1.docker.io");
}

TEST_CASE("short names: aliases, then the registries to search") {
  RegistriesConf conf;
  conf.search = {"docker.io", "b.example:5000/team"};
  conf.aliases = {{"debian", "c.example/os/debian"}};
  CHECK(candidates(conf, "x.example/a:t") == Strings{"x.example/a:t"});
  CHECK(candidates(conf, "debian:12") == Strings{"c.example/os/debian:12"});
  CHECK(candidates(conf, "debian@" + k_digest) == Strings{"c.example/os/debian@" + k_digest});
  CHECK(candidates(conf, "library/debian") ==
        Strings{"docker.io/library/debian", "b.example:5000/team/library/debian"});
  CHECK(candidates(conf, "tool:t") == Strings{"docker.io/library/tool:t", "b.example:5000/team/tool:t"});

  conf.short_name_mode = ShortNameMode::disabled;
  CHECK(candidates(conf, "debian").size() == 2);

  conf.short_name_mode = ShortNameMode::enforcing;
  CHECK(candidates(conf, "debian").size() == 1);
  CHECK(candidates(conf, "tool") ==
        Strings{"error: the short name 'tool' may mean docker.io/library/tool or b.example:5000/team/tool"});
  conf.search = {"docker.io"};
  CHECK(candidates(conf, "tool") == Strings{"docker.io/library/tool"});

  conf.search = {};
  CHECK(candidates(conf, "tool").front().contains("has no alias"));
  CHECK(remote_candidates(conf, name("tool:t")).error().hint_text().contains("'docker.io/library/tool:t'"));
  CHECK(remote_candidates(conf, name("me/tool")).error().hint_text().contains("'docker.io/me/tool'"));
}
