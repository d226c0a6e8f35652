// The recipe language from end to end: arguments, targets, ignore files, configuration, mistakes.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

TEST_CASE("build takes a recipe, a directory with one, or -f") {
  Ecrin ecrin;
  const std::string recipe =
      "name: three-ways\nfrom: localhost/busybox\nsteps:\n  - copy: {src: file, dest: /file}\n";
  ecrin.context("file", "1\n");
  ecrin.context("recipe.yaml", recipe);
  const std::string directory = ecrin.context_directory();
  const std::string by_file = ecrin.must({"build", "-q", directory + "/recipe.yaml"});
  const std::string by_directory = ecrin.must({"build", "-q", directory});
  const std::string by_flag = ecrin.build(recipe);
  CHECK(by_file == by_directory);
  CHECK(by_file == by_flag);
  CHECK(ecrin.in_container("three-ways", {"cat", "/file"}) == "1\n");
}

TEST_CASE("without -q the image ID is the last line of standard output and progress is on standard error") {
  Ecrin ecrin;
  const std::string recipe = "from: localhost/busybox\nsteps:\n  - run: echo to-see\n";
  const Outcome outcome = ecrin.try_build(recipe, {"--iidfile", ecrin.scratch() / "iid"});
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  CHECK(full_id(lines_of(outcome.out).back()).size() == 71);
  CHECK_FALSE(contains(outcome.out, "to-see"));
  CHECK(contains(outcome.err, "to-see"));
  CHECK(trimmed(read_file(ecrin.scratch() / "iid")) == full_id(lines_of(outcome.out).back()));
}

TEST_CASE("arguments are filled in, have defaults and reach RUN as variables") {
  Ecrin ecrin;
  const std::string recipe = R"(
args: {VERSION: "1", NAME: thing}
from: localhost/busybox
steps:
  - write: {dest: "/etc/${NAME}", content: "${VERSION}\n", expand: true}
  - run: echo "run $VERSION" >> /etc/thing
)";
  CHECK(ecrin.in_container(ecrin.build(recipe), {"cat", "/etc/thing"}) == "1\nrun 1\n");
  const std::string other = ecrin.build(recipe, {"--build-arg", "VERSION=2; touch /injected"});
  CHECK(ecrin.in_container(other, {"cat", "/etc/thing"}) == "2; touch /injected\nrun 2; touch /injected\n");
  CHECK(ecrin({"run", "--rm", other, "test", "-e", "/injected"}).code == 1);
  const Outcome unknown = ecrin.try_build(recipe, {"--build-arg", "VERSOIN=2"});
  CHECK(unknown.code == 125);
  CHECK(contains(unknown.err, "VERSION"));
}

TEST_CASE("the target is built and nothing that it does not need") {
  Ecrin ecrin;
  const std::string recipe = R"(
stages:
  first:
    from: localhost/busybox
    steps:
      - run: echo first > /first
  broken:
    from: localhost/busybox
    steps:
      - run: exit 9
  last:
    from: first
    steps:
      - run: cat /first > /last
)";
  CHECK(ecrin.in_container(ecrin.build(recipe, {"--target", "first"}), {"cat", "/first"}) == "first\n");
  CHECK(ecrin.in_container(ecrin.build(recipe), {"cat", "/last"}) == "first\n");
  CHECK(ecrin.try_build(recipe, {"--target", "broken"}).code == 9);
  const Outcome unknown = ecrin.try_build(recipe, {"--target", "fisrt"});
  CHECK(unknown.code == 125);
  CHECK(contains(unknown.err, "first"));
}

