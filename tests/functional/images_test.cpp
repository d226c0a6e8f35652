// Verbs on images: names, listing, saving, loading, removing.
#include <filesystem>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

std::size_t count_images(const Ecrin& ecrin) {
  return ecrin.json({"images", "--format", "json"}).size();
}

bool has_name(const Ecrin& ecrin, const std::string& name) {
  return contains(ecrin.must({"images", "--format", "json"}), "\"" + name + "\"");
}

}  // namespace

TEST_CASE("an empty store has no images and is made on demand", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  CHECK(ecrin.json({"images", "--format", "json"}).empty());
  CHECK(ecrin({"images"}).code == 0);
  CHECK(ecrin({"inspect", "nothing"}).code == 125);
}

TEST_CASE("images, tag, untag and rmi", "[any-driver]") {
  Ecrin ecrin;
  CHECK(count_images(ecrin) == 1);
  CHECK(has_name(ecrin, "localhost/busybox:latest"));
  const std::string id = full_id(ecrin.inspect("busybox").at("Id"));
  ecrin.must({"tag", "busybox", "other:1.0", "example.org/some/where:2"});
  CHECK(count_images(ecrin) == 1);
  CHECK(has_name(ecrin, "localhost/other:1.0"));
  CHECK(has_name(ecrin, "example.org/some/where:2"));
  CHECK(full_id(ecrin.inspect("other:1.0").at("Id")) == id);
  CHECK(full_id(ecrin.inspect(id.substr(7, 12)).at("Id")) == id);
  CHECK(full_id(ecrin.inspect(id).at("Id")) == id);
  ecrin.must({"untag", "busybox", "other:1.0"});
  CHECK_FALSE(has_name(ecrin, "localhost/other:1.0"));
  ecrin.must({"rmi", "example.org/some/where:2"});
  CHECK(count_images(ecrin) == 1);
  ecrin.must({"rmi", "busybox"});
  CHECK(count_images(ecrin) == 0);
  CHECK(ecrin({"rmi", "busybox"}).code != 0);
}

TEST_CASE("a rebuilt name moves, and the image before it stays without one until prune", "[any-driver]") {
  Ecrin ecrin;
  const std::string recipe = "from: localhost/busybox\nsteps:\n  - write: {dest: /x, content: ";
  const std::string first = ecrin.build(recipe + "one}\n", {"-t", "moving"});
  const std::string second = ecrin.build(recipe + "two}\n", {"-t", "moving"});
  CHECK(full_id(ecrin.inspect("moving").at("Id")) == second);
  CHECK(ecrin({"inspect", first}).code == 0);
  ecrin.must({"prune", "-f"});
  CHECK(ecrin({"inspect", first}).code == 125);
  CHECK(full_id(ecrin.inspect("moving").at("Id")) == second);
}

TEST_CASE("save and load keep digests and names", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: echo x > /x\n", {"-t", "kept:1"});
  const auto original = ecrin.inspect("kept:1");
  for (const std::string format : {"oci-archive", "oci-dir", "docker-archive"}) {
    INFO(format);
    const std::string file = ecrin.scratch() / format;
    ecrin.must({"save", "--format", format, "-o", file, "kept:1"});
    Ecrin other(Ecrin::Base::none);
    other.must({"load", "-i", file});
    const auto loaded = other.inspect("kept:1");
    CHECK(loaded.at("Id") == original.at("Id"));
    CHECK(loaded.at("RootFS").at("Layers") == original.at("RootFS").at("Layers"));
    CHECK(other.in_container("kept:1", {"cat", "/x"}) == "x\n");
    if (format != "docker-archive") CHECK(loaded.at("Digest") == original.at("Digest"));
    // Loading is no reason to lose the bytes that have the digest.
    const std::string again = other.scratch() / "again";
    other.must({"save", "--format", format, "-o", again, "kept:1"});
    if (format != "oci-dir") CHECK(read_file(again) == read_file(file));
  }
}

