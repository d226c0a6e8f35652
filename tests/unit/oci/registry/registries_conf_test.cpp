#include "oci/registry/registries_conf.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {

struct Configuration {
  test::TempDirectory directory;
  RegistriesConfPlaces places{.chosen = "",
                              .usual = {directory.path("user.conf"), directory.path("system.conf")},
                              .directories = {directory.path("system.d"), directory.path("user.d")},
                              .aliases = directory.path("aliases.conf")};

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(directory.path(name)).parent_path());
    REQUIRE(write_file_atomically(directory.path(name), text));
  }
  RegistriesConf load() const { return load_registries_conf(places).value(); }
  std::string error() const {
    const auto conf = load_registries_conf(places);
    REQUIRE(!conf);
    return conf.error().message();
  }
};

}  // namespace

TEST_CASE("registries.conf: where it is") {
  const RegistriesConfPlaces places = registries_conf_places("", "/home/u/.config", "/home/u/.cache");
  CHECK(places.usual == std::vector<std::string>{"/home/u/.config/containers/registries.conf",
                                                 "/etc/containers/registries.conf"});
  CHECK(places.directories == std::vector<std::string>{"/etc/containers/registries.conf.d",
                                                       "/home/u/.config/containers/registries.conf.d"});
  CHECK(places.aliases == "/home/u/.cache/containers/short-name-aliases.conf");
  CHECK(registries_conf_places("/x", "", "").usual.size() == 1);
}

TEST_CASE("registries.conf: without any file docker.io is searched") {
  const Configuration configuration;
  CHECK(configuration.load().search == std::vector<std::string>{"docker.io"});
  CHECK(configuration.load().credential_helpers == std::vector<std::string>{"containers-auth.json"});
  configuration.write("system.conf", "# nothing\n");
  CHECK(configuration.load().search.empty());
}

TEST_CASE("registries.conf: the first main file counts, drop-ins change it") {
  Configuration configuration;
  configuration.write("system.conf", "unqualified-search-registries = ['one.example/']\n");
  CHECK(configuration.load().search == std::vector<std::string>{"one.example"});
  configuration.write("user.conf", R"(
unqualified-search-registries = ["two.example:5000", "three.example/team"]
short-name-mode = "enforcing"
credential-helpers = ["pass", "containers-auth.json"]
[[registry]]
location = "a.example"
insecure = true
[aliases]
"app" = "two.example/app"
"gone" = "two.example/gone"
)");
  configuration.write("system.d/50.conf", "short-name-mode = 'disabled'\n[[registry]]\nprefix='a.example'\n");
  configuration.write("system.d/20.conf", "short-name-mode = 'permissive'\n[aliases]\n'gone' = ''\n");
  configuration.write("system.d/60.txt", "no = toml = at all");
  configuration.write("user.d/10.conf", "[aliases]\n'app' = 'docker.io/app'\n");
  configuration.write("aliases.conf", "[aliases]\n'mine' = 'mine.example/x/y'\n");
  const RegistriesConf conf = configuration.load();
  CHECK(conf.search == std::vector<std::string>{"two.example:5000", "three.example/team"});
  CHECK(conf.short_name_mode == ShortNameMode::disabled);
  CHECK(conf.credential_helpers == std::vector<std::string>{"pass", "containers-auth.json"});
  CHECK(conf.aliases ==
        std::map<std::string, std::string>{{"app", "docker.io/library/app"}, {"mine", "mine.example/x/y"}});
  REQUIRE(conf.rules.size() == 1);
  CHECK_FALSE(conf.rules[0].insecure);
  CHECK(conf.rules[0].location == "a.example");
  CHECK(conf.files.size() == 4);

  configuration.places.chosen = configuration.directory.path("chosen.conf");
  CHECK(configuration.error().contains("there is no file"));
  configuration.write("chosen.conf", "unqualified-search-registries = []\n");
  CHECK(configuration.load().search.empty());
}

