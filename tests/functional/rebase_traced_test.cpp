// Safe rebase: steps run again on the new base only where something that they used differs there, and the
// image is the one that a build of its recipe on the new base gives.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

std::string base_of(const std::string& used, const std::string& other) {
  return "from: localhost/busybox\nsteps:\n  - write: {dest: /lib/used, content: \"" + used +
         "\\n\"}\n  - write: {dest: /lib/other, content: \"" + other + "\\n\"}\n";
}

/// An application on BASE, with a step of each kind. What it makes depends on /lib/used, not on /lib/other.
std::string app_on(const std::string& base) {
  return "from: localhost/" + base + R"(
steps:
  - copy: {src: src, dest: /src/}
  - run: cat /lib/used /src/a > /made; mkdir -p /opt/app
  - run: wc -c < /src/a > /size
  - run: test -e /lib/used
  - workdir: /opt/app
  - write: {dest: /opt/app/note, content: n}
  - run: cat /made > /again
config: {cmd: [cat, /again], env: {APP: x}}
)";
}

struct Rebasing : Ecrin {
  Rebasing() {
    driver = "overlay";
    context("src/a", "a\n");
  }

  void base(const std::string& name, const std::string& used, const std::string& other) const {
    build(base_of(used, other), {"-t", name});
  }
  std::string traced(const std::string& recipe, const std::string& tag) const {
    return build(recipe, {"--cache", "traced", "-t", tag});
  }
  Outcome rebase(const std::string& image, const std::string& from, const std::string& onto,
                 Arguments more = {}) const {
    Arguments arguments = {"rebase", image, "--from", from, "--onto", onto};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return (*this)(arguments);
  }
  /// Rebases `image` and builds the recipe anew: the images must be equal. What the rebase said.
  std::string same_as_built(const std::string& image, const std::string& from, const std::string& onto,
                            const std::string& recipe) const {
    const Outcome rebased = rebase(image, from, onto, {"-t", "rebased"});
    INFO(rebased.description);
    REQUIRE(rebased.code == 0);
    const std::string built = build(recipe, {"--cache", "off", "-t", "built"});
    CHECK(diff_ids("rebased") == diff_ids("built"));
    CHECK(must({"diff", "--config", "rebased", "built"}).empty());
    CHECK(full_id(lines_of(rebased.out).back()) == built);
    return rebased.err;
  }
};

}  // namespace

TEST_CASE("a rebase onto a base that differs in what no step used runs nothing", "[any-driver]") {
  Rebasing ecrin;
  ecrin.base("base:1", "u", "1");
  ecrin.base("base:2", "u", "2");
  ecrin.traced(app_on("base:1"), "app");
  const std::string said = ecrin.same_as_built("app", "base:1", "base:2", app_on("base:2"));
  CHECK(contains(said, "0 steps ran again, 7 carried over"));
  CHECK(contains(said, "paths that it used are the same"));
  CHECK_FALSE(contains(said, "warning"));
  CHECK(ecrin.in_container("rebased", {"cat", "/lib/other", "/again"}) == "2\nu\na\n");
}

TEST_CASE("a rebase runs the steps again that used what differs", "[any-driver]") {
  Rebasing ecrin;
  ecrin.base("base:1", "u", "1");
  ecrin.base("base:2", "new", "1");
  ecrin.traced(app_on("base:1"), "app");
  const std::string said = ecrin.same_as_built("app", "base:1", "base:2", app_on("base:2"));
  // The one that reads it, the one that looks whether it is there (its size), and the one that reads what was
  // made of it.
  CHECK(contains(said, "3 steps ran again, 4 carried over"));
  CHECK(contains(said, "because: it used /lib/used: its content"));
  CHECK(contains(said, "because: it used /made: its content"));
  CHECK(ecrin.in_container("rebased", {"cat", "/again"}) == "new\na\n");

  SECTION("and what ran is known afterwards") {
    const std::string back = ecrin.same_as_built("rebased", "base:2", "base:1", app_on("base:1"));
    CHECK(contains(back, "0 steps ran again"));
    CHECK(full_id(ecrin.inspect("rebased").at("Id")) == full_id(ecrin.inspect("app").at("Id")));
  }
  SECTION("and builds of the recipe find it") {
    const Outcome built = ecrin.try_build(app_on("base:2"), {"--cache", "exact", "--progress", "json"});
    INFO(built.description);
    CHECK(count_state(step_reports(built), "done") == 0);
  }
}

