// What the command line of a build says about its RUN steps and its image, and how a failure is told.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

TEST_CASE("options of RUN steps reach their containers") {
  Ecrin ecrin;
  ecrin.context("mounted/file", "of the host\n");
  const std::string recipe = R"yaml(
from: localhost/busybox
steps:
  - run: |
      grep -q "^10.1.2.3.*db$" /etc/hosts
      grep -q "^fd00::1.*six$" /etc/hosts
      test "$(cat /etc/resolv.conf)" = "$(printf "search a.example b.example\nnameserver 10.9.8.7\noptions ndots:3\n")"
      test "$(ulimit -n)" = 512
      df -k /dev/shm | grep -q " 2048 "
      cat /mounted/file > /seen
      if chown 1:1 /seen 2>/dev/null; then exit 7; fi
      grep -q "^NoNewPrivs:.*1" /proc/self/status
)yaml";
  const Arguments flags = {"--network",
                           "bridge",
                           "--add-host",
                           "db:10.1.2.3",
                           "--add-host=six=[fd00::1]",
                           "--dns",
                           "10.9.8.7",
                           "--dns-search",
                           "a.example",
                           "--dns-search",
                           "b.example",
                           "--dns-option",
                           "ndots:3",
                           "--ulimit",
                           "nofile=512:1024",
                           "--shm-size",
                           "2m",
                           "-v",
                           (ecrin.context_directory() + "/mounted") + ":/mounted:ro",
                           "--cap-drop",
                           "chown",
                           "--security-opt",
                           "no-new-privileges",
                           "--security-opt",
                           "label=disable"};
  Arguments none = flags;
  none[1] = "none";
  const std::string id = ecrin.build(recipe, none);
  CHECK(ecrin.in_container(id, {"cat", "/seen"}) == "of the host\n");
  CHECK(ecrin({"run", "--rm", id, "test", "-e", "/mounted"}).code == 1);
  // They are part of the key where they may change what comes out.
  Arguments other = none;
  other[3] = "db:10.1.2.4";
  CHECK(ecrin.try_build(recipe, other).code != 0);
}

TEST_CASE("options of RUN steps that cannot be had are refused", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const Arguments bad[] = {{"--add-host", "x"},       {"--add-host", "x:host-gateway"},
                           {"--dns", "name"},         {"--ulimit", "nofile"},
                           {"--ulimit", "files=1"},   {"--ulimit", "nofile=2:1"},
                           {"--shm-size", "big"},     {"-v", "name:/x"},
                           {"-v", "/no/such:/x"},     {"--cap-add", "FLY"},
                           {"--security-opt", "x=y"}, {"--network", "moon"},
                           {"--format", "docker"},    {"--provenance", "true"},
                           {"--label", "=x"},         {"--annotation", "index:a=b"}};
  for (const Arguments& flags : bad) {
    const Outcome outcome = ecrin.try_build("from: scratch\n", flags);
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
  }
}

TEST_CASE("labels, annotations and variables of the command line are the image's", "[any-driver]") {
  Ecrin ecrin;
  ecrin.environment["FROM_HERE"] = "value";
  const std::string recipe =
      "from: localhost/busybox\nenv: {GONE: x, STAYS: y, NEW: old}\n"
      "steps: [{run: test $NEW = old}]\nconfig: {labels: {a: recipe}}\nannotations: {m: recipe}\n";
  const std::string id = ecrin.build(
      recipe,
      {"--label",        "a=line",       "--label",    "empty",    "--annotation", "m=line",
       "--annotation",   "manifest:n=x", "--env",      "NEW=new",  "--env",        "FROM_HERE",
       "--env",          "NOT_HERE",     "--unsetenv", "GONE",     "--rm",         "--force-rm=true",
       "--layers=false", "--compress",   "--load",     "--format", "oci",          "--provenance=false",
       "--sbom",         "false"});
  const auto inspected = ecrin.inspect(id);
  CHECK(inspected.at("Config").at("Labels").at("a") == "line");
  CHECK(inspected.at("Config").at("Labels").at("empty") == "");
  CHECK(inspected.at("Annotations").at("m") == "line");
  CHECK(inspected.at("Annotations").at("n") == "x");
  const std::string env = inspected.at("Config").at("Env").dump();
  CHECK(contains(env, "NEW=new"));
  CHECK(contains(env, "FROM_HERE=value"));
  CHECK(contains(env, "STAYS=y"));
  CHECK_FALSE(contains(env, "GONE"));
  CHECK_FALSE(contains(env, "NOT_HERE"));
}

