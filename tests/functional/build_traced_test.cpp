// The traced cache: what a step used decides whether it runs again.
#include <algorithm>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// The step after the copy reads one file of two, writes over another and makes one of its own.
const std::string k_recipe = R"(
from: localhost/busybox
steps:
  - copy: {src: src, dest: /src/}
  - run: sort /src/used > /out; printf same > /src/over
)";

struct TracedBuild {
  std::string image;
  StepReport step;
};

// In a store of its own: a result there would take the place of the one with a trace.
std::string built_without_cache(const Ecrin& ecrin, const std::string& recipe) {
  const Ecrin other;
  Invocation build = ecrin.build_invocation(recipe, {"--cache", "off"});
  for (std::string& word : build.argv)
    if (word == ecrin.root()) word = other.root();
  const Outcome outcome = run(build);
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return lines_of(outcome.out).back();
}

// With the traced cache, and the same image as without any.
TracedBuild traced_build(const Ecrin& ecrin, const std::string& recipe, const std::string& step) {
  const Outcome traced = ecrin.try_build(recipe, {"--cache", "traced", "--explain", "--progress", "json"});
  INFO(traced.description);
  REQUIRE(traced.code == 0);
  TracedBuild build{.image = lines_of(traced.out).back(), .step = {}};
  CHECK(build.image == built_without_cache(ecrin, recipe));
  const auto steps = step_reports(traced);
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&](const StepReport& report) { return contains(report.text, step); });
  REQUIRE(found != steps.end());
  build.step = *found;
  return build;
}

bool has_reason(const StepReport& step, const std::string& part) {
  return std::any_of(step.reasons.begin(), step.reasons.end(),
                     [&](const std::string& reason) { return contains(reason, part); });
}

}  // namespace

TEST_CASE("a step that used nothing of what changed is taken over, onto the changed tree", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  ecrin.context("src/used", "b\na\n");
  ecrin.context("src/README", "1\n");
  ecrin.context("src/over", "what was there\n");
  CHECK(traced_build(ecrin, k_recipe, "sort").step.state == "done");
  ecrin.context("src/README", "2\n");
  const TracedBuild other = traced_build(ecrin, k_recipe, "sort");
  CHECK(other.step.state == "cached");
  CHECK(has_reason(other.step, "paths that it used are the same"));
  CHECK(ecrin.in_container(other.image, {"cat", "/src/README", "/out", "/src/over"}) == "2\na\nb\nsame");
  ecrin.context("src/used", "c\na\n");
  const TracedBuild changed = traced_build(ecrin, k_recipe, "sort");
  CHECK(changed.step.state == "done");
  CHECK(has_reason(changed.step, "it used /src/used: its content"));
  CHECK(ecrin.in_container(changed.image, {"cat", "/out"}) == "a\nc\n");
}

TEST_CASE("a layer that is another one on the new tree keeps what it says of the root directory",
          "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  // Nobody asks for the time of /data, but a layer with something in it has it.
  const auto recipe = [](const std::string& day) {
    return R"(
from: localhost/busybox
steps:
  - run: mkdir /data; touch -d '1960-01-)" +
           day + R"( 00:00:00' /data
  - run: echo made > /data/made; chmod 0750 /
)";
  };
  CHECK(traced_build(ecrin, recipe("02"), "made").step.state == "done");
  const TracedBuild other = traced_build(ecrin, recipe("03"), "made");
  CHECK(other.step.state == "cached");
  CHECK(ecrin.in_container(other.image, {"stat", "-c", "%a", "/"}) == "750\n");
}

TEST_CASE("one more layer with something in a directory does not change the directory for a step",
          "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  const auto recipe = [](const std::string& patch) {
    return R"(
from: localhost/busybox
steps:
  - run: mkdir -p /data/inside; touch -d '1960-01-02 00:00:00' /data
  - run: )" +
           patch + R"(; touch -d '1960-01-02 00:00:00' /data
  - run: stat -c '%a %F %Y' /data > /out
)";
  };
  CHECK(traced_build(ecrin, recipe("true"), "stat").step.state == "done");
  CHECK(traced_build(ecrin, recipe("echo patched > /data/file"), "stat").step.state == "cached");
  CHECK(traced_build(ecrin, recipe("chmod 0700 /data"), "stat").step.state == "done");
}