TEST_CASE("registries.conf: registries and mirrors") {
  const Configuration configuration;
  configuration.write("user.conf", R"(
[[registry]]
prefix = "*.corp.example"
blocked = true
[[registry]]
prefix = "docker.io/library"
location = "mirror.example/hub/"
mirror-by-digest-only = true
[[registry.mirror]]
location = "one.example"
[[registry]]
location = "b.example:5000"
[[registry.mirror]]
location = "two.example/deep"
insecure = true
pull-from-mirror = "tag-only"
[[registry.mirror]]
location = "three.example"
pull-from-mirror = "all"
)");
  const RegistriesConf conf = configuration.load();
  REQUIRE(conf.rules.size() == 3);
  CHECK(conf.rules[0].blocked);
  CHECK(conf.rules[0].location == "");
  CHECK(conf.rules[1].prefix == "docker.io/library");
  CHECK(conf.rules[1].location == "mirror.example/hub");
  CHECK(conf.rules[1].mirrors.at(0).use == RegistryMirror::Use::digest_only);
  CHECK(conf.rules[2].prefix == "b.example:5000");
  CHECK(conf.rules[2].mirrors.at(0).insecure);
  CHECK(conf.rules[2].mirrors.at(0).use == RegistryMirror::Use::tag_only);
  CHECK(conf.rules[2].mirrors.at(1).use == RegistryMirror::Use::all);
}

TEST_CASE("registries.conf: what is wrong is told with its place") {
  const Configuration configuration;
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"[registries.search]\nregistries = ['docker.io']\n", "old format, version 1"},
      {"[registries.block]\nregistries = []\n", "old format, version 1"},
      {"a = \n", "user.conf:1:"},
      {"\nunqualified-search-registries = 'x'", "user.conf:2: 'unqualified-search-registries' is not a list"},
      {"unqualified-search-registries = [1]", "not a list of strings"},
      {"unqualified-search-registries = ['https://x.example']", "is not a registry"},
      {"unqualified-search-registries = ['intranet']", "'intranet' is not a registry"},
      {"unqualified-search-registries = ['a/b.example']", "is not a registry"},
      {"short-name-mode = 'ask'", "one of permissive, enforcing, disabled"},
      {"short-name-mode = 1", "is not a string"},
      {"registry = 1", "write [[registry]]"},
      {"registry = [1]", "write [[registry]]"},
      {"[[registry]]\n", "neither a prefix nor a location"},
      {"[[registry]]\nlocation='https://a.example'", "takes no 'https://'"},
      {"[[registry]]\nlocation='../../etc'", "is not a registry's host"},
      {"[[registry]]\nlocation='*.a.example'", "is not a registry's host"},
      {"[[registry]]\nprefix='*.a.example/x'", "without a path"},
      {"[[registry]]\nlocation='a.example'\ninsecure='yes'", "neither true nor false"},
      {"[[registry]]\nlocation='a.example'\n[[registry.mirror]]\n", "the mirror has no location"},
      {"[[registry]]\nlocation='a.example'\n[[registry.mirror]]\nlocation='b.example'\npull-from-mirror='x'",
       "one of all, digest-only, tag-only"},
      {"[[registry]]\nlocation='a.example'\nmirror-by-digest-only=true\n[[registry.mirror]]\n"
       "location='b.example'\npull-from-mirror='all'",
       "exclude each other"},
      {"[aliases]\n'a:tag' = 'x.example/a'", "is not a short name"},
      {"[aliases]\n'x.example/a' = 'x.example/a'", "is not a short name"},
      {"[aliases]\n'a' = 'b'", "is not a full name"},
      {"[aliases]\n'a' = 'x.example/b:tag'", "is not a full name"},
      {"[aliases]\n'a' = 1", "is not a full name"},
      {"aliases = 1", "is not a table"},
      {"a = " + std::string(100'000, '['), "user.conf:1:"},
      {std::string((1u << 20) + 1, '\n'), "too large"},
      {"a = '\xff\xfe'", "user.conf:1:"},
  }));
  CAPTURE(text.substr(0, 200));
  configuration.write("user.conf", text);
  CHECK_THAT(configuration.error(), Catch::Contains(expected));
}

TEST_CASE("registries.conf: what is no file is not waited for") {
  const Configuration configuration;
  REQUIRE(::mkfifo(configuration.directory.path("user.conf").c_str(), 0600) == 0);
  CHECK(configuration.error().contains("is not a regular file"));
}

TEST_CASE("registries.conf: unknown keys are told") {
  const Configuration configuration;
  std::vector<std::string> warnings;
  log::set_handler(log::Level::warning,
                   [&warnings](log::Level, const std::string& text) { warnings.push_back(text); });
  configuration.write("user.conf", "new = 1\n[[registry]]\nlocation = 'a.example'\ninsecur = true\n");
  (void)configuration.load();
  log::set_handler(log::Level::warning, {});
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].ends_with("user.conf:1: unknown key 'new' is ignored"));
  CHECK(warnings[1].ends_with("user.conf:4: unknown key 'insecur' is ignored"));
}