TEST_CASE("a step whose variables come from the base runs again when they are others", "[any-driver]") {
  Rebasing ecrin;
  const std::string start = base_of("u", "o");
  ecrin.build(start + "config: {env: {KIND: one, SAME: s}}\n", {"-t", "base:1"});
  ecrin.build(start + "config: {env: {KIND: two, SAME: s}}\n", {"-t", "base:2"});
  const auto recipe = [](const std::string& base) {
    return "from: localhost/" + base + "\nsteps:\n  - run: echo $KIND > /kind\nconfig: {env: {SAME: mine}}\n";
  };
  ecrin.traced(recipe("base:1"), "app");
  const std::string said = ecrin.same_as_built("app", "base:1", "base:2", recipe("base:2"));
  CHECK(contains(said, "1 step ran again"));
  CHECK(contains(said, "env 'KIND' changed: 'one' -> 'two'"));
  CHECK(ecrin.in_container("rebased", {"cat", "/kind"}) == "two\n");
}

TEST_CASE("a step that runs again has all that it had", "[any-driver]") {
  Rebasing ecrin;
  ecrin.base("base:1", "u", "1");
  ecrin.base("base:2", "new", "1");
  const auto recipe = [](const std::string& base) {
    return "from: localhost/" + base + R"(
steps:
  - workdir: /work
  - run: chmod 777 /work
  - run:
      command: |
        { cat /lib/used; id -u; pwd; echo $ARG $APP; ls /img/cat; stat -f -c %T /tmpfs; } > made
        ls /sys/class/net >> made
        echo run >> /cache/log
      user: "5:6"
      env: {ARG: own}
      network: none
      mounts:
        - {cache: /cache, id: rebased, mode: "0777"}
        - {tmpfs: /tmpfs}
        - {bind: /img, from: localhost/busybox, source: /bin}
config: {env: {APP: x}}
)";
  };
  ecrin.traced(recipe("base:1"), "app");
  const Outcome rebased = ecrin.rebase("app", "base:1", "base:2", {"-t", "rebased"});
  INFO(rebased.description);
  REQUIRE(rebased.code == 0);
  CHECK(contains(rebased.err, "1 step ran again, 2 carried over"));
  const std::string made = ecrin.in_container("rebased", {"cat", "/work/made"});
  CHECK(made == "new\n" + ecrin.in_container("app", {"sed", "1d", "/work/made"}));
  CHECK(contains(made, "5\n/work\nown"));
  ecrin.build(
      "from: localhost/busybox\nsteps:\n  - run: {command: cat /cache/log > /runs, "
      "mounts: [{cache: /cache, id: rebased, mode: '0777'}]}\n",
      {"-t", "log"});
  CHECK(ecrin.in_container("log", {"cat", "/runs"}) == "run\nrun\n");
}

TEST_CASE("steps that changed nothing on the old base may on the new one", "[any-driver]") {
  Rebasing ecrin;
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: mkdir /made\n", {"-t", "base:1"});
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: touch /fresh\n", {"-t", "base:2"});
  const auto recipe = [](const std::string& base) {
    return "from: localhost/" + base + R"(
steps:
  - run: test ! -e /fresh || mv /fresh /seen
  - write: {dest: /file, content: x}
  - workdir: /made
  - run: test ! -e /seen || echo yes > /answer
)";
  };
  ecrin.traced(recipe("base:1"), "app");
  CHECK(ecrin.diff_ids("app").size() == ecrin.diff_ids("base:1").size() + 1);
  const std::string said = ecrin.same_as_built("app", "base:1", "base:2", recipe("base:2"));
  CHECK(contains(said, "2 steps ran again, 2 carried over"));
  CHECK(ecrin.in_container("rebased", {"cat", "/answer"}) == "yes\n");
}

TEST_CASE("what a step made takes the shape of the new base", "[any-driver]") {
  Rebasing ecrin;
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: mkdir -p /opt/a && chmod 700 /opt\n",
              {"-t", "base:1"});
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: mkdir -p /opt/a && chmod 711 /opt\n",
              {"-t", "base:2"});
  const auto recipe = [](const std::string& base) {
    return "from: localhost/" + base + "\nsteps:\n  - copy: {src: src, dest: /opt/a/}\n";
  };
  ecrin.traced(recipe("base:1"), "app");
  ecrin.same_as_built("app", "base:1", "base:2", recipe("base:2"));
  CHECK(ecrin.in_container("rebased", {"stat", "-c", "%a", "/opt"}) == "711\n");
}