TEST_CASE("copy puts files where it says, with owner and mode") {
  Ecrin ecrin;
  ecrin.context("a/one.c", "1");
  ecrin.context("a/two.c", "2");
  ecrin.context("a/three.h", "3");
  ecrin.context("top", "t", 0700);
  const std::string id = ecrin.build(R"(
from: localhost/busybox
steps:
  - copy: {src: "a/*.c", dest: /sources/}
  - copy: {src: a, dest: /whole, exclude: ["*.h"]}
  - copy: {src: [top, a/three.h], dest: /several/}
  - copy: {src: top, dest: /renamed, owner: "someone:extra", mode: "0640"}
  - copy: [top, /list-form]
)");
  CHECK(ecrin.in_container(id, {"ls", "/sources"}) == "one.c\ntwo.c\n");
  CHECK(ecrin.in_container(id, {"ls", "/whole"}) == "one.c\ntwo.c\n");
  CHECK(ecrin.in_container(id, {"ls", "/several"}) == "three.h\ntop\n");
  CHECK(ecrin.in_container(id, {"stat", "-c", "%u:%g %a", "/renamed"}) == "1000:2000 640\n");
  CHECK(ecrin.in_container(id, {"stat", "-c", "%u:%g %a", "/list-form"}) == "0:0 700\n");
}

TEST_CASE("copy never leaves its source") {
  Ecrin ecrin;
  write_file(ecrin.scratch() / "outside/secret", "outside-secret\n");
  ecrin.context("file", "x");
  const auto link = [&](const std::string& target, const std::string& name) {
    run(host_command({"ln", "-sfn", target, ecrin.context_directory() + "/" + name}));
  };
  link(ecrin.scratch() / "outside", "directory");
  link("../outside/secret", "link");
  for (const std::string source :
       {"directory/secret", "../outside/secret", "directory/../../outside/secret"}) {
    const Outcome outcome = ecrin.try_build("from: localhost/busybox\nsteps:\n  - copy: {src: \"" + source +
                                            "\", dest: /stolen/}\n");
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
  }
  // A glob finds nothing there, which is no error.
  const std::string id = ecrin.build(
      "from: localhost/busybox\nsteps:\n  - copy: {src: [\"directory/*\", file], dest: /stolen/}\n");
  CHECK(ecrin.in_container(id, {"ls", "/stolen"}) == "file\n");
  // A symlink that is itself the source is copied as what it means inside the context, or refused: never the
  // host's file.
  const Outcome outcome =
      ecrin.try_build("from: localhost/busybox\nsteps:\n  - copy: {src: link, dest: /stolen}\n", {"-q"});
  if (outcome.code == 0)
    CHECK_FALSE(
        contains(ecrin({"run", "--rm", trimmed(outcome.out), "cat", "/stolen"}).out, "outside-secret"));
}

TEST_CASE("a destination that is a symlink in the image stays inside the image") {
  Ecrin ecrin;
  ecrin.context("file", "copied\n");
  write_file(ecrin.scratch() / "victim/file", "host\n");
  const std::string victim = ecrin.scratch() / "victim";
  const Outcome outcome = ecrin.try_build("from: localhost/busybox\nsteps:\n  - run: ln -s " + victim +
                                          " /way && mkdir -p " + victim +
                                          "\n  - copy: {src: file, dest: /way/}\n"
                                          "  - write: {dest: /way/written, content: x}\n");
  INFO(outcome.description);
  CHECK(read_file(victim + "/file") == "host\n");
  CHECK_FALSE(exists(victim + "/written"));
  CHECK(outcome.code == 0);
}

TEST_CASE("ignore files keep files out of the context") {
  Ecrin ecrin;
  for (const char* name :
       {"keep.txt", "drop.log", "important.log", "sub/drop.log", "sub/keep.txt", ".git/config"})
    ecrin.context(name, "x");
  const std::string recipe =
      "from: localhost/busybox\nsteps:\n  - copy: {src: ., dest: /all}\n  - run: cd /all && find . | sort > "
      "/found\n";
  const std::string patterns = "# a comment\n**/*.log\n!important.log\n.git\n";
  SECTION(".containerignore") {
    ecrin.context(".containerignore", patterns);
  }
  SECTION(".dockerignore") {
    ecrin.context(".dockerignore", patterns);
  }
  SECTION("both: .containerignore counts") {
    ecrin.context(".containerignore", patterns);
    ecrin.context(".dockerignore", "*\n");
  }
  const std::string found = ecrin.in_container(ecrin.build(recipe), {"cat", "/found"});
  CHECK(contains(found, "./keep.txt\n"));
  CHECK(contains(found, "./important.log\n"));
  CHECK(contains(found, "./sub/keep.txt\n"));
  CHECK_FALSE(contains(found, "drop.log"));
  CHECK_FALSE(contains(found, ".git"));
}

