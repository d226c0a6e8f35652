// ecrin login and logout with a real registry, and with podman beside it.
#include <optional>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

// A registry that lets in ada with the password "love".
class Registry {
public:
  explicit Registry(Ecrin& ecrin) {
    const Outcome port = run(host_command(
        {"python3", "-c",
         "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"}));
    REQUIRE(port);
    const std::string number = trimmed(port.out);
    m_name = "localhost:" + number;
    const std::string directory = ecrin.scratch() / "registry";
    write_file(directory + "/users", "ada:$2y$05$iJOmsmEvxXPA.dov3CVoEuUjzUNCTBnuH971o8qy9Pnk5whEvY3ne\n");
    write_file(directory + "/config.yml", "version: 0.1\nstorage: {filesystem: {rootdirectory: " + directory +
                                              "/data}}\nhttp: {addr: '127.0.0.1:" + number +
                                              "'}\nauth: {htpasswd: {realm: test, path: " + directory +
                                              "/users}}\n");
    m_server.emplace(host_command({"docker-registry", "serve", directory + "/config.yml"}));
    REQUIRE(run(host_command({"python3", "-c",
                              "import socket, time\nfor i in range(200):\n  try: "
                              "socket.create_connection(('127.0.0.1', " +
                                  number + ")); break\n  except OSError: time.sleep(0.1)\nelse: exit(1)"})));
  }
  const std::string& name() const { return m_name; }

private:
  std::string m_name;
  std::optional<Running> m_server;
};

struct User {
  Ecrin ecrin{Ecrin::Base::none};
  Registry registry{ecrin};
  std::string home = ecrin.scratch() / "home";
  User() { make_directory(home, 0700); }

  Invocation invocation(Arguments arguments, const std::string& input = "") const {
    Invocation result = ecrin.invocation(std::move(arguments));
    result.set("HOME", home).set("XDG_RUNTIME_DIR", home).set("TERM", "xterm");
    result.input = input;
    return result;
  }
  Outcome operator()(Arguments arguments, const std::string& input = "") const {
    return run(invocation(std::move(arguments), input));
  }
  std::string file() const { return home + "/containers/auth.json"; }
};

}  // namespace

TEST_CASE("login keeps what the registry accepts, for podman too", "[any-driver]") {
  User user;
  const std::string& host = user.registry.name();
  const Outcome wrong = user({"login", "-u", "ada", "--password-stdin", host}, "hate-42\n");
  CHECK(one_error(wrong));
  CHECK(contains(wrong.err, "cannot log in to " + host));
  CHECK_FALSE(contains(wrong.err, "hate-42"));
  CHECK_FALSE(exists(user.file()));

  const Outcome good = user({"login", "-v", "-u", "ada", "--password-stdin", host}, "love\n");
  INFO(good.description);
  REQUIRE(good);
  CHECK(good.out == "Used: " + user.file() + "\nLogin Succeeded!\n");
  CHECK(trimmed(user({"login", "--get-login", host}).out) == "ada");
  CHECK(contains(user({"login", host}).out, "Already logged in"));
  Invocation podman = user.invocation({});
  podman.argv = {"podman", "login", "--get-login", "--authfile", user.file(), host};
  CHECK(trimmed(run(podman).out) == "ada");

  CHECK(user({"logout", host}));
  CHECK(user({"logout", host}).code == 125);
  CHECK(user({"login", "--get-login", host}).code == 125);
  CHECK(one_error(user({"login", host})));  // nobody can be asked
  const Outcome visible = user({"login", "-u", "ada", "-p", "love", host});
  CHECK(visible);
  CHECK(contains(visible.err, "can see the password"));
  CHECK(user({"logout", "--all"}));
  CHECK_FALSE(contains(read_file(user.file()), host));
}

TEST_CASE("login at a terminal hides the password and leaves the terminal as it was", "[any-driver]") {
  User user;
  Invocation script = user.invocation({"login", user.registry.name()});
  std::string command;
  for (const auto& word : script.argv) command += " '" + word + "'";
  script.argv = {"sh", "-c",
                 "trap : INT; stty -a > before;" + command +
                     "; echo code-$?; stty -a > after; cmp before after && echo the-same"};
  script.directory = user.home;
  Terminal terminal(script, 24, 80);
  REQUIRE(terminal.wait_for("Username: "));
  terminal.send("ada\n");
  REQUIRE(terminal.wait_for("Password: "));
  SECTION("typed") {
    terminal.send("love\n");
    CHECK(terminal.wait() == 0);
    CHECK(contains(terminal.screen(), "Login Succeeded!"));
    CHECK(contains(terminal.screen(), "code-0"));
  }
  SECTION("interrupted") {
    terminal.send("love\x03");
    CHECK(terminal.wait() == 0);
    CHECK(contains(terminal.screen(), "code-130"));
  }
  CHECK_FALSE(contains(terminal.screen(), "love"));
  CHECK(contains(terminal.screen(), "the-same"));
}

TEST_CASE("a build finds the login wherever its context comes from, also without HOME", "[any-driver]") {
  User user;
  const std::string& host = user.registry.name();
  REQUIRE(user({"login", "-u", "ada", "--password-stdin", host}, "love\n"));
  user.ecrin.context("a", "x");
  const std::string id = user.ecrin.build("from: scratch\nsteps: [{copy: {src: a, dest: /a}}]\n");
  REQUIRE(user({"push", "-q", id, host + "/base:1"}));
  user.ecrin.context("Containerfile", "FROM " + host + "/base:1\nCOPY a /b\n");

  // The home of the passwd entry, made anew in a mount namespace.
  const std::string context = GENERATE(as<std::string>(), ".", "-");
  Invocation build = user.invocation({"build", "--no-cache", "--pull=always", context});
  std::string command =
      "set -e; home=$(getent passwd $(id -u) | cut -d: -f6); mount -t tmpfs none \"$home\"; "
      "mkdir \"$home\"/.docker; cp \"$LOGIN\" \"$home\"/.docker/config.json; "
      "tar c . | env -u HOME -u XDG_RUNTIME_DIR";
  for (const auto& word : build.argv) command += " '" + word + "'";
  build.argv = {"unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c", command};
  build.set("LOGIN", user.file());
  build.directory = user.ecrin.context_directory();
  const Outcome outcome = run(build);
  INFO(outcome.description);
  CHECK(outcome.code == 0);
}
