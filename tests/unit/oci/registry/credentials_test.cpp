#include "oci/registry/credentials.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/base64.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {

// A home directory with files and helper programs.
struct Home {
  test::TempDirectory directory;
  CredentialEnvironment environment{.authfile = "",
                                    .runtime_directory = directory.path("runtime"),
                                    .config_directory = directory.path("config"),
                                    .docker_directory = directory.path("docker"),
                                    .home = directory.path(),
                                    .user = 1000};
  HelperSettings settings{.search_path = directory.path("bin") + ":/usr/bin:/bin",
                          .timeout = std::chrono::seconds(30)};

  Home() { std::filesystem::create_directory(directory.path("runtime")); }

  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const std::string path = directory.path(name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    REQUIRE(write_file_atomically(path, text, mode));
    return path;
  }
  void helper(const std::string& name, const std::string& script) const {
    write("bin/docker-credential-" + name, "#!/bin/sh\n" + script + "\n", 0755);
  }
  CredentialStore store(std::vector<std::string> helpers = {k_auth_files}) const {
    return {credential_places(environment).value(), settings, std::move(helpers)};
  }
  std::string read(const std::string& name) const { return posix::read_file(directory.path(name)).value(); }
  Json json(const std::string& name) const { return Json::parse(read(name)); }
  mode_t mode(const std::string& name) const {
    struct stat status {};
    REQUIRE(::stat(directory.path(name).c_str(), &status) == 0);
    return status.st_mode & 07777;
  }
};

std::string entry(const std::string& pair) {
  return R"({"auth": ")" + encode_base64(pair) + R"("})";
}
std::string auths(const std::string& members) {
  return R"({"auths": {)" + members + "}}";
}

// "user:password", "<token>:token", "" for anonymous, "error: ..." else
std::string found(const CredentialStore& store, const std::string& key) {
  const auto result = store.find(CredentialKey::parse(key).value());
  if (!result) return "error: " + result.error().message();
  if (!*result) return "";
  const Credentials& credentials = (*result)->credentials;
  if (!credentials.identity_token.empty())
    return "<token>:" + std::string(credentials.identity_token.reveal());
  return credentials.username + ":" + std::string(credentials.password.reveal());
}

Credentials user(const std::string& name, const std::string& password) {
  return {.username = name, .password = Secret(password), .identity_token = {}};
}

class Warnings {
public:
  Warnings() {
    log::set_handler(log::Level::warning,
                     [this](log::Level, const std::string& text) { m_all.push_back(text); });
  }
  ~Warnings() { log::set_handler(log::Level::warning, {}); }
  const std::vector<std::string>& all() const { return m_all; }

private:
  std::vector<std::string> m_all;
};

const std::string k_keeps = R"sh(
input=$(cat)
case $1 in
  get) if [ -f "$0.kept" ]; then cat "$0.kept"; else echo "credentials not found in native keychain"; exit 1; fi;;
  store) printf '%s' "$input" > "$0.kept";;
  erase) rm -f "$0.kept";;
esac
)sh";

}  // namespace

TEST_CASE("credentials: the places in their order") {
  CredentialEnvironment environment{.authfile = "",
                                    .runtime_directory = "/nonexistent/run",
                                    .config_directory = "/home/u/.config",
                                    .docker_directory = "/home/u/.docker",
                                    .home = "/home/u",
                                    .user = 1000};
  CredentialPlaces places = credential_places(environment).value();
  REQUIRE(places.files.size() == 4);
  CHECK(places.files[0].path == "/nonexistent/run/containers/auth.json");
  CHECK(places.files[1].path == "/home/u/.config/containers/auth.json");
  CHECK(places.files[2].path == "/home/u/.docker/config.json");
  CHECK(places.files[3].path == "/home/u/.dockercfg");
  CHECK(places.files[3].format == CredentialPlace::Format::legacy);
  CHECK(places.login.path == "/home/u/.config/containers/auth.json");

  environment.runtime_directory = "";
  CHECK(credential_places(environment).value().files[0].path == "/run/containers/1000/auth.json");
  environment.user = 0;
  CHECK(credential_places(environment).value().login.path == "/run/containers/0/auth.json");

  environment.authfile = "/x/auth.json";
  places = credential_places(environment).value();
  REQUIRE(places.files.size() == 1);
  CHECK(places.files[0] == places.login);
  CHECK(places.login.origin == CredentialPlace::Origin::chosen);

  CHECK(credential_places({}).value().login.path.starts_with("/run/containers/0"));
  CHECK(credential_places({.home = "", .user = 5}).value().login.path.empty());
}

