// Images built step by step by scripts: `ecrin from`, `run --into`, `copy-into`, `config`, `commit`, `rm`.
#include <unistd.h>

#include <csignal>
#include <memory>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

Outcome in_context(const Ecrin& ecrin, Arguments arguments) {
  Invocation invocation = ecrin.invocation(std::move(arguments));
  invocation.directory = ecrin.context_directory();
  return run(invocation);
}

}  // namespace

TEST_CASE("a script and a recipe with the same steps give the same image, and nothing runs twice") {
  Ecrin ecrin;
  ecrin.context("src/app", "app\n", 0755);
  ecrin.context("note", "note\n");
  const std::string name = ecrin.must({"from", "busybox"});
  CHECK(name == "busybox-working-container");
  const auto step = [&](Arguments arguments) {
    const Outcome outcome = in_context(ecrin, std::move(arguments));
    INFO(outcome.description);
    REQUIRE(outcome.code == 0);
    return outcome;
  };
  CHECK(step({"run", "--into", name, "echo one > /one; cat /one"}).out == "one\n");
  step({"run", "--into", name, "--", "sh", "-c", "echo two > /two"});
  step({"config", "--env", "A=b", name});
  step({"copy-into", name, "src", "/opt/src"});
  step({"copy-into", "--chmod", "0600", "--exclude", "nothing", name, "note", "/opt/"});
  step({"config", "--workdir", "/opt", name});
  const Outcome last = step({"run", "--into", name, "--network", "none", "--user", "0:0", "--env", "X=y",
                             "--mount", "type=cache,target=/var/kept", "echo $A$X > x; pwd"});
  CHECK(last.out == "/opt\n");
  const std::string id = ecrin.must({"commit", name, "scripted"});

  const Outcome build = ecrin.try_build(R"(
from: localhost/busybox
steps:
  - run: echo one > /one; cat /one
  - run: [sh, -c, echo two > /two]
  - env: {A: b}
  - copy: {src: src, dest: /opt/src}
  - copy: {src: note, dest: /opt/, mode: 0600, exclude: [nothing]}
  - workdir: /opt
  - run:
      command: echo $A$X > x; pwd
      network: none
      user: "0:0"
      env: {X: y}
      mounts: [{cache: /var/kept}]
)",
                                        {"--progress", "json"});
  INFO(build.description);
  REQUIRE(build.code == 0);
  CHECK(trimmed(build.out) == id);
  const auto steps = step_reports(build);
  CHECK(count_state(steps, "done") <= 1);  // `from`, which does nothing

  // And the other way round.
  const std::string second = ecrin.must({"from", "--name", "second", "busybox"});
  const Outcome again = in_context(ecrin, {"run", "--into", second, "echo one > /one; cat /one"});
  CHECK(again.code == 0);
  CHECK(again.out.empty());
  CHECK(contains(again.err, "cached"));
  // A fresh run is asked for.
  CHECK(in_context(ecrin, {"run", "--into", second, "--no-cache", "echo 3 >> /one; cat /one"}).out ==
        "one\n3\n");
}

TEST_CASE("a step that fails leaves the working container as it was, and can be opened") {
  Ecrin ecrin;
  const std::string name = ecrin.must({"from", "busybox"});
  ecrin.must({"run", "--into", name, "echo 1 > /steps"});
  const Outcome failed = ecrin({"run", "--into", name, "echo 2 >> /steps; exit 9"});
  CHECK(failed.code == 9);
  const auto kept = ecrin.json({"debug", "--list", "--format", "json"});
  REQUIRE(kept.size() == 1);
  CHECK(contains(failed.err, "error: step " + std::to_string(kept[0]["Step"].get<int>()) + " of stage"));
  CHECK(ecrin({"debug", "--", "cat", "/steps"}).out == "1\n2\n");
  CHECK(ecrin({"run", "--into", name, "cat /steps"}).out == "1\n");
  // Killed in the middle: the same.
  Running killed(ecrin.invocation({"run", "--into", name, "echo 2 >> /steps; echo started; sleep 100"}));
  REQUIRE(killed.wait_for_output("started"));
  killed.signal(SIGKILL);
  killed.wait();
  CHECK(ecrin({"run", "--into", name, "--no-cache", "cat /steps"}).out == "1\n");
}

TEST_CASE("steps at once on one working container wait for each other", "[any-driver]") {
  Ecrin ecrin;
  const std::string name = ecrin.must({"from", "busybox"});
  std::vector<std::unique_ptr<Running>> steps;
  for (const char* word : {"a", "b", "c", "d"}) {
    const std::string script = std::string("echo ") + word + " >> /words";
    steps.push_back(std::make_unique<Running>(ecrin.invocation({"run", "--into", name, script})));
  }
  for (auto& step : steps) CHECK(step->wait().code == 0);
  CHECK(ecrin({"run", "--into", name, "sort /words"}).out == "a\nb\nc\nd\n");
  CHECK(ecrin.json({"from", "--list", "--format", "json"})[0]["Steps"] == 5);
}

TEST_CASE("working containers: names, scratch, files of each other, squash, removal", "[any-driver]") {
  Ecrin ecrin;
  ecrin.context("file", "of the context\n");
  CHECK(ecrin.must({"from", "busybox"}) == "busybox-working-container");
  CHECK(ecrin.must({"from", "busybox"}) == "busybox-working-container-1");
  CHECK(ecrin({"from", "--name", "busybox-working-container", "busybox"}).code == 125);
  CHECK(one_error(ecrin({"from", "--name", "../x", "busybox"})));
  CHECK(one_error(ecrin({"run", "--into", "nothing", "true"})));
  CHECK(one_error(ecrin({"run", "--into", "busybox-working-container", "--tty", "true"})));
  CHECK(one_error(ecrin({"run", "--secret", "id=x", "busybox", "true"})));

  REQUIRE(ecrin.must({"from", "--name", "empty", "scratch"}) == "empty");
  REQUIRE(in_context(ecrin, {"copy-into", "empty", "file", "/dir/"}).code == 0);
  ecrin.must({"run", "--into", "busybox-working-container", "echo 1 > /one"});
  const Outcome copied = in_context(
      ecrin, {"copy-into", "--from", "empty", "busybox-working-container", "/dir/file", "/copied"});
  INFO(copied.description);
  REQUIRE(copied.code == 0);
  CHECK(ecrin({"run", "--into", "busybox-working-container", "--mount", "type=bind,from=empty,target=/m",
               "cat /copied /m/dir/file"})
            .out == "of the context\nof the context\n");
  ecrin.must({"config", "--cmd", "[\"cat\",\"/copied\"]", "busybox-working-container"});
  CHECK(one_error(ecrin({"config", "--env", "PATH-", "busybox-working-container"})));
  ecrin.must({"commit", "--squash", "--rm", "busybox-working-container", "squashed"});
  CHECK(ecrin.must({"run", "squashed"}) == "of the context");
  CHECK(ecrin.diff_ids("squashed").size() == 1);

  // A base that is worked on stays.
  CHECK(ecrin({"rmi", "busybox"}).code == 2);
  ecrin.must({"untag", "busybox"});
  ecrin.must({"prune", "-f"});
  CHECK(ecrin({"run", "--into", "busybox-working-container-1", "echo here"}).out == "here\n");
  ecrin.must({"rm", "--all"});
  CHECK(ecrin.must({"from", "--list", "-q"}).empty());
  CHECK(run(host_command({"ls", ecrin.root() + "/working"})).out.empty());
  CHECK(ecrin({"rm", "nothing"}).code == 1);
  CHECK(ecrin({"rm", "-f", "nothing"}).code == 0);
}
