#include "build/bootstrap_sources.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::build;
using ecrin::recipes::FromBootstrap;

TEST_CASE("the one-line format") {
  const auto sources = parse_sources_list(
      "# comment\n"
      "deb http://a.example/debian bookworm main contrib # tail\n"
      "deb-src http://a.example/debian bookworm main\n"
      "deb [arch=amd64 signed-by=/k.gpg] http://b.example/x trixie main\n"
      "deb [unclosed http://c.example x main\n"
      "deb http://d.example flat/\n"
      "deb\thttp://e.example/debian\tbookworm-updates\tmain\n");
  REQUIRE(sources.size() == 3);
  CHECK(sources[0] == AptSource{"http://a.example/debian", "bookworm", {"main", "contrib"}, ""});
  CHECK(sources[1] == AptSource{"http://b.example/x", "trixie", {"main"}, "/k.gpg"});
  CHECK(sources[2].suite == "bookworm-updates");
}

TEST_CASE("the deb822 format") {
  const auto sources = parse_deb822_sources(
      "Types: deb deb-src\n"
      "# a comment in the middle\n"
      "URIs: http://a.example/debian\n"
      "Suites: bookworm\n"
      " bookworm-updates\n"
      "Components: main\n"
      "Signed-By: /usr/share/k.gpg\n"
      "\n"
      "Types: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\nEnabled: no\n"
      "\n"
      "types: deb\nuris: http://inline.example\nsuites: s\ncomponents: main\nsigned-by:\n"
      " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n x\n");
  REQUIRE(sources.size() == 2);
  CHECK(sources[0] == AptSource{"http://a.example/debian", "bookworm", {"main"}, "/usr/share/k.gpg"});
  CHECK(sources[1].suite == "bookworm-updates");
}

TEST_CASE("sources of a suite bring updates and security, and nothing else") {
  const std::vector<AptSource> all = {{"http://s", "bookworm-security", {"main"}, ""},
                                      {"http://d", "bookworm", {"main"}, "/k"},
                                      {"http://tools", "tools", {"main"}, ""},
                                      {"http://d", "bookworm-backports", {"main"}, ""},
                                      {"http://d", "bookworm", {"main"}, "/k"}};
  const auto wanted = sources_for_suite(all, "bookworm");
  CHECK(format_sources_list(wanted) ==
        "deb [signed-by=/k] http://d bookworm main\n"
        "deb http://s bookworm-security main\n");
  CHECK(sources_for_suite(all, "trixie").empty());
  // Security alone, without the suite itself, is not a system.
  CHECK(sources_for_suite({{"http://s", "trixie-security", {"main"}, ""}}, "trixie").empty());
}

TEST_CASE("a mirror and a snapshot of the recipe") {
  FromBootstrap from;
  from.distribution = "debian";
  from.suite = "bookworm";
  from.mirror = "http://m.example/debian/";
  CHECK(*bootstrap_sources(from) == "deb http://m.example/debian/ bookworm main\n");
  from.snapshot = "20240101T000000Z";
  CHECK(*bootstrap_sources(from) == "deb http://m.example/debian/20240101T000000Z bookworm main\n");
  from.mirror.clear();
  CHECK_FALSE(bootstrap_sources(from));
}