TEST_CASE("credentials: the first file that has some wins") {
  const Home home;
  const CredentialStore store = home.store();
  CHECK(found(store, "host.example/a") == "");
  home.write(".dockercfg", R"({"https://host.example/v1/": )" + entry("legacy:1") + "}");
  CHECK(found(store, "host.example/a") == "legacy:1");
  home.write("docker/config.json", auths(R"("host.example": )" + entry("docker:2")));
  CHECK(found(store, "host.example/a") == "docker:2");
  home.write("config/containers/auth.json", auths(R"("other.example": )" + entry("config:3")));
  CHECK(found(store, "host.example/a") == "docker:2");
  CHECK(found(store, "other.example") == "config:3");
  home.write("runtime/containers/auth.json", auths(R"("host.example": )" + entry("runtime:4")));
  CHECK(found(store, "host.example/a") == "runtime:4");
  CHECK(found(store, "other.example:5000") == "");
}

TEST_CASE("credentials: the most specific path wins") {
  const Home home;
  home.write("runtime/containers/auth.json",
             auths(R"("host.example": )" + entry("host:h") + R"(, "host.example/team": )" + entry("team:t") +
                   R"(, "host.example/team/app": )" + entry("app:a:b")));
  const CredentialStore store = home.store();
  CHECK(found(store, "host.example/team/app") == "app:a:b");
  CHECK(found(store, "host.example/team/app/deep") == "app:a:b");
  CHECK(found(store, "host.example/team/application") == "team:t");
  CHECK(found(store, "host.example/other") == "host:h");
  CHECK(found(store, "host.example") == "host:h");
}

TEST_CASE("credentials: Docker Hub in every spelling") {
  const Home home;
  const std::string key = GENERATE("docker.io", "index.docker.io", "https://index.docker.io/v1/",
                                   "registry-1.docker.io", "http://index.docker.io");
  CAPTURE(key);
  home.write("docker/config.json", auths("\"" + key + "\": " + entry("me:secret")));
  CHECK(found(home.store(), "docker.io/library/alpine") == "me:secret");
}

TEST_CASE("credentials: forms of an entry") {
  const Home home;
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {R"({"auth": ")" + encode_base64("me:") + R"(", "identitytoken": "abc"})", "<token>:abc"},
      {R"({"identitytoken": "abc"})", "<token>:abc"},
      {R"({"username": "me", "password": "pw"})", "me:pw"},
      {R"({"auth": "bWU6cHcAAA=="})", "me:pw"},
      {"{}", ""},
      {R"({"auth": ""})", ""},
      {R"({"auth": "bm9jb2xvbg=="})", ""},
  }));
  CAPTURE(text);
  home.write("runtime/containers/auth.json", auths(R"("host.example": )" + text));
  CHECK(found(home.store(), "host.example") == expected);
}