TEST_CASE("save writes to a pipe and load reads from one", "[any-driver]") {
  Ecrin ecrin;
  const Outcome saved = ecrin({"save", "--format", "oci-archive", "busybox"});
  INFO(saved.err);
  REQUIRE(saved.code == 0);
  Ecrin other(Ecrin::Base::none);
  Invocation load = other.invocation({"load"});
  load.input = saved.out;
  const Outcome loaded = run(load);
  INFO(loaded.description);
  CHECK(loaded.code == 0);
  CHECK(other.inspect("busybox").at("Id") == ecrin.inspect("busybox").at("Id"));
}

TEST_CASE("export and import", "[any-driver]") {
  Ecrin ecrin;
  const std::string tar = ecrin.scratch() / "tree.tar";
  ecrin.must({"export", "-o", tar, "busybox"});
  ecrin.must({"import", tar, "imported:1"});
  CHECK(ecrin.in_container("imported:1", {"/bin/cat", "/etc/group"}) ==
        ecrin.in_container("busybox", {"cat", "/etc/group"}));
}

TEST_CASE("history and diff tell what was done", "[any-driver]") {
  Ecrin ecrin;
  const std::string id = ecrin.build(
      "from: localhost/busybox\nsteps:\n  - run: echo x > /added && rm /etc/group && echo y >> /etc/passwd\n"
      "  - env: {A: b}\n");
  const std::string history = ecrin.must({"history", "--format", "json", id});
  CHECK(contains(history, "echo x"));
  CHECK(ecrin.json({"history", "--format", "json", id}).size() >= 2);
  const auto changes = ecrin.json({"diff", "--format", "json", id});
  INFO(changes.dump());
  CHECK(contains(changes.at("added").dump(), "\"/added\""));
  CHECK(contains(changes.at("changed").dump(), "\"/etc/passwd\""));
  CHECK(contains(changes.at("deleted").dump(), "\"/etc/group\""));
}

TEST_CASE("prune leaves a store without anything that nothing needs", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: echo x > /x\n", {"-t", "one"});
  ecrin.must({"rmi", "one", "busybox"});
  ecrin.must({"prune", "-f", "-a"});
  CHECK(names_in(ecrin.root() + "/layers").empty());
  CHECK(names_in(ecrin.root() + "/blobs/sha256").empty());
  CHECK(count_images(ecrin) == 0);
}

TEST_CASE("prune keeps what images need", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build("from: localhost/busybox\nsteps:\n  - run: echo x > /x\n", {"-t", "one"});
  SECTION("without flags") {
    ecrin.must({"prune", "-f"});
  }
  SECTION("with --blobs") {
    ecrin.must({"prune", "-f", "--blobs"});
  }
  CHECK(ecrin.in_container("one", {"cat", "/x"}) == "x\n");
  CHECK(ecrin.in_container("busybox", {"echo", "hi"}) == "hi\n");
  ecrin.must({"save", "-o", ecrin.scratch() / "one.tar", "one"});
}

TEST_CASE("info, doctor and version", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  CHECK(ecrin.json({"info", "--format", "json"}).is_object());
  CHECK(contains(ecrin.must({"info", "--format", "json"}), ecrin.root()));
  const Outcome doctor = ecrin({"doctor", "--format", "json"});
  INFO(doctor.description);
  // Notes are no failures.
  const auto findings = nlohmann::json::parse(doctor.out, nullptr, false);
  REQUIRE_FALSE(findings.is_discarded());
  const auto any = [&](const std::string& level) {
    return std::any_of(findings.begin(), findings.end(),
                       [&](const nlohmann::json& finding) { return finding.at("level") == level; });
  };
  CHECK(doctor.code == (any("problem") ? 2 : any("lack") ? 1 : 0));
  CHECK(contains(ecrin.must({"version"}), "0."));
  CHECK(contains(ecrin.must({"completion", "bash"}), "ecrin"));
}

