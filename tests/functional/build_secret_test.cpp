// Secrets and ssh-agents of RUN steps: where they are, and where they must never be.
#include <sys/stat.h>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

/// Does any file below this directory hold the text? (As all ids, so that nothing is unreadable.)
std::string files_with(const std::string& text, const std::string& directory) {
  return run(host_command(
                 {"unshare", "--map-root-user", "--map-auto", "--", "grep", "-rlaF", text, directory}))
      .out;
}

std::string secret_text() {
  return "s3cret-" + std::to_string(getpid()) + "-value";
}

/// A step that has the secret 'token' and does this.
std::string with_secret(const std::string& command, const std::string& mount = "secret: token") {
  return "from: localhost/busybox\nsteps:\n  - run:\n      command: '" + command + "'\n      mounts: [{" +
         mount + "}]\n";
}

Arguments given(Ecrin& ecrin) {
  const std::string file = ecrin.scratch() / "token";
  write_file(file, secret_text() + "\n");
  return {"--secret", "id=token,src=" + file};
}

/// A key without a passphrase; skipped where no OpenSSH is.
std::string make_key(Ecrin& ecrin, const std::string& name) {
  const std::string key = ecrin.scratch() / name;
  run(host_command({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}));
  return exists(key) ? key : "";
}

}  // namespace

TEST_CASE("a layer that holds a mounted secret is refused, and nothing of it stays") {
  struct Leak {
    const char* name;
    std::string command;
    std::string place;
  };
  const Leak leaks[] = {
      {"data", "mkdir /etc/deep; cat /run/secrets/token > /etc/deep/conf", "'/etc/deep/conf'"},
      {"in the middle",
       "{ head -c 300000 /dev/zero; cat /run/secrets/token; head -c 300000 /dev/zero; } > /big", "'/big'"},
      {"link", "ln -s \"/x/$(cat /run/secrets/token)\" /link", "'/link'"},
      {"name", "touch \"/file-$(cat /run/secrets/token)\"", "'/file-***'"},
  };
  for (const Leak& leak : leaks) {
    INFO(leak.name);
    Ecrin ecrin;
    const Arguments secret = given(ecrin);
    ecrin.in_container("busybox", {"true"});  // its layers are unpacked now
    const std::string before = ecrin.store_state();
    for (const char* progress : {"plain", "json"}) {
      Arguments flags = secret;
      flags.insert(flags.end(), {"--progress", progress});
      const Outcome outcome = ecrin.try_build(with_secret(leak.command), flags);
      INFO(outcome.description);
      CHECK(outcome.code == 125);
      CHECK(contains(outcome.err, leak.place));
      CHECK(contains(outcome.err, "'token'"));
      CHECK(contains(outcome.err, "--allow-secret-in-layer"));
      CHECK_FALSE(contains(outcome.err + outcome.out, secret_text()));
    }
    run(host_command({"rm", ecrin.scratch() / "token"}));
    CHECK(files_with(secret_text(), ecrin.root()).empty());
    CHECK(ecrin.store_state() == before);
    CHECK(ecrin.left_behind().empty());
  }
}

TEST_CASE("a layer with a secret that is wanted is taken, and is nothing for builds that do not want it",
          "[any-driver]") {
  Ecrin ecrin;
  const std::string recipe = with_secret("cat /run/secrets/token > /leak");
  Arguments flags = given(ecrin);
  flags.emplace_back("--allow-secret-in-layer");
  CHECK(ecrin.in_container(ecrin.build(recipe, flags), {"cat", "/leak"}) == secret_text() + "\n");
  CHECK(ecrin.try_build(recipe, given(ecrin)).code == 125);
}

TEST_CASE("a secret in a stage that only others copy from is refused as well", "[any-driver]") {
  Ecrin ecrin;
  const Outcome outcome = ecrin.try_build(
      "stages:\n"
      "  one:\n"
      "    from: localhost/busybox\n"
      "    steps:\n"
      "      - run: {command: cp /run/secrets/token /leak, mounts: [{secret: token}]}\n"
      "  two:\n"
      "    from: localhost/busybox\n"
      "    steps: [{copy: {from: one, src: /leak, dest: /x}}]\n",
      given(ecrin));
  INFO(outcome.description);
  CHECK(outcome.code == 125);
  CHECK(contains(outcome.err, "'/leak'"));
}