TEST_CASE("credentials: a file that is wrong is told without its content") {
  const Home home;
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {R"({"auths": {"host.example": {"auth": "TOPSECRET" )", "is not valid JSON"},
      {R"({"auths": {"host.example": {"auth": TOPSECRET}}})", "is not valid JSON"},
      {R"({"auths": {"host.example": {"auth": "TOPSECRET!"}}})", "is not valid base64"},
      {R"({"auths": {"host.example": {"auth": ["TOPSECRET"]}}})", "is not a string"},
      {R"({"auths": {"host.example": "TOPSECRET"}})", "is not an object"},
      {R"({"auths": "TOPSECRET"})", "is not an object"},
      {R"(["TOPSECRET"])", "is not a JSON object"},
      {R"({"credHelpers": {"host.example": 7}})", "is not a string"},
      {R"({"credHelpers": {"host.example": "../../TOP"}})", "not the name of a credential helper"},
      {"TOPSECRET\xff", "is not valid JSON"},
      {std::string(100'000, '['), "is not valid JSON"},
      {std::string((4u << 20) + 1, ' '), "too large"},
  }));
  home.write("runtime/containers/auth.json", text);
  const std::string result = found(home.store(), "host.example");
  CAPTURE(result);
  CHECK(result.starts_with("error: "));
  CHECK(result.contains(expected));
  CHECK_FALSE(result.contains("TOPSECRET"));
}

TEST_CASE("credentials: a file that is wrong is not overwritten") {
  const Home home;
  const std::string text = R"({"auths": {"host.example": )";
  home.write("runtime/containers/auth.json", text);
  const CredentialKey key{.registry = "host.example", .path = ""};
  CHECK_FALSE(home.store().store(key, user("u", "p")));
  CHECK_FALSE(home.store().erase(key));
  CHECK(home.read("runtime/containers/auth.json") == text);
}

TEST_CASE("credentials: what is no file is not waited for") {
  const Home home;
  std::filesystem::create_directories(home.directory.path("runtime/containers"));
  REQUIRE(::mkfifo(home.directory.path("runtime/containers/auth.json").c_str(), 0600) == 0);
  CHECK(found(home.store(), "host.example").contains("is not a regular file"));
  CHECK_FALSE(home.store().store({.registry = "host.example", .path = ""}, user("u", "p")));
}

TEST_CASE("credentials: a chosen file must be there") {
  Home home;
  home.environment.authfile = home.directory.path("mine.json");
  home.write("runtime/containers/auth.json", auths(R"("host.example": )" + entry("not:this")));
  CHECK(found(home.store(), "host.example").contains("there is no file"));
  home.write("mine.json", "");
  CHECK(found(home.store(), "host.example") == "");
  home.environment.authfile = "/dev/null";
  CHECK(found(home.store(), "host.example") == "");
}

TEST_CASE("credentials: a file that others can read is warned about once, when it has secrets") {
  const Home home;
  const Warnings warnings;
  home.write("docker/config.json", R"({"auths": {"host.example": {}}, "credsStore": ""})", 0644);
  CHECK(found(home.store(), "host.example") == "");
  CHECK(warnings.all().empty());
  home.write("docker/config.json", auths(R"("host.example": )" + entry("me:secret")), 0644);
  const CredentialStore store = home.store();
  CHECK(found(store, "host.example") == "me:secret");
  CHECK(found(store, "host.example") == "me:secret");
  REQUIRE(warnings.all().size() == 1);
  CHECK(warnings.all()[0].contains("chmod 600"));
}

TEST_CASE("credentials: storing and erasing keeps the rest of the file") {
  const Home home;
  home.write("runtime/containers/auth.json",
             R"({"auths": {"other.example": {"auth": "eDp5", "email": "x@y"}}, "HttpHeaders": {"A": "b"}})",
             0644);
  const CredentialStore store = home.store();
  const CredentialKey key = CredentialKey::parse("host.example/team").value();
  CHECK(store.store(key, user("me", "pä:ss\n")).value() ==
        home.directory.path("runtime/containers/auth.json"));
  CHECK(found(store, "host.example/team/app") == "me:pä:ss\n");
  CHECK(found(store, "host.example") == "");
  const Json document = home.json("runtime/containers/auth.json");
  CHECK(document["HttpHeaders"]["A"] == "b");
  CHECK(document["auths"]["other.example"]["email"] == "x@y");
  CHECK(home.mode("runtime/containers/auth.json") == 0600);

  CHECK_FALSE(store.erase(CredentialKey::parse("host.example").value()).value());
  CHECK(store.erase(key).value());
  CHECK_FALSE(store.erase(key).value());
  CHECK(home.json("runtime/containers/auth.json")["auths"].size() == 1);
  REQUIRE(store.erase_all());
  CHECK(home.json("runtime/containers/auth.json")["auths"].empty());
  CHECK(home.json("runtime/containers/auth.json")["HttpHeaders"]["A"] == "b");
  CHECK_FALSE(store.store(key, user("a:b", "c")));
}