TEST_CASE("a tree that is traced has one device, and each file in it a number of its own", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  // Directories, files of a layer and new files differ in where they are.
  const TracedBuild build = traced_build(ecrin, R"(
from: localhost/busybox
steps:
  - run: mkdir /data; touch /data/a /data/b; ln /data/a /data/c
  - run: |
      touch /data/new; mkdir /data/more
      echo devices $(stat -c %d / /data /data/* | sort -u | wc -l) > /out
      echo numbers $(stat -c %i /data /data/* | sort -u | wc -l) >> /out
)",
                                         "touch /data/new");
  CHECK(build.step.state == "done");
  CHECK(ecrin.in_container(build.image, {"cat", "/out"}) == "devices 1\nnumbers 5\n");
}

TEST_CASE("a file that a step wrote over with what it had counts as used", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  ecrin.context("src/used", "x\n");
  ecrin.context("src/over", "same");
  CHECK(traced_build(ecrin, k_recipe, "sort").step.state == "done");
  ecrin.context("src/over", "else");
  const TracedBuild other = traced_build(ecrin, k_recipe, "sort");
  CHECK(other.step.state == "done");
  CHECK(ecrin.in_container(other.image, {"cat", "/src/over"}) == "same");
}

TEST_CASE("a step that used its network is only taken when all before it is the same", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - copy: {src: src, dest: /src/}
  - run: wget -q -O /dev/null http://127.0.0.1:1/ || true
)";
  ecrin.context("src/README", "1\n");
  CHECK(traced_build(ecrin, recipe, "wget").step.state == "done");
  ecrin.context("src/README", "2\n");
  CHECK(traced_build(ecrin, recipe, "wget").step.state == "done");
}

TEST_CASE("a step on a tree that was made anew and came out the same is taken over", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  ecrin.context("src/other", "x\n");
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - run: "cat /etc/new-name 2> /dev/null || true; echo made > /made; : VARIANT"
  - copy: {src: src/other, dest: /other}
  - run: wget -q -O /dev/null http://127.0.0.1:1/ || true; echo late > /late
)";
  const auto variant = [&](const std::string& name) {
    std::string text = recipe;
    text.replace(text.find("VARIANT"), 7, name);
    return text;
  };
  CHECK(traced_build(ecrin, variant("first"), "late").step.state == "done");
  const TracedBuild again = traced_build(ecrin, variant("second"), "late");
  CHECK(again.step.state == "cached");
  CHECK(has_reason(again.step, "the tree below it is the same as before"));
}

TEST_CASE("of the files of the context that a step mounts, those count that it used", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  const std::string ignore = GENERATE("", "notes\n");
  if (!ignore.empty()) ecrin.context(".dockerignore", ignore);
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - run:
      command: cat /src/part/used > /out; ls /src/listed >> /out; test -e /src/absent || echo none >> /out
      mounts: [{bind: /src, source: src}]
)";
  ecrin.context("src/part/used", "1\n");
  ecrin.context("src/part/other", "1\n");
  ecrin.context("src/listed/a", "1\n");
  CHECK(traced_build(ecrin, recipe, "cat").step.state == "done");
  ecrin.context("src/part/other", "2\n");
  ecrin.context("src/listed/a", "2\n");
  ecrin.context("src/part/new", "");
  const TracedBuild other = traced_build(ecrin, recipe, "cat");
  CHECK(other.step.state == "cached");
  ecrin.context("src/listed/b", "1\n");
  const TracedBuild listed = traced_build(ecrin, recipe, "cat");
  CHECK(listed.step.state == "done");
  CHECK(has_reason(listed.step, "src/listed of the context: the names in it"));
  ecrin.context("src/absent", "");
  CHECK(has_reason(traced_build(ecrin, recipe, "cat").step, "src/absent of the context: it was not there"));
  ecrin.context("src/part/used", "2\n");
  const TracedBuild used = traced_build(ecrin, recipe, "cat");
  CHECK(used.step.state == "done");
  CHECK(ecrin.in_container(used.image, {"cat", "/out"}) == "2\na\nb\n");
}

TEST_CASE("of a stage that a step mounts, those files count that it used", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  const std::string access = GENERATE("true", "false");
  const std::string recipe = R"(
stages:
  side:
    from: localhost/busybox
    steps:
      - copy: {src: src, dest: /opt/}
      - run: ln -s part /opt/link
  main:
    from: localhost/busybox
    steps:
      - run:
          command: cat /side/used > /out; ls /all/listed >> /out; touch /all/new && rm /all/new; true
          mounts:
            - {bind: /side, from: side, source: /opt/link}
            - {bind: /all, from: side, source: /opt, read_only: )" +
                             access + "}\n";
  ecrin.context("src/part/used", "1\n");
  ecrin.context("src/part/other", "1\n");
  ecrin.context("src/listed/a", "1\n");
  CHECK(traced_build(ecrin, recipe, "cat").step.state == "done");
  ecrin.context("src/part/other", "2\n");
  ecrin.context("src/listed/a", "2\n");
  const auto forecast = [&](const std::string& path) {
    return ecrin.try_build(recipe, {"--cache", "traced", "--what-if", path}).out;
  };
  const TracedBuild other = traced_build(ecrin, recipe, "cat");
  CHECK(other.step.state == "cached");
  CHECK(contains(forecast("src/part/other"), "1 of 3 steps"));
  CHECK(contains(forecast("src/part/used"), "it used /opt/part/used: its content (of 'side')"));
  ecrin.context("src/listed/b", "1\n");
  const TracedBuild listed = traced_build(ecrin, recipe, "cat");
  CHECK(listed.step.state == "done");
  CHECK(has_reason(listed.step, "it used /opt/listed: the names in it (of 'side')"));
  ecrin.context("src/new", "");
  CHECK(has_reason(traced_build(ecrin, recipe, "cat").step, "/opt/new: it was not there (of 'side')"));
  ecrin.context("src/part/used", "2\n");
  const TracedBuild used = traced_build(ecrin, recipe, "cat");
  CHECK(has_reason(used.step, "it used /opt/part/used: its content (of 'side')"));
  CHECK(ecrin.in_container(used.image, {"cat", "/out"}) == "2\na\nb\n");
  const std::string trace = ecrin({"trace", used.image + "@2"}).out;
  CHECK(contains(trace, "read       //from/side//opt/part/used\n"));
  CHECK(contains(trace, "listed     //from/side#2//opt/listed\n"));
}

TEST_CASE("of an image that a step mounts, those files count that it used", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  const auto make_image = [&](const std::string& used, const std::string& other) {
    const std::string recipe =
        "name: localhost/files\nfrom: scratch\nsteps:\n  - write: {dest: /used, content: '" + used +
        "'}\n  - write: {dest: /other, content: '" + other + "'}\n";
    REQUIRE(ecrin.try_build(recipe, {"-t", "localhost/files"}).code == 0);
  };
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - run: {command: cat /m/used > /out, mounts: [{bind: /m, from: localhost/files}]}
)";
  const auto state = [&] {
    const Outcome outcome = ecrin.try_build(recipe, {"--cache", "traced", "--progress", "json"});
    INFO(outcome.description);
    REQUIRE(outcome.code == 0);
    return step_reports(outcome).back().state;
  };
  make_image("1", "1");
  CHECK(state() == "done");
  make_image("1", "2");
  CHECK(state() == "cached");
  make_image("2", "2");
  CHECK(state() == "done");
}

TEST_CASE("a stage without files that a step mounts is another one when it has some", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  const std::string rest = R"(
  main:
    from: localhost/busybox
    steps:
      - run: {command: ls /m > /out, mounts: [{bind: /m, from: side}]}
)";
  const std::string empty = "stages:\n  side:\n    from: scratch\n" + rest;
  const std::string full =
      "stages:\n  side:\n    from: scratch\n    steps: [{write: {dest: /file, content: x}}]\n" + rest;
  CHECK(traced_build(ecrin, empty, "ls").step.state == "done");
  const TracedBuild with_file = traced_build(ecrin, full, "ls");
  CHECK(with_file.step.state == "done");
  CHECK(ecrin.in_container(with_file.image, {"cat", "/out"}) == "file\n");
}

TEST_CASE("what a new cache begins with counts as a whole", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  const std::string recipe = R"(
stages:
  side:
    from: localhost/busybox
    steps:
      - copy: {src: src, dest: /opt/}
  main:
    from: localhost/busybox
    steps:
      - run:
          command: cat /m/opt/used > /out
          mounts: [{bind: /m, from: side}, {cache: /c, from: side, source: /opt}]
)";
  ecrin.context("src/used", "1");
  ecrin.context("src/other", "1");
  CHECK(traced_build(ecrin, recipe, "cat").step.state == "done");
  ecrin.context("src/other", "2");
  CHECK(traced_build(ecrin, recipe, "cat").step.state == "done");
}

TEST_CASE("a secret is part of what a step used, by its content", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - copy: {src: src/README, dest: /README}
  - run:
      command: wc -c < /run/secrets/token > /length
      mounts: [{type: secret, id: token}]
)";
  const std::string secret = ecrin.scratch() / "token";
  const auto build = [&](const std::string& readme, const std::string& token) {
    ecrin.context("src/README", readme);
    write_file(secret, token);
    const Outcome outcome = ecrin.try_build(
        recipe, {"--cache", "traced", "--progress", "json", "--secret", "id=token,src=" + secret});
    INFO(outcome.description);
    REQUIRE(outcome.code == 0);
    return step_reports(outcome).back().state;
  };
  CHECK(build("1", "first") == "done");
  CHECK(build("2", "first") == "cached");
  CHECK(build("3", "another") == "done");
}

TEST_CASE("what-if lists the steps that a change would run again", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  ecrin.context("src/used", "b\na\n");
  ecrin.context("src/README", "1\n");
  traced_build(ecrin, k_recipe, "sort");
  const auto forecast = [&](const std::string& path) {
    const Outcome outcome = ecrin.try_build(k_recipe, {"--cache", "traced", "--what-if", path});
    INFO(outcome.description);
    REQUIRE(outcome.code == 0);
    return outcome.out;
  };
  const std::string before = ecrin.store_state();
  CHECK(contains(forecast("src/README"), "1 of 2 steps"));
  CHECK_FALSE(contains(forecast("src/README"), "sort"));
  CHECK(contains(forecast("src/used"), "it used /src/used: its content"));
  CHECK(contains(forecast("src/used"), "2 of 2 steps"));
  CHECK(contains(forecast("src/new"), "1 of 2 steps"));
  CHECK(contains(forecast("other"), "0 of 2 steps"));
  CHECK(ecrin.store_state() == before);
  const std::string bound = R"(
from: localhost/busybox
steps:
  - run: {command: "cat /mnt/used; ls /mnt/listed > /out", mounts: [{bind: /mnt, source: src}]}
)";
  ecrin.context("src/listed/a", "");
  traced_build(ecrin, bound, "cat");
  const auto bound_forecast = [&](const std::string& path) {
    return ecrin.try_build(bound, {"--cache", "traced", "--what-if", path}).out;
  };
  CHECK(contains(bound_forecast("src/README"), "0 of 1 steps"));
  CHECK(contains(bound_forecast("src/used"), "it used src/used of the context"));
  CHECK(contains(bound_forecast("src/listed/b"), "1 of 1 steps"));
  CHECK(contains(bound_forecast("src/other"), "0 of 1 steps"));
}
