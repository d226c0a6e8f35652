// What a build repeats and what it does not, and that the same inputs give the same image.
#include <algorithm>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

const std::string k_four_steps = R"(
from: localhost/busybox
steps:
  - copy: {src: one.txt, dest: /one.txt}
  - run: cat /one.txt > /made-from-one
  - copy: {src: two.txt, dest: /two.txt}
  - run: cat /two.txt > /made-from-two
)";

const StepReport& step_with(const std::vector<StepReport>& steps, const std::string& text) {
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&](const StepReport& step) { return contains(step.text, text); });
  INFO("no step with '" << text << "'");
  REQUIRE(found != steps.end());
  return *found;
}

Outcome json_build(const Ecrin& ecrin, const std::string& recipe, Arguments flags = {}) {
  flags.insert(flags.end(), {"--progress", "json"});
  Outcome outcome = ecrin.try_build(recipe, std::move(flags));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return outcome;
}

}  // namespace

TEST_CASE("a second build runs nothing and says so") {
  Ecrin ecrin;
  ecrin.context("one.txt", "1\n");
  ecrin.context("two.txt", "2\n");
  const Outcome first = json_build(ecrin, k_four_steps);
  CHECK(count_state(step_reports(first), "done") >= 4);
  const Outcome second = json_build(ecrin, k_four_steps);
  const auto steps = step_reports(second);
  INFO(second.description);
  CHECK(steps.size() >= 4);
  CHECK(count_state(steps, "cached") == steps.size());
  CHECK(lines_of(first.out).back() == lines_of(second.out).back());
}

TEST_CASE("a touched file with the same content reruns nothing") {
  Ecrin ecrin;
  ecrin.context("one.txt", "1\n");
  ecrin.context("two.txt", "2\n");
  json_build(ecrin, k_four_steps);
  ecrin.context("one.txt", "1\n");
  run(host_command({"touch", "-d", "2001-01-01", ecrin.context_directory() + "/two.txt"}));
  const auto steps = step_reports(json_build(ecrin, k_four_steps));
  CHECK(count_state(steps, "cached") == steps.size());
}

TEST_CASE("a changed file reruns only what follows and --explain names it") {
  Ecrin ecrin;
  ecrin.context("one.txt", "1\n");
  ecrin.context("two.txt", "2\n");
  json_build(ecrin, k_four_steps);
  ecrin.context("two.txt", "other\n");
  const Outcome second = json_build(ecrin, k_four_steps, {"--explain"});
  const auto steps = step_reports(second);
  INFO(second.description);
  CHECK(step_with(steps, "one.txt /one.txt").state == "cached");
  CHECK(step_with(steps, "cat /one.txt").state == "cached");
  CHECK(step_with(steps, "two.txt /two.txt").state == "done");
  CHECK(step_with(steps, "cat /two.txt").state == "done");
  const auto& reasons = step_with(steps, "two.txt /two.txt").reasons;
  CHECK(std::any_of(reasons.begin(), reasons.end(),
                    [](const auto& line) { return contains(line, "two.txt"); }));
  CHECK(ecrin.in_container(lines_of(second.out).back(), {"cat", "/made-from-two"}) == "other\n");
}

TEST_CASE("a file that no step copies is no input") {
  Ecrin ecrin;
  ecrin.context("one.txt", "1\n");
  ecrin.context("two.txt", "2\n");
  json_build(ecrin, k_four_steps);
  ecrin.context("three.txt", "3\n");
  const auto steps = step_reports(json_build(ecrin, k_four_steps));
  CHECK(count_state(steps, "cached") == steps.size());
}

TEST_CASE("a changed mode of a copied file reruns the copy") {
  Ecrin ecrin;
  ecrin.context("one.txt", "1\n");
  ecrin.context("two.txt", "2\n");
  json_build(ecrin, k_four_steps);
  ecrin.context("two.txt", "2\n", 0755);
  const Outcome second = json_build(ecrin, k_four_steps);
  CHECK(step_with(step_reports(second), "two.txt /two.txt").state == "done");
  CHECK(ecrin.in_container(lines_of(second.out).back(), {"stat", "-c", "%a", "/two.txt"}) == "755\n");
}

TEST_CASE("with --no-cache every step runs and gives the same image") {
  Ecrin ecrin;
  ecrin.context("one.txt", "1\n");
  ecrin.context("two.txt", "2\n");
  const Outcome first = json_build(ecrin, k_four_steps);
  const Outcome second = json_build(ecrin, k_four_steps, {"--no-cache"});
  CHECK(count_state(step_reports(second), "done") >= 4);
  CHECK(lines_of(first.out).back() == lines_of(second.out).back());
}