TEST_CASE("a secret in the settings of an image is refused", "[any-driver]") {
  Ecrin ecrin;
  Arguments flags = given(ecrin);
  flags.insert(flags.end(), {"--build-arg", "LEAK=" + secret_text()});
  const std::string recipe =
      "args: {LEAK: none}\n" + with_secret("true") + "config: {labels: {l: \"${LEAK}\"}}\n";
  const Outcome outcome = ecrin.try_build(recipe, flags);
  INFO(outcome.description);
  CHECK(outcome.code == 125);
  CHECK(contains(outcome.err, "the label 'l'"));
  CHECK(contains(outcome.err, "secret 'token'"));
  ecrin.build("args: {LEAK: none}\n" + with_secret("true") + "config: {labels: {l: \"${LEAK}\"}}\n",
              given(ecrin));
}

TEST_CASE("a step that prints a secret prints stars, also when it fails") {
  for (const char* progress : {"plain", "json", "quiet"}) {
    Ecrin ecrin;
    Arguments flags = given(ecrin);
    flags.insert(flags.end(), {"--progress", progress});
    const Outcome outcome = ecrin.try_build(
        with_secret("echo \"begin $(cat /run/secrets/token) end\"; cat /run/secrets/token >&2; exit 9"),
        flags);
    INFO(outcome.description);
    CHECK(outcome.code == 9);
    CHECK(contains(outcome.err, "begin *** end"));
    CHECK_FALSE(contains(outcome.err + outcome.out, secret_text()));
    run(host_command({"rm", ecrin.scratch() / "token"}));
    CHECK(files_with(secret_text(), ecrin.scratch().path()).empty());
  }
}

TEST_CASE("a secret can be a variable, with or without a file") {
  Ecrin ecrin;
  const Arguments flags = given(ecrin);
  ecrin.build(with_secret("test -n \"$TOKEN\" && test ! -e /run/secrets/token", "secret: token, env: TOKEN"),
              flags);
  ecrin.build(
      with_secret("test \"$(echo \"$TOKEN\")\" = \"$(cat /t)\" && test \"$(stat -c %u:%g:%a /t)\" = 3:4:440",
                  "secret: token, env: TOKEN, target: /t, uid: 3, gid: 4, mode: 0440"),
      flags);
  const std::string id =
      ecrin.build(with_secret("test -z \"$TOKEN\"", "secret: absent, env: TOKEN, required: false"), flags);
  CHECK_FALSE(contains(ecrin.inspect(id).dump(), "TOKEN="));
}

TEST_CASE("an ssh-agent is there for its step alone") {
  Ecrin ecrin;
  const std::string key = make_key(ecrin, "key"), second = make_key(ecrin, "second");
  if (key.empty()) return (void)note_skip("no ssh-keygen");
  const std::string recipe = R"yaml(
from: localhost/busybox
user: "1234"
steps:
  - run:
      command: |
        test "$SSH_AUTH_SOCK" = /run/buildkit/ssh_agent.0
        test "$(stat -c %u:%g:%a $SSH_AUTH_SOCK)" = 1234:5:600
        test-init agent > /tmp/keys
        SSH_AUTH_SOCK=/other test-init agent >> /tmp/keys
        cat /tmp/keys
      mounts:
        - {ssh: default, uid: 1234, gid: 5}
        - {ssh: other, target: /other, uid: 1234}
        - {ssh: absent, required: false}
  - run: test -z "$SSH_AUTH_SOCK" && test ! -e /run/buildkit
)yaml";
  const std::string id =
      ecrin.build(recipe, {"--ssh", "default=" + key + "," + second, "--ssh", "other=" + key});
  CHECK(ecrin.in_container(id, {"cat", "/tmp/keys"}) == "2 keys\n1 keys\n");
  CHECK(ecrin.left_behind().empty());
  const Outcome missing = ecrin.try_build(recipe, {"--no-cache"});
  CHECK(missing.code == 125);
  CHECK(contains(missing.err, "--ssh default"));
  write_file(ecrin.scratch() / "broken", "no key\n");
  chmod((ecrin.scratch() / "broken").c_str(), 0600);
  const Outcome broken = ecrin.try_build(
      recipe, {"--no-cache", "--ssh", "default=" + (ecrin.scratch() / "broken"), "--ssh", "other=" + key});
  INFO(broken.description);
  CHECK(broken.code == 125);
  CHECK(contains(broken.err, "broken"));
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("a key with a passphrase is refused, not asked for", "[any-driver]") {
  Ecrin ecrin;
  const std::string key = ecrin.scratch() / "locked";
  run(host_command({"ssh-keygen", "-q", "-t", "ed25519", "-N", "passphrase", "-f", key}));
  if (!exists(key)) return (void)note_skip("no ssh-keygen");
  Terminal terminal(ecrin.build_invocation(with_secret("true", "ssh: default"), {"--ssh", "default=" + key}),
                    24, 200);
  CHECK(terminal.wait() == 125);
  INFO(terminal.screen());
  CHECK(contains(terminal.screen(), "cannot use the ssh key"));
  CHECK_FALSE(contains(terminal.screen(), "Enter"));
}