TEST_CASE("bash completes words that readline parts at colons and equals signs", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"tag", "busybox", "example.org:5000/where:2"});
  // `parts` are COMP_WORDS as readline makes them of `line`.
  const auto completed = [&ecrin](const std::string& line, const Arguments& parts) {
    Arguments argv = {"bash", "-c", R"(
      ecrin() { "$ECRIN" "$@"; }
      compopt() { :; }
      COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
      source <(ecrin completion bash)
      COMP_LINE="$1" COMP_POINT="${#1}" COMP_CWORD=$(($# - 2)) COMP_WORDS=("${@:2}")
      _ecrin
      printf '%s,' "${COMPREPLY[@]}")",
                      "bash", line};
    argv.insert(argv.end(), parts.begin(), parts.end());
    Invocation bash = host_command(argv);
    bash.set("ECRIN", setting().ecrin).set("ECRIN_ROOT", ecrin.root());
    const Outcome outcome = run(bash);
    INFO(outcome.description);
    CHECK(outcome.err.empty());
    return outcome.out;
  };
  CHECK(completed("ecrin ru", {"ecrin", "ru"}) == "run,runtime,");
  CHECK(completed("ecrin run exam", {"ecrin", "run", "exam"}) == "example.org:5000/where:2,");
  CHECK(completed("ecrin run example.org:50", {"ecrin", "run", "example.org", ":", "50"}) == "5000/where:2,");
  CHECK(completed("ecrin rmi example.org:5000/where:",
                  {"ecrin", "rmi", "example.org", ":", "5000/where", ":"}) == "2,");
  CHECK(completed("ecrin build --progress=pl", {"ecrin", "build", "--progress", "=", "pl"}) == "plain,");
  CHECK(completed("ecrin build --progress pl", {"ecrin", "build", "--progress", "pl"}) == "plain,");
  // Another store than the environment's, which asking does not make.
  const std::string nowhere = ecrin.scratch() / "nowhere";
  CHECK(completed("ecrin --root " + nowhere + " run ", {"ecrin", "--root", nowhere, "run", ""}) == ",");
  CHECK_FALSE(std::filesystem::exists(nowhere));
}

TEST_CASE("mistakes on the command line are told with what was meant", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const Outcome verb = ecrin({"biuld", "."});
  CHECK(verb.code == 125);
  CHECK(contains(verb.err, "build"));
  const Outcome flag = ecrin({"build", "--no-cahce", "."});
  CHECK(flag.code == 125);
  CHECK(contains(flag.err, "--no-cache"));
  CHECK(ecrin({"--driver", "floppy", "images"}).code == 125);
  CHECK(ecrin({"run"}).code == 125);
  const Outcome image = ecrin({"run", "--rm", "not-there", "true"});
  CHECK(image.code == 125);
  CHECK(one_error(image));
}

TEST_CASE("works without HOME, XDG variables, a terminal or a passwd entry", "[any-driver]") {
  Ecrin ecrin;
  Invocation invocation = ecrin.invocation({"run", "--rm", "busybox", "echo", "hi"});
  invocation.environment = {{"PATH", "/usr/bin:/bin"}};
  const Outcome outcome = run(invocation);
  INFO(outcome.description);
  CHECK(outcome.out == "hi\n");
  Invocation unwritable = ecrin.invocation({"run", "--rm", "busybox", "echo", "hi"});
  unwritable.set("HOME", "/proc");
  CHECK(run(unwritable).code == 0);
}

TEST_CASE("the default store is in XDG_DATA_HOME or under HOME", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  Invocation invocation = host_command({setting().ecrin, "load", "-q", "-i", setting().busybox});
  SECTION("XDG_DATA_HOME") {
    invocation.set("XDG_DATA_HOME", ecrin.scratch() / "data");
    REQUIRE(run(invocation).code == 0);
    CHECK(exists(ecrin.scratch() / "data/ecrin/db.sqlite"));
  }
  SECTION("HOME") {
    invocation.set("HOME", ecrin.scratch() / "home");
    REQUIRE(run(invocation).code == 0);
    CHECK(exists(ecrin.scratch() / "home/.local/share/ecrin/db.sqlite"));
  }
}
