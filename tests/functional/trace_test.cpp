// What is told of the use of an image: ecrin trace, run --trace, image unused.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

// Of the files in /data the step reads one that it writes over, and one that it leaves alone.
const std::string k_recipe = R"(
from: localhost/busybox
steps:
  - copy: {src: data, dest: /data/}
  - run: cat /data/step /data/covered > /out; ls /data; test ! -e /nowhere; printf new > /data/covered
  - write: {dest: /last, content: x}
)";

// 1 to 5 times a thousand bytes, which no other file has.
void make_context(const Ecrin& ecrin) {
  ecrin.context("data/step", std::string(1000, '1'));
  ecrin.context("data/covered", std::string(2000, '2'));
  ecrin.context("data/run", std::string(3000, '3'));
  ecrin.context("data/doc/one", std::string(4000, '4'));
  ecrin.context("data/doc/two", std::string(5000, '5'));
}

struct Paths {
  nlohmann::json rows;
  std::string use_of(const std::string& path) const {
    for (const auto& row : rows)
      if (row["Path"] == path) return row["Use"];
    return "";
  }
  std::size_t count(const std::string& use) const {
    std::size_t count = 0;
    for (const auto& row : rows)
      if (row["Use"] == use) ++count;
    return count;
  }
};

Paths paths_of(const Ecrin& ecrin, Arguments arguments) {
  arguments.insert(arguments.begin(), "trace");
  arguments.insert(arguments.end(), {"--format", "json"});
  return {ecrin.json(std::move(arguments))};
}

nlohmann::json step_of(const nlohmann::json& steps, const std::string& text) {
  for (const auto& step : steps)
    if (contains(step["CreatedBy"].get<std::string>(), text)) return step;
  FAIL("no step '" << text << "'");
  return {};
}

nlohmann::json unused(const Ecrin& ecrin, const std::string& image) {
  return ecrin.json({"image", "unused", "--format", "json", image});
}

// "" when it is not among those that nobody read.
std::string size_of(const nlohmann::json& unused, const std::string& path) {
  for (const auto& place : unused["Unused"])
    if (place["Path"] == path) return place["RawSize"].dump();
  return "";
}

}  // namespace

TEST_CASE("a trace says of each path what a step used of it", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  make_context(ecrin);
  const std::string image = ecrin.build(k_recipe, {"--cache", "traced"});
  const nlohmann::json steps = ecrin.json({"trace", "--format", "json", image});
  REQUIRE(steps.size() == 4);
  const nlohmann::json step = step_of(steps, "cat /data/step");
  const std::string number = step["Step"].dump();
  const Paths paths = paths_of(ecrin, {image + "@" + number});
  CHECK(paths.use_of("/data/step") == "read");
  CHECK(paths.use_of("/data/covered") == "read");
  CHECK(paths.use_of("/data") == "listed");
  CHECK(paths.use_of("/bin/sh") == "looked up");  // a symlink
  CHECK(paths.use_of("/bin/busybox") == "read");
  CHECK(paths.use_of("/nowhere") == "absent");
  CHECK(paths.use_of("/data/run") == "looked up");  // by ls
  CHECK(paths.use_of("/data/doc/one").empty());
  CHECK(step["Read"] == paths.count("read"));
  CHECK(step["Listed"] == paths.count("listed"));
  CHECK(step["Absent"] == paths.count("absent"));
  CHECK(step["Found"] == paths.rows.size() - paths.count("absent"));
  for (std::size_t i = 1; i < paths.rows.size(); ++i)
    CHECK(paths.rows[i - 1]["Path"].get<std::string>() < paths.rows[i]["Path"].get<std::string>());
  const std::string lines = ecrin.must({"trace", image + "@" + number});
  CHECK(contains(lines, "read       /data/step\n"));
  CHECK(contains(lines, "absent     /nowhere\n"));
}

TEST_CASE("of a step without a trace it is said why it has none", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  make_context(ecrin);
  const std::string image = ecrin.build(k_recipe);
  const nlohmann::json steps = ecrin.json({"trace", "--format", "json", image});
  REQUIRE(steps.size() == 4);
  CHECK(contains(steps[0]["Missing"].get<std::string>(), "did not run here"));
  CHECK(contains(step_of(steps, "COPY")["Missing"].get<std::string>(), "runs no program"));
  const nlohmann::json step = step_of(steps, "cat /data/step");
  CHECK(contains(step["Missing"].get<std::string>(), "--cache=traced"));
  CHECK(step["Found"].is_null());
  CHECK(contains(ecrin.must({"trace", image}), "runs no program"));
  const Outcome of_step = ecrin({"trace", image + "@" + step["Step"].dump()});
  CHECK(one_error(of_step));
  CHECK(contains(of_step.err, "--cache=traced"));
  CHECK(contains(ecrin({"trace", image + "@9"}).err, "has no step 9"));
  CHECK(contains(ecrin({"image", "unused", image}).err, "nothing is known"));
}