TEST_CASE("squashed images have one layer of their own, or one at all") {
  Ecrin ecrin;
  const std::string recipe =
      "from: localhost/busybox\nsteps:\n  - run: echo 1 > /a; echo 2 > /b\n  - run: rm /a; echo 3 > /c\n";
  CHECK(ecrin.diff_ids(ecrin.build(recipe)).size() == 3);
  const std::string above = ecrin.build(recipe, {"--squash", "-t", "above"});
  CHECK(ecrin.diff_ids(above).size() == 2);
  const std::string all = ecrin.build(recipe, {"--squash-all"});
  CHECK(ecrin.diff_ids(all).size() == 1);
  for (const std::string& id : {above, all})
    CHECK(ecrin.in_container(id, {"sh", "-c", "test ! -e /a && cat /b /c"}) == "2\n3\n");
  CHECK(ecrin.build(recipe, {"--squash"}) == above);
  CHECK(ecrin.in_container("above", {"cat", "/c"}) == "3\n");
}

TEST_CASE("the steps of a stage run again when it is told, and those that look into it", "[any-driver]") {
  Ecrin ecrin;
  const std::string recipe = R"(
stages:
  one:
    from: localhost/busybox
    steps: [{run: cat /proc/sys/kernel/random/uuid > /one}]
  two:
    from: localhost/busybox
    steps: [{run: cat /proc/sys/kernel/random/uuid > /two}]
  last:
    from: localhost/busybox
    steps:
      - copy: {from: one, src: /one, dest: /}
      - copy: {from: two, src: /two, dest: /}
)";
  const std::string first = ecrin.build(recipe);
  CHECK(ecrin.build(recipe) == first);
  const std::string second = ecrin.build(recipe, {"--no-cache-filter", "two,nothing"});
  CHECK(ecrin.in_container(first, {"cat", "/one"}) == ecrin.in_container(second, {"cat", "/one"}));
  CHECK(ecrin.in_container(first, {"cat", "/two"}) != ecrin.in_container(second, {"cat", "/two"}));
}

TEST_CASE("metadata and progress go to files", "[any-driver]") {
  Ecrin ecrin;
  const std::string log = ecrin.scratch() / "log", metadata = ecrin.scratch() / "metadata";
  write_file(ecrin.scratch() / "r.yaml", "from: localhost/busybox\nsteps: [{run: echo said}]\n");
  const Outcome outcome = ecrin({"build", "--logfile", log, "--metadata-file", metadata, "-t", "a", "-t",
                                 "host.example/b:1", ecrin.scratch() / "r.yaml"});
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.err.empty());
  CHECK(contains(read_file(log), "| said\n"));
  const auto json = nlohmann::json::parse(read_file(metadata));
  CHECK(json.at("containerimage.digest") == ecrin.inspect("a").at("Digest"));
  CHECK(json.at("containerimage.config.digest").get<std::string>() + "\n" == outcome.out);
  CHECK(json.at("image.name") == "localhost/a:latest,host.example/b:1");
  CHECK(json.at("containerimage.descriptor").at("size") > 100);
  CHECK(json.contains("buildx.build.ref"));
}

TEST_CASE("a failing step is shown in its file with its last output, and its exit code is ecrin's") {
  Ecrin ecrin;
  const std::string recipe =
      "from: localhost/busybox\n"
      "steps:\n"
      "  - run: true\n"
      "  - run: |\n"
      "      echo before\n"
      "      exit 42\n"
      "  - run: echo after\n";
  for (const char* progress : {"plain", "quiet"}) {
    const Outcome outcome = ecrin.try_build(recipe, {"--progress", progress});
    INFO(outcome.description);
    CHECK(outcome.code == 42);
    CHECK(contains(outcome.err, "| before\n"));
    CHECK(contains(outcome.err, ".yaml:4\n"));
    CHECK(contains(outcome.err,
                   "        3 |   - run: true\n"
                   ">>>     4 |   - run: |\n"
                   ">>>     5 |       echo before\n"
                   ">>>     6 |       exit 42\n"
                   "        7 |   - run: echo after\n"));
  }
  const Outcome outcome = ecrin.try_build(recipe, {"--progress", "json"});
  CHECK(outcome.code == 42);
  const std::size_t start = outcome.err.rfind("{\"", outcome.err.size());
  const auto lines = outcome.err.substr(outcome.err.rfind('\n', outcome.err.size() - 2) + 1);
  INFO(start << lines);
  const auto error = nlohmann::json::parse(lines);
  CHECK(error.at("event") == "error");
  CHECK(error.at("exit_code") == 42);
  CHECK(error.at("line") == 4);
  CHECK(error.at("output") == nlohmann::json({"before"}));
  CHECK(error.at("source").size() == 6);
  CHECK(error.at("source").at(2).at("step") == true);
}