TEST_CASE("an owner's name that is another number on the new base is told", "[any-driver]") {
  Rebasing ecrin;
  const auto base = [](const std::string& uid) {
    return "from: localhost/busybox\nsteps:\n  - run: echo 'app:x:" + uid + ":" + uid +
           "::/:/bin/sh' >> /etc/passwd\n";
  };
  ecrin.build(base("71"), {"-t", "base:1"});
  ecrin.build(base("72"), {"-t", "base:2"});
  ecrin.traced("from: localhost/base:1\nsteps:\n  - copy: {src: src, dest: /src/, owner: app}\n", "app");
  const Outcome rebased = ecrin.rebase("app", "base:1", "base:2");
  INFO(rebased.description);
  CHECK(rebased.code == 0);
  CHECK(contains(rebased.err, "'app' is 72:72 in the new base, and was 71:71"));
  CHECK(ecrin.rebase("app", "base:1", "base:2", {"--strict"}).code == 125);
}

TEST_CASE("a step of which is not known what it used stays as it is, with a warning", "[any-driver]") {
  Rebasing ecrin;
  ecrin.base("base:1", "u", "1");
  ecrin.base("base:2", "new", "1");
  ecrin.build("from: localhost/base:1\nsteps:\n  - run: cat /lib/used > /made\n", {"-t", "app"});
  const Outcome rebased = ecrin.rebase("app", "base:1", "base:2", {"-t", "rebased"});
  INFO(rebased.description);
  CHECK(rebased.code == 0);
  CHECK(contains(rebased.err, "it is not known what a step of the image used"));
  CHECK(ecrin.in_container("rebased", {"cat", "/made"}) == "u\n");
  // It is no result of the recipe on that base.
  ecrin.build("from: localhost/base:2\nsteps:\n  - run: cat /lib/used > /made\n", {"-t", "built"});
  CHECK(ecrin.in_container("built", {"cat", "/made"}) == "new\n");
  const Outcome strict = ecrin.rebase("app", "base:1", "base:2", {"--strict"});
  CHECK(strict.code == 125);
  CHECK(contains(strict.err, "it is not known"));
}

TEST_CASE("without running anything the steps are told that would run", "[any-driver]") {
  Rebasing ecrin;
  ecrin.base("base:1", "u", "1");
  ecrin.base("base:2", "new", "1");
  ecrin.traced(app_on("base:1"), "app");
  const Outcome rebased = ecrin.rebase("app", "base:1", "base:2", {"--no-run", "-t", "rebased"});
  INFO(rebased.description);
  CHECK(rebased.code == 0);
  CHECK(contains(rebased.err, "it used /lib/used: its content"));
  CHECK_FALSE(contains(rebased.err, "ran again"));
  CHECK(ecrin.in_container("rebased", {"cat", "/again"}) == "u\na\n");
  CHECK(ecrin.rebase("app", "base:1", "base:2", {"--no-run", "--strict"}).code == 125);
}

TEST_CASE("a step that needs what is gone says that the recipe is needed", "[any-driver]") {
  Rebasing ecrin;
  ecrin.base("base:1", "u", "1");
  ecrin.base("base:2", "new", "1");
  ecrin.base("base:3", "u", "3");
  const std::string recipe = R"(
steps:
  - run:
      command: cat /lib/used /ctx/a > /made
      mounts: [{bind: /ctx, source: src}]
)";
  ecrin.traced("from: localhost/base:1" + recipe, "app");
  const Outcome rebased = ecrin.rebase("app", "base:1", "base:2");
  INFO(rebased.description);
  CHECK(one_error(rebased));
  CHECK(contains(rebased.err, "mounts files of its build's context"));
  CHECK(contains(rebased.err, "build the image from its recipe"));
  // Where nothing that it used differs, nothing is needed.
  ecrin.same_as_built("app", "base:1", "base:3", "from: localhost/base:3" + recipe);
}

TEST_CASE("a step that fails on the new base fails as in a build", "[any-driver]") {
  Rebasing ecrin;
  ecrin.base("base:1", "u", "1");
  ecrin.base("base:2", "new", "1");
  ecrin.traced("from: localhost/base:1\nsteps:\n  - run: grep -q u /lib/used || exit 7\n", "app");
  const std::string before = ecrin.store_state();
  const Outcome rebased = ecrin.rebase("app", "base:1", "base:2");
  INFO(rebased.description);
  CHECK(rebased.code == 7);
  CHECK(contains(rebased.err, "ecrin debug"));
  CHECK(ecrin.store_state() == before);
}