TEST_CASE("credentials: a new file and its directory are for the user alone") {
  const Home home;
  const CredentialStore store = home.store();
  CHECK_FALSE(store.erase({.registry = "host.example", .path = ""}).value());
  CHECK(store.erase_all());
  CHECK_FALSE(std::filesystem::exists(home.directory.path("runtime/containers")));
  REQUIRE(store.store({.registry = "host.example", .path = ""},
                      {.username = "", .password = {}, .identity_token = Secret("tok")}));
  CHECK(found(store, "host.example") == "<token>:tok");
  CHECK(home.mode("runtime/containers") == 0700);
  CHECK(home.mode("runtime/containers/auth.json") == 0600);
  CHECK(posix::list_directory(posix::open(home.directory.path("runtime/containers"), O_RDONLY).value())
            ->size() == 1);
}

TEST_CASE("credentials: a file that is a symlink stays one") {
  Home home;
  home.write("dotfiles/auth.json", "{}");
  std::filesystem::create_symlink(home.directory.path("dotfiles/auth.json"),
                                  home.directory.path("link.json"));
  home.environment.authfile = home.directory.path("link.json");
  REQUIRE(home.store().store({.registry = "host.example", .path = ""}, user("me", "pw")));
  CHECK(std::filesystem::is_symlink(home.directory.path("link.json")));
  CHECK(home.json("dotfiles/auth.json")["auths"].contains("host.example"));
}