TEST_CASE("a step that changed no file is known where its trace fits", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  make_context(ecrin);
  const std::string recipe = R"(
from: localhost/busybox
steps:
  - copy: {src: data, dest: /data/}
  - run: cat /data/run > /dev/null
)";
  const std::string image = ecrin.build(recipe, {"--cache", "traced"});
  const nlohmann::json steps = ecrin.json({"trace", "--format", "json", image});
  const std::string number = step_of(steps, "cat /data/run")["Step"].dump();
  CHECK(paths_of(ecrin, {image + "@" + number}).use_of("/data/run") == "read");
  CHECK(size_of(unused(ecrin, image), "/data/run").empty());
  ecrin.context("data/run", std::string(3000, '4'));
  const std::string other = ecrin.build(recipe);
  CHECK(ecrin.json({"trace", "--format", "json", other}).size() == steps.size() - 1);
  CHECK(contains(ecrin({"trace", other + "@" + number}).err, "no trace fits it"));
}

TEST_CASE("what no step and no run read is unused", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  make_context(ecrin);
  const std::string image = ecrin.build(k_recipe, {"--cache", "traced"});
  const nlohmann::json built = unused(ecrin, image);
  CHECK(built["Steps"] == 4);
  CHECK(built["TracedSteps"] == 1);
  CHECK(built["TracedRuns"] == 0);
  CHECK(size_of(built, "/data/step").empty());
  CHECK(size_of(built, "/data/covered") == "3");  // what covers the file that was read
  CHECK(size_of(built, "/data/run") == "3000");
  CHECK(size_of(built, "/data/doc/") == "9000");
  CHECK(size_of(built, "/bin/busybox").empty());
  CHECK(contains(ecrin.must({"image", "unused", image}), "no run is known"));

  ecrin.must({"run", "--rm", "--trace", image, "cat", "/data/run"});
  const nlohmann::json ran = unused(ecrin, image);
  CHECK(ran["TracedRuns"] == 1);
  CHECK(size_of(ran, "/data/run").empty());
  CHECK(size_of(ran, "/data/covered") == "3");
  CHECK(built["UnusedSize"].get<int>() - ran["UnusedSize"].get<int>() == 3000);
  CHECK_FALSE(contains(ecrin.must({"image", "unused", "--all", image}), "no run is known"));
  const Paths paths = paths_of(ecrin, {"--runs", image});
  CHECK(paths.use_of("/data/run") == "read");
  CHECK(paths.use_of("/data/doc").empty());

  // Of the image after the copy: there the file was not yet covered.
  const std::string number = step_of(ecrin.json({"trace", "--format", "json", image}), "COPY")["Step"].dump();
  ecrin.must({"run", "--rm", "--trace", image + "@" + number, "cat", "/data/covered", "/data/doc/one"});
  const nlohmann::json earlier = unused(ecrin, image);
  CHECK(earlier["TracedRuns"] == 2);
  CHECK(size_of(earlier, "/data/covered") == "3");
  CHECK(size_of(earlier, "/data/doc/two") == "5000");
  CHECK(size_of(earlier, "/data/doc/").empty());
}

TEST_CASE("each run of a container is recorded at its end, and goes with the image", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "overlay";
  make_context(ecrin);
  const std::string image = ecrin.build(k_recipe);
  const auto runs = [&] { return unused(ecrin, image)["TracedRuns"].get<int>(); };
  ecrin.must({"create", "--trace", "--name", "one", image, "sh", "-c",
              "test -e /mark && exec cat /data/run; echo > /mark; cat /data/doc/one"});
  CHECK(contains(ecrin.must({"start", "-a", "one"}), "444"));
  CHECK(runs() == 1);
  CHECK(size_of(unused(ecrin, image), "/data/run") == "3000");
  CHECK(contains(ecrin.must({"start", "-a", "one"}), "333"));
  CHECK(runs() == 2);
  CHECK(size_of(unused(ecrin, image), "/data/run").empty());

  ecrin.must({"run", "-d", "--trace", "--name", "two", image, "sh", "-c",
              "trap exit TERM; while :; do sleep 0.05; done"});
  ecrin.must({"exec", "two", "cat", "/data/doc/two"});
  CHECK(runs() == 2);
  ecrin.must({"stop", "two"});
  CHECK(runs() == 3);
  CHECK(size_of(unused(ecrin, image), "/data/doc/two").empty());
  // A program that cannot be started is none.
  CHECK(ecrin({"run", "--rm", "--trace", image, "/nothing"}).code == 127);
  CHECK(runs() == 3);

  ecrin.must({"rm", "one", "two"});
  ecrin.must({"rmi", image});
  CHECK(ecrin.build(k_recipe) == image);
  CHECK(contains(ecrin({"image", "unused", image}).err, "nothing is known"));
}

TEST_CASE("what cannot be recorded is refused before a container is made", "[any-driver]") {
  Ecrin ecrin;
  ecrin.driver = "copy";
  const Outcome copied = ecrin({"run", "--rm", "--trace", "busybox", "true"});
  CHECK(copied.code == 125);
  CHECK(one_error(copied));
  CHECK(contains(copied.err, "cannot be recorded"));
  CHECK(ecrin.must({"ps", "-aq"}).empty());
  const Outcome directory = ecrin({"run", "--rm", "--trace", "--rootfs", "/", "true"});
  CHECK(directory.code == 125);
  CHECK(contains(directory.err, "--rootfs"));
}