TEST_CASE("the user's own ssh-agent is passed on by its socket", "[any-driver]") {
  Ecrin ecrin;
  const std::string key = make_key(ecrin, "key");
  if (key.empty()) return (void)note_skip("no ssh-keygen");
  const std::string recipe =
      "from: localhost/busybox\nsteps:\n"
      "  - run: {command: test-init agent > /keys, mounts: [{ssh: default}]}\n";
  write_file(ecrin.scratch() / "recipe.yaml", recipe);
  const Outcome outcome =
      run(host_command({"ssh-agent", "sh", "-c",
                        "ssh-add -q " + key + " && exec " + setting().ecrin + " --root " + ecrin.root() +
                            " build -q --ssh default -t keys " + (ecrin.scratch() / "recipe.yaml")}));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  CHECK(ecrin.in_container("keys", {"cat", "/keys"}) == "1 keys\n");
  CHECK(ecrin.try_build(recipe, {"--ssh", "default"}).code == 125);
}

TEST_CASE("a script of the recipe runs as a program, and is in no layer") {
  Ecrin ecrin;
  const std::string id = ecrin.build(R"(
from: localhost/busybox
user: "1234"
steps:
  - run:
      file:
        make-it.sh: |
          #!/bin/sh -e
          test "$0" = /dev/pipes/make-it.sh
          if echo >> "$0" 2>/dev/null; then exit 3; fi
          echo "$$ $PWD" > /tmp/made
)");
  CHECK(contains(ecrin.in_container(id, {"cat", "/tmp/made"}), " /\n"));
  CHECK(ecrin.diff_ids(id).size() == 2);
  ecrin.must({"export", "-o", ecrin.scratch() / "tree.tar", id});
  CHECK_FALSE(contains(run(host_command({"tar", "tf", ecrin.scratch() / "tree.tar"})).out, "pipes"));
}

TEST_CASE("a new cache begins with what it is given") {
  Ecrin ecrin;
  const auto recipe = [](const std::string& command) {
    return R"(
stages:
  seed:
    from: localhost/busybox
    steps:
      - run: mkdir -p /seed/dir && echo first > /seed/dir/file && chown 7:8 /seed/dir/file
  main:
    from: localhost/busybox
    steps:
      - run:
          command: )" +
           command + R"(
          mounts: [{cache: /c, id: seeded, from: seed, source: /seed, mode: 0700, uid: 5, gid: 6}]
)";
  };
  ecrin.build(
      recipe("test \"$(cat /c/dir/file)\" = first && test \"$(stat -c %u:%g /c/dir/file)\" = 7:8 && "
             "test \"$(stat -c %u:%g:%a /c)\" = 5:6:700 && echo second > /c/dir/file"));
  ecrin.build(recipe("test \"$(cat /c/dir/file)\" = second"));
  const Outcome outcome = ecrin.try_build(
      "from: localhost/busybox\nsteps:\n"
      "  - run: {command: 'true', mounts: [{cache: /n, from: localhost/busybox, source: /nothing}]}\n");
  INFO(outcome.description);
  CHECK(outcome.code == 125);
  CHECK(contains(outcome.err, "/nothing"));
}