TEST_CASE("configuration is in the image", "[any-driver]") {
  Ecrin ecrin;
  const std::string id = ecrin.build(R"(
from: localhost/busybox
env: {EARLY: "1"}
steps:
  - env: {LATER: "two words", PATH: "/opt/bin:/bin"}
  - label: {org.example.step: from-a-step}
  - workdir: /srv/app
  - user: someone
config:
  entrypoint: [/bin/sh, -c]
  cmd: [id]
  env: {LAST: "3"}
  labels: {org.example.config: from-config}
  ports: [80, 53/udp]
  volumes: [/data]
  stop_signal: SIGINT
)");
  const auto config = ecrin.inspect(id).at("Config");
  CHECK(config.at("User") == "someone");
  CHECK(config.at("WorkingDir") == "/srv/app");
  CHECK(config.at("Entrypoint") == nlohmann::json({"/bin/sh", "-c"}));
  CHECK(config.at("Cmd") == nlohmann::json({"id"}));
  CHECK(config.at("Labels").at("org.example.step") == "from-a-step");
  CHECK(config.at("Labels").at("org.example.config") == "from-config");
  CHECK(config.at("ExposedPorts").contains("80/tcp"));
  CHECK(config.at("ExposedPorts").contains("53/udp"));
  CHECK(config.at("Volumes").contains("/data"));
  CHECK(config.at("StopSignal") == "SIGINT");
  const auto env = config.at("Env").get<std::vector<std::string>>();
  for (const char* entry : {"EARLY=1", "LATER=two words", "PATH=/opt/bin:/bin", "LAST=3"})
    CHECK(std::count(env.begin(), env.end(), entry) == 1);
}

TEST_CASE("triggers and the shell of a base are not those of a recipe on top of it", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build(
      "from: localhost/busybox\n"
      "shell: [/bin/busybox, sh, -c]\n"
      "steps:\n  - onbuild: RUN never\n  - run: false; true\n  - author: Jo\n  - expose: 80\n",
      {"-t", "base"});
  const auto base = ecrin.inspect("base");
  CHECK(base.at("Config").at("OnBuild") == nlohmann::json({"RUN never"}));
  CHECK(base.at("Author") == "Jo");
  const std::string id = ecrin.build("from: localhost/base\nsteps: [{run: true}]\nconfig: {cmd: [x]}\n");
  const auto config = ecrin.inspect(id).at("Config");
  CHECK_FALSE(config.contains("OnBuild"));
  CHECK(config.at("ExposedPorts").contains("80/tcp"));
  const std::string history = ecrin.must({"history", "--no-trunc", id});
  CHECK(contains(history, "RUN /bin/busybox sh -c false; true"));
  CHECK(contains(history, "RUN /bin/sh -e -c true"));
  CHECK(contains(history, "CMD x"));
  // -e again: the first command that fails ends the script.
  CHECK(ecrin.try_build("from: localhost/base\nsteps: [{run: \"false; true\"}]\n").code == 1);
}

TEST_CASE("the host's environment does not reach a build or an image") {
  Ecrin ecrin;
  ecrin.environment["HOST_ONLY_VARIABLE"] = "host-value";
  const std::string id = ecrin.build("from: localhost/busybox\nsteps:\n  - run: env > /env\n");
  CHECK_FALSE(contains(ecrin.in_container(id, {"cat", "/env"}), "host-value"));
  CHECK_FALSE(contains(ecrin.inspect(id).dump(), "host-value"));
}

TEST_CASE("a mistake in a recipe is shown with its place and a caret", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const std::string before = ecrin.store_state();
  const Outcome outcome = ecrin.try_build("from: scratch\nstepz:\n  - run: true\n");
  INFO(outcome.description);
  CHECK(outcome.code == 125);
  CHECK(contains(outcome.err, ".yaml:2:1"));
  CHECK(contains(outcome.err, "stepz:"));
  CHECK(contains(outcome.err, "^"));
  CHECK(contains(outcome.err, "'steps'"));
  CHECK(ecrin.store_state() == before);
}