TEST_CASE("a failing step keeps its exit code and the cache of the steps before it") {
  Ecrin ecrin;
  const std::string start = "from: localhost/busybox\nsteps:\n  - run: echo kept > /kept\n";
  const std::string before = ecrin.store_state();
  const Outcome failed = ecrin.try_build(start + "  - run: exit 42\n");
  INFO(failed.description);
  CHECK(failed.code == 42);
  CHECK(one_error(failed));
  CHECK(contains(failed.err, "42"));
  const Outcome mended = json_build(ecrin, start + "  - run: echo mended > /mended\n");
  CHECK(step_with(step_reports(mended), "echo kept").state == "cached");
}

TEST_CASE("a failing step's output is shown") {
  Ecrin ecrin;
  const Outcome failed =
      ecrin.try_build("from: localhost/busybox\nsteps:\n  - run: echo the-reason-why >&2; false\n");
  CHECK(failed.code == 1);
  CHECK(contains(failed.err, "the-reason-why"));
}

TEST_CASE("the same inputs give the same image on every machine", "[any-driver][heavy]") {
  const std::string recipe = R"(
name: same
stages:
  tools:
    from: localhost/busybox
    steps:
      - run: mkdir /tools && date > /dev/null && echo tool > /tools/tool && chmod 755 /tools/tool
  side:
    from: localhost/busybox
    steps:
      - run: echo side > /side
  main:
    from: localhost/busybox
    steps:
      - copy: {src: tree, dest: /tree}
      - copy: {from: tools, src: /tools, dest: /tools}
      - copy: {from: side, src: /side, dest: /side}
      - run: |
          mkdir -p /work/deep/er /work/gone && cd /work
          for name in c b a; do echo $name > $name; done
          ln a hard && ln -s a soft && mkfifo pipe
          chown 1000:1000 b && chmod 4755 c && chmod 600 a
          dd if=/dev/zero of=big bs=1k count=100 2>/dev/null
      - run: |
          rm -r /work/gone /work/deep && mkdir /work/deep && echo new > /work/deep/new
          rm /work/c && mkdir /work/c && mv /work/big /work/z && chmod 600 /work/b && chmod 644 /work/b
          touch /work/soft && cat /tree/* > /dev/null
      - write: {dest: /written, content: "text\n", mode: "0640"}
    config:
      cmd: [/bin/sh]
      env: {COLOUR: green}
)";
  struct Machine {
    const char* driver;
    int umask;
    const char* time_zone;
    const char* locale;
    const char* jobs;
    bool reverse;
  };
  const Machine machines[] = {{"overlay", 022, "UTC", "C.UTF-8", "4", false},
                              {"copy", 077, "Asia/Tokyo", "C", "1", true},
                              {"fuse-overlayfs", 002, "America/New_York", "tr_TR.UTF-8", "2", true},
                              {"overlay", 0, "", "POSIX", "1", true}};
  std::string id;
  std::vector<std::string> diff_ids;
  std::string manifest;
  for (const Machine& machine : machines) {
    Ecrin ecrin;
    ecrin.driver = machine.driver;
    ecrin.umask = machine.umask;
    ecrin.environment = {
        {"TZ", machine.time_zone}, {"LC_ALL", machine.locale}, {"HOME", ecrin.scratch().path()}};
    std::vector<std::string> names = {"A", "b", "C", "d", "\xc3\xa9", "z"};
    if (machine.reverse) std::reverse(names.begin(), names.end());
    for (const auto& name : names) ecrin.context("tree/" + name, name + "\n");
    make_directory(ecrin.context_directory() + "/tree");
    INFO("driver " << machine.driver << ", umask " << machine.umask);
    const std::string built = ecrin.build(recipe, {"--jobs", machine.jobs});
    if (id.empty()) {
      id = built;
      diff_ids = ecrin.diff_ids(built);
      manifest = ecrin.inspect(built).at("Digest");
      CHECK(diff_ids.size() == 7);
    }
    CHECK(built == id);
    CHECK(ecrin.diff_ids(built) == diff_ids);
    CHECK(ecrin.inspect(built).at("Digest") == manifest);
  }
}

TEST_CASE("directories below keep their times, and renamed hard links their names, in every driver",
          "[any-driver]") {
  const std::string recipe = R"(
from: localhost/busybox
epoch: 1700000000
steps:
  - run: |
      mkdir -p /work/in /work/replaced /work/removed && echo 1 > /work/replaced/old && echo 1 > /work/removed/x
      echo linked > /one && ln /one /two && ln /one /three && ln /one /work/four
      touch -d @1000 /work/in /work/replaced && touch -d @2000 /work
  - run: |
      echo 2 > /work/in/new && rm -r /work/replaced && mkdir /work/replaced && echo 2 > /work/replaced/new
      rm -r /work/removed && touch /work/removed && mkdir /work/fresh && touch -d @3000 /work/fresh
  - copy: {src: tree, dest: /work/in}
  - run: touch /work/in && mkdir /work/x && rmdir /work/x
  - run: mv /one /work/in/renamed && rm /two
)";
  std::vector<std::string> diff_ids;
  for (const char* driver : {"overlay", "copy", "fuse-overlayfs"}) {
    Ecrin ecrin;
    ecrin.driver = driver;
    INFO(driver);
    ecrin.context("tree/file", "content\n");
    const std::string id = ecrin.build(recipe);
    CHECK(ecrin.in_container(id, {"stat", "-c", "%Y", "/work/in", "/work/replaced", "/work",
                                  "/work/fresh"}) == "1000\n1000\n2000\n3000\n");
    CHECK(ecrin.in_container(id, {"cat", "/work/in/renamed", "/three", "/work/four"}) ==
          "linked\nlinked\nlinked\n");
    if (diff_ids.empty()) diff_ids = ecrin.diff_ids(id);
    CHECK(ecrin.diff_ids(id) == diff_ids);
  }
  CHECK(diff_ids.size() == 5);  // that of the base, and no layer for what only touched a directory
}

TEST_CASE("the digests of a fixed context are those that were promised", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context("tree/file", "content\n");
  ecrin.context("tree/program", "#!/bin/sh\n", 0755);
  ecrin.context("tree/long-" + std::string(150, 'x'), "long\n", 0600);
  ecrin.context("tree/caf\xc3\xa9", "utf-8\n");
  make_directory(ecrin.context_directory() + "/tree/empty");
  run(host_command({"ln", "-s", "file", ecrin.context_directory() + "/tree/link"}));
  run(host_command(
      {"ln", ecrin.context_directory() + "/tree/file", ecrin.context_directory() + "/tree/second"}));
  make_directory(ecrin.context_directory() + "/tree");
  const std::string id = ecrin.build(R"(
from: scratch
epoch: 1700000000
steps:
  - copy: {src: tree, dest: /tree}
  - write: {dest: /etc/issue, content: "golden\n", mode: "0444", owner: "7:8"}
config:
  cmd: [/bin/sh]
  env: {A: b}
  labels: {org.example.x: y}
)",
                                     {"--platform", "linux/amd64"});
  std::string found = "image " + id + "\n";
  for (const auto& layer : ecrin.diff_ids(id)) found += "layer " + layer + "\n";
  // When the byte format changes on purpose, this text is the new content of tests/golden/digests.txt.
  INFO(found);
  CHECK(found == read_file(setting().source + "/tests/golden/digests.txt"));
}

TEST_CASE("an image of 127 layers builds and runs", "[heavy]") {
  Ecrin ecrin;
  std::string recipe = "from: localhost/busybox\nsteps:\n";
  for (int layer = 2; layer <= 127; ++layer)
    recipe += "  - write: {dest: /layers/" + std::to_string(layer) + ", content: \"x\"}\n";
  const std::string id = ecrin.build(recipe);
  CHECK(ecrin.diff_ids(id).size() == 127);
  CHECK(trimmed(ecrin.in_container(id, {"sh", "-c", "ls /layers | wc -l"})) == "126");
  const std::string more = ecrin.build(recipe + "  - run: ls /layers | wc -l > /count\n");
  CHECK(ecrin.in_container(more, {"cat", "/count"}) == "126\n");
}

TEST_CASE("more layers than an image may have are refused with the way out", "[any-driver]") {
  Ecrin ecrin;
  std::string recipe = "from: localhost/busybox\nsteps:\n";
  for (int layer = 1; layer <= 500; ++layer)
    recipe += "  - write: {dest: /layers/" + std::to_string(layer) + ", content: \"x\"}\n";
  const Outcome refused = ecrin.try_build(recipe);
  INFO(refused.description);
  CHECK(one_error(refused));
  CHECK(contains(refused.err, "an image has 500 layers at most, and this one would have 501"));
  CHECK(contains(refused.err, "--squash"));
  const std::string id = ecrin.build(recipe, {"--squash"});
  CHECK(ecrin.diff_ids(id).size() == 2);
  CHECK(trimmed(ecrin.in_container(id, {"sh", "-c", "ls /layers | wc -l"})) == "500");
}

TEST_CASE("SOURCE_DATE_EPOCH is the time of what a build makes") {
  Ecrin ecrin;
  ecrin.environment["SOURCE_DATE_EPOCH"] = "86400";
  const std::string id =
      ecrin.build("from: localhost/busybox\nsteps:\n  - run: echo $SOURCE_DATE_EPOCH > /epoch\n");
  CHECK(ecrin.in_container(id, {"cat", "/epoch"}) == "86400\n");
  CHECK(ecrin.in_container(id, {"stat", "-c", "%Y", "/epoch"}) == "86400\n");
  CHECK(contains(ecrin.inspect(id).at("Created").get<std::string>(), "1970-01-02T00:00:00"));
}