TEST_CASE("credentials: docker's spelling of an entry is kept") {
  const Home home;
  home.write("runtime/containers/auth.json", auths(R"("https://index.docker.io/v1/": )" + entry("old:old")));
  const CredentialStore store = home.store();
  const CredentialKey hub = CredentialKey::parse("docker.io").value();
  REQUIRE(store.store(hub, user("new", "new")));
  CHECK(home.json("runtime/containers/auth.json")["auths"].size() == 1);
  CHECK(found(store, "docker.io") == "new:new");
  CHECK(store.erase(hub).value());
  CHECK(found(store, "docker.io") == "");
}

TEST_CASE("credentials: many logins at once lose none") {
  const Home home;
  const CredentialStore store = home.store();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&store, i] {
      (void)store.store({.registry = fmt::format("host{}.example", i), .path = ""}, user("me", "pw"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(home.json("runtime/containers/auth.json")["auths"].size() == 8);
}

TEST_CASE("credentials: helpers of a registry") {
  const Home home;
  home.helper("kept", k_keeps);
  home.write("runtime/containers/auth.json", R"({"credHelpers": {"host.example": "kept"}})");
  const CredentialStore store = home.store();
  const CredentialKey key = CredentialKey::parse("host.example").value();
  CHECK(found(store, "host.example/team/app") == "");
  CHECK(store.store(key, user("me", "s3cret")).value() == "docker-credential-kept");
  CHECK(found(store, "host.example/team/app") == "me:s3cret");
  CHECK(Json::parse(home.read("bin/docker-credential-kept.kept"))["ServerURL"] == "host.example");
  CHECK_FALSE(home.read("runtime/containers/auth.json").contains("s3cret"));
  CHECK_FALSE(store.store(CredentialKey::parse("host.example/team").value(), user("me", "pw")));
  CHECK(store.erase(key).value());
  CHECK_FALSE(store.erase(key).value());
  CHECK(found(store, "host.example") == "");

  REQUIRE(store.store(key, {.username = "", .password = {}, .identity_token = Secret("tok")}));
  CHECK(found(store, "host.example") == "<token>:tok");
  REQUIRE(store.erase_all());
  CHECK(found(store, "host.example") == "");
}

TEST_CASE("credentials: a helper for all registries") {
  const Home home;
  home.helper("all", k_keeps);
  home.write("runtime/containers/auth.json",
             R"({"credsStore": "all", "auths": {"own.example": )" + entry("own:own") + "}}");
  const CredentialStore store = home.store();
  REQUIRE(store.store(CredentialKey::parse("docker.io").value(), user("me", "pw")));
  CHECK(found(store, "docker.io/library/alpine") == "me:pw");
  CHECK(found(store, "own.example/a") == "own:own");
  CHECK(Json::parse(home.read("bin/docker-credential-all.kept"))["ServerURL"] ==
        "https://index.docker.io/v1/");
  CHECK(home.json("runtime/containers/auth.json")["auths"]["https://index.docker.io/v1/"] == Json::object());
  CHECK(store.erase(CredentialKey::parse("docker.io").value()).value());
  CHECK(home.json("runtime/containers/auth.json")["auths"].size() == 1);
}

TEST_CASE("credentials: helpers of registries.conf") {
  const Home home;
  home.helper("first", k_keeps);
  const CredentialStore store = home.store({"first", k_auth_files});
  home.write("runtime/containers/auth.json", auths(R"("host.example": )" + entry("file:f")));
  CHECK(found(store, "host.example") == "file:f");
  CHECK(store.store(CredentialKey::parse("host.example").value(), user("me", "pw")).value() ==
        "docker-credential-first");
  CHECK(found(store, "host.example") == "me:pw");
  CHECK(store.store(CredentialKey::parse("host.example/team").value(), user("t", "t")).value() ==
        home.directory.path("runtime/containers/auth.json"));
  CHECK(store.erase(CredentialKey::parse("host.example").value()).value());
  CHECK(found(store, "host.example") == "");
}

TEST_CASE("credentials: helpers that misbehave") {
  Home home;
  home.settings.timeout = std::chrono::seconds(1);
  const auto [script, expected] = GENERATE(table<std::string, std::string>({
      {"exec sleep 600", "did not end within 1 seconds"},
      {"exec yes", "printed more than"},
      {"exec yes >&2", "printed more than"},
      {"echo '{\"Secret\": TOPSECRET}'", "is not valid JSON"},
      {"echo '{\"Username\": \"u\", \"Secret\": [\"TOPSECRET\"]}'", "is not a string"},
      {"echo '{\"Secret\": \"TOPSECRET\"}'; exit 2", "exit status 2"},
      {"printf 'keyring is locked\\033[2J\\nmore'; exit 1", "keyring is locked\\x1b[2J"},
      {"echo 'no bus' >&2; exit 1", "no bus"},
      {"kill -9 $$", "killed by signal 9"},
  }));
  CAPTURE(script);
  home.helper("bad", script);
  home.write("runtime/containers/auth.json", R"({"credHelpers": {"host.example": "bad"}})");
  const std::string result = found(home.store(), "host.example");
  CAPTURE(result);
  CHECK(result.starts_with("error: "));
  CHECK(result.contains(expected));
  CHECK_FALSE(result.contains("TOPSECRET"));
}

TEST_CASE("credentials: helpers that are not installed") {
  const Home home;
  const Warnings warnings;
  home.write("runtime/containers/auth.json",
             R"({"credHelpers": {"host.example": "missing"}, "credsStore": "desktop"})");
  CHECK(found(home.store(), "host.example").contains("'docker-credential-missing' is not installed"));
  CHECK(warnings.all().empty());
  CHECK(found(home.store(), "other.example") == "");
  REQUIRE(warnings.all().size() == 1);
  CHECK(warnings.all()[0].contains("'docker-credential-desktop'"));
}