TEST_CASE("bad recipes are refused at once", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const std::string before = ecrin.store_state();
  std::string bomb = "x0: &x0 [a, a, a, a, a, a, a, a, a]\n";
  for (int level = 1; level < 30; ++level) {
    const std::string name = "x" + std::to_string(level), last = "*x" + std::to_string(level - 1);
    bomb += name + ": &" + name + " [";
    for (int copy = 0; copy < 9; ++copy) bomb += (copy ? ", " : "") + last;
    bomb += "]\n";
  }
  const std::pair<const char*, std::string> recipes[] = {
      {"empty", ""},
      {"no yaml", "from: [unclosed\n"},
      {"a list", "- from: scratch\n"},
      {"a key twice", "from: scratch\nfrom: scratch\n"},
      {"alias bomb", bomb + "from: scratch\n"},
      {"deep", "from: scratch\nsteps: " + std::string(20000, '[') + std::string(20000, ']') + "\n"},
      {"huge", "from: scratch\n# " + std::string(3 << 20, 'x') + "\n"},
      {"cycle", "stages:\n  a: {from: b}\n  b: {from: a}\n"},
      {"unknown stage", "from: scratch\nsteps:\n  - copy: {from: Not A Name, src: /x, dest: /x}\n"},
      {"url without checksum", "from: scratch\nsteps:\n  - add: {src: \"http://localhost/x\", dest: /x}\n"},
      {"two things in one step", "from: scratch\nsteps:\n  - run: x\n    copy: [a, b]\n"},
      {"argument without end", "args: {A: \"${A}\"}\nfrom: scratch\nsteps:\n  - workdir: \"${A}\"\n"},
      {"binary", std::string("from: scratch\nname: \"\x01\xff\"\n")},
  };
  for (const auto& [name, text] : recipes) {
    Invocation invocation = ecrin.build_invocation(text);
    invocation.timeout = std::chrono::seconds(20);
    const Outcome outcome = run(invocation);
    INFO(name << ": " << outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
  }
  CHECK(ecrin.store_state() == before);
}

TEST_CASE("from takes scratch, archives, layouts and root file systems") {
  Ecrin ecrin;
  make_directory(ecrin.context_directory());
  const std::string context = ecrin.context_directory();
  ecrin.must({"save", "--format", "oci-archive", "-o", context + "/base.tar", "localhost/busybox"});
  ecrin.must({"save", "--format", "oci-dir", "-o", context + "/layout", "localhost/busybox"});
  ecrin.must({"export", "-o", context + "/rootfs.tar", "localhost/busybox"});
  for (const std::string from : {"{archive: base.tar}", "{oci: layout}", "{rootfs: rootfs.tar}"}) {
    Ecrin other(Ecrin::Base::none);
    run(host_command({"cp", "-R", context, other.context_directory()}));
    INFO(from);
    const std::string id =
        other.build("from: " + from + "\nsteps:\n  - run: [/bin/sh, -c, \"echo hi > /hi\"]\n");
    CHECK(other.in_container(id, {"/bin/cat", "/hi"}) == "hi\n");
  }
}

TEST_CASE("a base from an archive or a layout is read again only when it changed", "[any-driver]") {
  Ecrin ecrin;
  make_directory(ecrin.context_directory());
  const std::string context = ecrin.context_directory();
  ecrin.must({"save", "--format", "oci-archive", "-o", context + "/base.tar", "localhost/busybox"});
  ecrin.must({"save", "--format", "oci-dir", "-o", context + "/layout", "localhost/busybox"});
  // A file that changed within the last seconds is not trusted to be the same.
  run(host_command({"sleep", "3"}));
  for (const std::string from : {"{archive: base.tar}", "{oci: layout}"}) {
    INFO(from);
    const std::string recipe = "from: " + from + "\nsteps:\n  - write: {dest: /x, content: x}\n";
    Ecrin other(Ecrin::Base::none);
    Invocation build = other.build_invocation(recipe, {"-q"});
    build.argv.back() = context;
    const Outcome first = run(build);
    INFO(first.description);
    REQUIRE(first.code == 0);
    // A layout whose index is as it was is not looked into: a build that opened it would fail.
    run(host_command({"chmod", "0", context + "/layout/blobs"}));
    const Outcome again = run(build);
    run(host_command({"chmod", "755", context + "/layout/blobs"}));
    INFO(again.description);
    CHECK(again.code == 0);
    CHECK(again.out == first.out);
    // Collected, it is read again.
    other.must({"prune", "-f", "-a"});
    const Outcome after_prune = run(build);
    INFO(after_prune.description);
    CHECK(after_prune.code == 0);
    CHECK(after_prune.out == first.out);
    // And so it is when there is another image in it.
    const std::string changed =
        ecrin.build("from: localhost/busybox\nsteps:\n  - write: {dest: /y, content: y}\n");
    if (from == "{oci: layout}") {
      remove_all_ids(context + "/layout");
      ecrin.must({"save", "--format", "oci-dir", "-o", context + "/layout", changed});
    } else {
      ecrin.must({"save", "--format", "oci-archive", "-o", context + "/base.tar", changed});
    }
    const Outcome after_change = run(build);
    INFO(after_change.description);
    CHECK(after_change.code == 0);
    CHECK(after_change.out != first.out);
  }
}

TEST_CASE("a bootstrap whose packages are the same is not installed again", "[any-driver][heavy]") {
  const Outcome sources = run(host_command(
      {"apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"}));
  std::string mirror;
  for (const std::string& line : lines_of(sources.out)) {
    if (line.ends_with(" bookworm")) mirror = line.substr(0, line.find(' '));
  }
  if (mirror.empty()) ECRIN_SKIP("the apt sources of this host have no bookworm");
  while (mirror.ends_with('/')) mirror.pop_back();

  Ecrin ecrin(Ecrin::Base::none);
  const auto recipe = [](const std::string& at) {
    return "from: {bootstrap: debian, suite: bookworm, variant: essential, mirror: \"" + at + "\"}\n";
  };
  const auto build = [](const Ecrin& in, const std::string& text, Arguments flags,
                        const std::string& proxy = "") {
    flags.insert(flags.end(), {"--progress", "json", "--explain"});
    Invocation invocation = in.build_invocation(text, std::move(flags));
    invocation.timeout = std::chrono::seconds(600);
    if (!proxy.empty()) invocation.set("http_proxy", proxy).set("https_proxy", proxy);
    return run(invocation);
  };
  const auto installs = [](const Outcome& outcome) { return !contains(outcome.err, "nothing is installed"); };
  const std::string nowhere = "http://127.0.0.1:9";
  const std::string plain = recipe(mirror);
  const std::string slashed = recipe(mirror + "/");

  const Outcome first = build(ecrin, plain, {});
  INFO(first.description);
  REQUIRE(first.code == 0);
  CHECK(installs(first));
  const std::vector<std::string> diff_ids = ecrin.diff_ids(trimmed(first.out));

  // Nothing changed: no network is needed.
  const Outcome again = build(ecrin, plain, {}, nowhere);
  INFO(again.description);
  CHECK(again.code == 0);
  CHECK(count_state(step_reports(again), "done") == 0);

  // Asked for anew, or at another spelling of the mirror: the mirror says that nothing changed.
  const Outcome fresh = build(ecrin, plain, {"--no-cache"});
  INFO(fresh.description);
  REQUIRE(fresh.code == 0);
  CHECK_FALSE(installs(fresh));
  CHECK(trimmed(fresh.out) == trimmed(first.out));
  CHECK(step_reports(fresh).at(0).reasons == Arguments{"--no-cache"});
  const Outcome other_mirror = build(ecrin, slashed, {});
  INFO(other_mirror.description);
  REQUIRE(other_mirror.code == 0);
  CHECK_FALSE(installs(other_mirror));
  CHECK(contains(step_reports(other_mirror).at(0).reasons.at(0), "sources"));
  CHECK(ecrin.diff_ids(trimmed(other_mirror.out)) != diff_ids);  // sources.list says where it came from

  // What was taken from the store is what an installation gives.
  Ecrin other(Ecrin::Base::none);
  const Outcome installed = build(other, slashed, {});
  INFO(installed.description);
  REQUIRE(installed.code == 0);
  CHECK(installs(installed));
  CHECK(trimmed(installed.out) == trimmed(other_mirror.out));

  // The mirror cannot be asked: one error, and the system of before stays.
  const Outcome cut = build(ecrin, plain, {"--no-cache"}, nowhere);
  INFO(cut.description);
  CHECK(cut.code == 125);
  CHECK(build(ecrin, plain, {}, nowhere).code == 0);
}

TEST_CASE("the examples build from the Debian mirror, run, and build again from the cache",
          "[any-driver][heavy]") {
  struct Example {
    std::string file;
    std::vector<std::string> run;  // words behind `ecrin run --rm --network none -i`; none: not a program
    std::string input;
    std::string output;  // is in what it prints
  };
  const std::vector<Example> examples = {
      {"busybox.yaml", {"busybox", "/bin/sh", "-c", "echo $((6*7))"}, "", "42\n"},
      {"cmake.yaml", {"primes"}, "", "19"},
      {"hello.yaml", {"hello"}, "", "Hello"},
      {"pytool.yaml", {"pytool"}, "a: [1, 2]\n", "\"a\""},
      {"scratch.yaml", {}, "", ""},
      {"web.yaml",
       {"--entrypoint", R"(["/bin/busybox", "sh", "-c"])", "web",
        "busybox httpd -f -p 8080 -h /srv/www & "
        "for i in 1 2 3 4 5 6 7 8 9; do busybox wget -q -O - http://127.0.0.1:8080/ && exit; sleep 0.2; "
        "done"},
       "",
       "<html"}};
  const std::string directory = setting().source + "/recipes/examples";
  std::vector<std::string> there = names_in(directory);
  std::erase_if(there, [](const std::string& name) { return !name.ends_with(".yaml"); });
  REQUIRE(there.size() == examples.size());

  Ecrin ecrin(Ecrin::Base::none);
  for (const Example& example : examples) {
    INFO(example.file);
    Invocation invocation = ecrin.invocation({"build", "-q", directory + "/" + example.file});
    invocation.timeout = std::chrono::seconds(900);
    const Outcome first = run(invocation);
    INFO(first.description);
    REQUIRE(first.code == 0);
    const Outcome again = ecrin({"build", "--progress", "json", directory + "/" + example.file});
    INFO(again.description);
    CHECK(again.code == 0);
    CHECK(count_state(step_reports(again), "done") == 0);
    CHECK(contains(again.out, first.out));
    if (example.run.empty()) continue;
    std::vector<std::string> words = {"run", "--rm", "--network", "none", "-i"};
    words.insert(words.end(), example.run.begin(), example.run.end());
    invocation = ecrin.invocation(words);
    invocation.input = example.input;
    const Outcome ran = run(invocation);
    INFO(ran.description);
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, example.output));
  }
}

TEST_CASE("outputs: an archive, a tar and a directory") {
  Ecrin ecrin;
  const std::string recipe = "from: scratch\nsteps:\n  - write: {dest: /etc/made, content: \"made\\n\"}\n";
  ecrin.build(recipe, {"-o", "type=oci,dest=" + (ecrin.scratch() / "image.tar"), "-t", "out"});
  ecrin.build(recipe, {"-o", "type=tar,dest=" + (ecrin.scratch() / "tree.tar")});
  ecrin.build(recipe, {"-o", "type=local,dest=" + (ecrin.scratch() / "tree")});
  CHECK(read_file(ecrin.scratch() / "tree/etc/made") == "made\n");
  CHECK(contains(run(host_command({"tar", "tf", ecrin.scratch() / "tree.tar"})).out, "etc/made\n"));
  Ecrin other(Ecrin::Base::none);
  other.must({"load", "-i", ecrin.scratch() / "image.tar"});
  CHECK(other.inspect("out").at("RootFS").at("Layers").size() == 1);
}
