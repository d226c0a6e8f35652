// Hosts that have too little: a disk that is full, a user with one id. What can work does; the rest is one
// error with the fix, and the store stays whole.
#include <unistd.h>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

/// The store on a small file system of its own, filled on purpose. It exists inside one namespace only, so
/// all that happens there is one script; `e NAME ARGUMENTS...` in it runs ecrin and keeps what it says.
class SmallDisk {
public:
  SmallDisk(Ecrin& ecrin, const std::string& script) : m_results(ecrin.scratch() / "results") {
    make_directory(m_results);
    make_directory(ecrin.scratch() / "disk");
    const std::string all =
        "mount -t tmpfs -o size=48m tmpfs \"$DISK\" || exit 99\n"
        "e() { name=$1; shift; \"$ECRIN\" --root \"$DISK/store\" \"$@\" > \"$RESULTS/$name.out\" "
        "2> \"$RESULTS/$name.err\" < /dev/null; echo $? > \"$RESULTS/$name.code\"; }\n" +
        script;
    Invocation invocation = host_command(
        {"unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--", "sh", "-c", all});
    invocation.set("DISK", ecrin.scratch() / "disk")
        .set("RESULTS", m_results)
        .set("ECRIN", setting().ecrin)
        .set("BUSYBOX", setting().busybox)
        .set("SCRATCH", ecrin.scratch().path());
    invocation.timeout = std::chrono::seconds(240);
    whole = run(invocation);
  }
  Outcome operator()(const std::string& name) const {
    Outcome outcome;
    outcome.out = read_file(m_results + "/" + name + ".out");
    outcome.err = read_file(m_results + "/" + name + ".err");
    const std::string code = trimmed(read_file(m_results + "/" + name + ".code"));
    outcome.code = code.empty() ? -1 : std::stoi(code);
    outcome.description = name + ": exit " + code + "\n" + outcome.out + outcome.err;
    return outcome;
  }
  Outcome whole;

private:
  std::string m_results;
};

/// ecrin for a user for whom /etc/subuid and /etc/subgid have no line.
Outcome with_one_id(Invocation invocation) {
  Arguments words = {
      "unshare",
      "--user",
      "--map-current-user",
      "--keep-caps",
      "--mount",
      "--",
      "sh",
      "-c",
      "mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid && exec \"$@\"",
      "sh"};
  invocation.argv.insert(invocation.argv.begin(), words.begin(), words.end());
  return run(invocation);
}

}  // namespace

TEST_CASE("a full disk is one error, the store stays whole, and prune makes room", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  write_file(ecrin.scratch() / "context/big", std::string(60u << 20, 'x'));
  write_file(ecrin.scratch() / "empty/.keep", "");
  const auto recipe = [&](const std::string& name, const std::string& text) {
    write_file(ecrin.scratch() / (name + ".yaml"), "from: localhost/busybox\nsteps:\n" + text);
  };
  recipe("some", "  - run: head -c 8000000 /dev/urandom > /some\n");
  recipe("run", "  - run: head -c 80000000 /dev/zero > /big\n");
  recipe("copy", "  - copy: {src: big, dest: /big}\n");
  recipe("small", "  - run: echo small > /small\n");
  const SmallDisk disk(ecrin, R"(
e load load -i "$BUSYBOX"
e some build -q -f "$SCRATCH/some.yaml" "$SCRATCH/empty"
e run-step build -q -f "$SCRATCH/run.yaml" "$SCRATCH/empty"
e copy-step build -q -f "$SCRATCH/copy.yaml" "$SCRATCH/context"
e images images -q
find "$DISK/store/tmp" -mindepth 1 ! -name '*.lock' > "$RESULTS/left"
cat /dev/zero > "$DISK/fill" 2> /dev/null
e full-images images -q
e full-build build -q -f "$SCRATCH/small.yaml" "$SCRATCH/empty"
e full-load load -i "$BUSYBOX"
e prune prune -f -a
e empty images -q
rm "$DISK/fill"
e load-again load -i "$BUSYBOX"
e small build -q -f "$SCRATCH/small.yaml" "$SCRATCH/empty"
)");
  INFO(disk.whole.description);
  if (disk.whole.code == 99) ECRIN_SKIP("this host lets nobody mount a tmpfs in a user namespace");
  for (const char* name :
       {"load", "some", "images", "full-images", "prune", "empty", "load-again", "small"}) {
    const Outcome outcome = disk(name);
    INFO(outcome.description);
    CHECK(outcome.code == 0);
  }
  for (const char* name : {"run-step", "copy-step", "full-build"}) {
    const Outcome outcome = disk(name);
    INFO(outcome.description);
    CHECK(one_error(outcome));
  }
  for (const char* name : {"copy-step", "full-build"}) {
    const Outcome outcome = disk(name);
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(contains(outcome.err, "No space left on device"));
  }
  CHECK(trimmed(read_file(ecrin.scratch() / "results/left")).empty());
  CHECK(disk("full-images").out == disk("images").out);
  CHECK(disk("empty").out.empty());
  CHECK(contains(disk("prune").out, "Deleted"));
}

TEST_CASE("with a single id, what needs no other owner works, and gives the same layers", "[any-driver]") {
  // Nothing in it is of another owner than root.
  const std::string recipe = R"(
from: scratch
steps:
  - copy: {src: busybox, dest: /bin/busybox}
  - run: [/bin/busybox, sh, -c, "cd /bin && for name in sh mkdir chmod ln cat sleep; do ./busybox ln -s busybox $name; done"]
  - run: mkdir /made && echo made > /made/file && chmod 4755 /made/file && ln -s file /made/link
  - copy: {src: tree, dest: /tree}
  - write: {dest: /etc/written, content: "text\n"}
)";
  Ecrin one(Ecrin::Base::none);
  Ecrin many(Ecrin::Base::none);
  for (const Ecrin* ecrin : {&one, &many}) {
    ecrin->context("busybox", read_file("/bin/busybox"), 0755);
    ecrin->context("tree/program", "#!/bin/sh\n", 0755);
  }
  const Outcome built = with_one_id(one.build_invocation(recipe, {"-q", "-t", "one"}));
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(contains(built.err, "/etc/subuid"));  // the warning says what is missing
  CHECK(trimmed(built.out) == many.build(recipe));
  const Outcome ran = with_one_id(one.invocation({"run", "--rm", "one", "cat", "/made/file"}));
  INFO(ran.description);
  CHECK(ran.code == 0);
  CHECK(ran.out == "made\n");
  const Outcome kept =
      with_one_id(one.invocation({"run", "--rm", "--userns=keep-id", "one", "/bin/busybox", "id", "-u"}));
  INFO(kept.description);
  CHECK(kept.code == 0);
  CHECK(kept.out == std::to_string(getuid()) + "\n");
  const Outcome started =
      with_one_id(one.invocation({"run", "-d", "--rm", "--name", "c", "one", "sleep", "1000"}));
  INFO(started.description);
  REQUIRE(started.code == 0);
  const Outcome entered = with_one_id(one.invocation({"exec", "c", "cat", "/made/file"}));
  with_one_id(one.invocation({"rm", "-f", "c"}));
  INFO(entered.description);
  CHECK(entered.code == 0);
  CHECK(entered.out == "made\n");
}

TEST_CASE("with a single id, what needs others is refused with the fix", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context("busybox", read_file("/bin/busybox"), 0755);
  const std::string base = "from: scratch\nsteps:\n  - copy: {src: busybox, dest: /bin/busybox}\n";
  const auto refused = [&](const Invocation& invocation, int code, const std::string& part) {
    const Outcome outcome = with_one_id(invocation);
    INFO(outcome.description);
    CHECK(outcome.code == code);
    CHECK(one_error(outcome));
    CHECK(contains(outcome.err, part));
    CHECK(contains(outcome.err, "/etc/subuid"));
  };
  const std::string no_such_id = "this user namespace has no such id";
  refused(ecrin.build_invocation(base + "  - copy: {src: busybox, dest: /file, owner: \"1000:1000\"}\n"), 125,
          no_such_id);
  refused(ecrin.build_invocation(base + "  - write: {dest: /file, content: x, owner: \"1000:1000\"}\n"), 125,
          no_such_id);
  // Only the program itself can say this one; what is missing stands in the warning above it.
  refused(ecrin.build_invocation(base + "  - run: [/bin/busybox, chown, \"1000:1000\", /bin/busybox]\n"), 1,
          "Invalid argument");
  refused(ecrin.build_invocation("from: {bootstrap: debian, suite: bookworm}\nsteps:\n  - run: echo never\n"),
          125, "65536 user ids");
  ecrin.build(base, {"-t", "base"});
  refused(ecrin.invocation({"run", "--rm", "-u", "1000", "base", "/bin/busybox", "true"}), 125, "1000");
  // An image that has other owners (the tests' own has).
  with_one_id(ecrin.invocation({"load", "-i", setting().busybox}));
  refused(ecrin.invocation({"run", "--rm", "busybox", "true"}), 125, no_such_id);
}
