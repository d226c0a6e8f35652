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
  SmallDisk(Ecrin& ecrin, const std::string& script, const std::string& options = "size=48m")
      : m_results(ecrin.scratch() / "results") {
    make_directory(m_results);
    make_directory(ecrin.scratch() / "disk");
    const std::string all =
        "mount -t tmpfs -o " + options +
        " tmpfs \"$DISK\" || exit 99\n"
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

TEST_CASE("a disk without inodes is one error, and prune, rm and rmi make room", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  write_file(ecrin.scratch() / "empty/.keep", "");
  const auto recipe = [&](const std::string& name, const std::string& text) {
    write_file(ecrin.scratch() / (name + ".yaml"), "from: localhost/busybox\nsteps:\n" + text);
  };
  recipe("many", "  - run: mkdir /many && cd /many && touch $(seq 100)\n");
  recipe("small", "  - run: echo small > /small\n");
  const SmallDisk disk(ecrin, R"(
fill() { mkdir -p "$DISK/fill"; i=0; while true > "$DISK/fill/$i"; do i=$((i + 1)); done; }
e load load -i "$BUSYBOX"
e many build -q -t many -f "$SCRATCH/many.yaml" "$SCRATCH/empty"
e run run --network none --name c busybox sh -c 'mkdir /many; cd /many; touch $(seq 50)'
e untag untag many
fill 2> /dev/null
e full-images images -q
e full-build build -q -f "$SCRATCH/small.yaml" "$SCRATCH/empty"
fill 2> /dev/null
e prune prune -f
fill 2> /dev/null
e rm rm c
fill 2> /dev/null
e rmi rmi busybox
rm -r "$DISK/fill"
e load-again load -i "$BUSYBOX"
e small build -q -f "$SCRATCH/small.yaml" "$SCRATCH/empty"
)",
                       "size=48m,nr_inodes=3000");
  INFO(disk.whole.description);
  if (disk.whole.code == 99) ECRIN_SKIP("this host lets nobody mount a tmpfs in a user namespace");
  for (const char* name :
       {"load", "many", "run", "untag", "full-images", "prune", "rm", "rmi", "load-again", "small"}) {
    const Outcome outcome = disk(name);
    INFO(outcome.description);
    CHECK(outcome.code == 0);
  }
  const Outcome built = disk("full-build");
  INFO(built.description);
  CHECK(one_error(built));
  CHECK(contains(built.err, "No space left on device"));
  INFO(disk("prune").description);
  CHECK(contains(disk("prune").out, "images: 1, layers: 1"));
}

TEST_CASE("steps on hundreds of layers run at once where a shell allows few open files", "[any-driver]") {
  Ecrin ecrin;
  std::string base = "from: localhost/busybox\nsteps:\n";
  for (int i = 0; i < 300; ++i) base += "  - write: {dest: /layers/" + std::to_string(i) + ", content: x}\n";
  ecrin.build(base, {"-t", "localhost/layers"});
  std::string recipe = "stages:\n";
  std::string copies;
  for (const std::string name : {"one", "two", "three"}) {
    recipe += "  " + name + ":\n    from: localhost/layers\n    steps:\n";
    recipe += "    - run: ls /layers | wc -l > /" + name + "; sleep 0.3\n";
    recipe += "    - write: {dest: /layers/299, content: " + name + "}\n";
    copies += "    - copy: {from: " + name + ", src: /" + name + ", dest: /" + name + "}\n";
  }
  recipe += "  main:\n    from: localhost/busybox\n    steps:\n" + copies;
  Invocation invocation = ecrin.build_invocation(recipe, {"--jobs", "3", "-t", "localhost/counted"});
  invocation.argv.insert(invocation.argv.begin(), {"sh", "-c", "ulimit -Sn 512 && exec \"$@\"", "sh"});
  const Outcome built = run(invocation);
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(ecrin.in_container("counted", {"cat", "/one", "/two", "/three"}) == "300\n300\n300\n");
}

TEST_CASE("with a single id, files have the owners that they should, and layers are the same",
          "[any-driver]") {
  const std::string recipe = R"(
from: scratch
steps:
  - copy: {src: busybox, dest: /bin/busybox}
  - run: [/bin/busybox, sh, -c, "/bin/busybox --install -s /bin"]
  - copy: {src: tree, dest: /tree, owner: "12:34"}
  - write: {dest: /etc/passwd, content: "root:x:0:0::/:/bin/sh\njoe:x:1000:1001::/home:/bin/sh\n"}
  - write: {dest: /etc/group, content: "root:x:0:\njoe:x:1001:\nmail:x:8:joe\n"}
  - write: {dest: /owned, content: "text\n", owner: "7:8"}
  - run: |
      mkdir /made && echo made > /made/file && chmod 4755 /made/file && ln -s file /made/link
      chown 33:44 /made && chown -h 5:6 /made/link && ln -s link /made/plain
      mkdir -m 2775 /made/group && chown 0:50 /made/group && chmod 2775 /made/group
      mkdir /made/group/inner && echo x > /made/group/inner/file && ln -s x /made/group/inner/link
      mkfifo /made/group/inner/pipe
      chown 9:9 /owned && cp -p /owned /copied
  - run: mv /made/link /made/moved && chown -R 70:70 /tree && rm /copied
  - user: joe
  - run: id > /tmp-id && mkdir /joes && echo x > /joes/file && ln -s file /joes/link
)";
  Ecrin one(Ecrin::Base::none);
  Ecrin many(Ecrin::Base::none);
  for (const Ecrin* ecrin : {&one, &many}) {
    ecrin->context("busybox", read_file("/bin/busybox"), 0755);
    ecrin->context("tree/program", "#!/bin/sh\n", 0755);
  }
  // A user who may write to the root directory in both.
  const std::string open_root = "  - run: chmod 1777 /\n";
  const std::string whole =
      recipe.substr(0, recipe.find("  - user")) + open_root + recipe.substr(recipe.find("  - user"));
  const Outcome built = with_one_id(one.build_invocation(whole, {"-q", "-t", "one"}));
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(trimmed(built.out) == many.build(whole, {"-t", "one"}));
  const auto said = [&](const Ecrin& ecrin, Arguments words, bool single) {
    const Outcome ran = single ? with_one_id(ecrin.invocation(std::move(words))) : ecrin(std::move(words));
    INFO(ran.description);
    CHECK(ran.code == 0);
    return ran.out;
  };
  // keep-id has a user namespace of its own.
  CHECK(said(one, {"run", "--rm", "--userns=keep-id", "one", "/bin/busybox", "id", "-u"}, true) ==
        std::to_string(getuid()) + "\n");
  // What programs see, of layers that were built here.
  const std::string look =
      "cd /; for f in made made/* made/group/inner/* owned tree/program joes joes/*; do stat -c '%n %u:%g %a "
      "%F' $f; "
      "done; id; cat /tmp-id";
  CHECK(said(one, {"run", "--rm", "-u", "root", "one", "sh", "-c", look}, true) ==
        said(many, {"run", "--rm", "-u", "root", "one", "sh", "-c", look}, false));
  // And of those that came from elsewhere.
  many.must({"save", "-o", many.scratch() / "one.tar", "one"});
  Ecrin other(Ecrin::Base::none);
  said(other, {"load", "-i", many.scratch() / "one.tar"}, true);
  CHECK(said(other, {"run", "--rm", "one", "sh", "-c", look}, true) ==
        said(many, {"run", "--rm", "one", "sh", "-c", look}, false));
  // A step on top of them, and a container that goes on.
  const std::string more =
      "from: one\nsteps:\n  - user: root\n  - run: mv /made/moved /made/again && chown 1:1 /tree\n";
  const Outcome again = with_one_id(other.build_invocation(more, {"-q"}));
  INFO(again.description);
  CHECK(trimmed(again.out) == many.build(more));
  said(other, {"run", "-d", "--name", "c", "one", "sleep", "1000"}, true);
  CHECK(said(other, {"exec", "c", "id", "-u"}, true) == "1000\n");
  CHECK(said(other,
             {"exec", "-u", "root", "c", "sh", "-c", "echo x > /new && chown 5:5 /new && stat -c %u /new"},
             true) == "5\n");
  said(other, {"rm", "-f", "-t", "0", "c"}, true);
}

TEST_CASE("a user who got a range of ids later builds again, and prune takes the former layers away",
          "[any-driver]") {
  const std::string recipe =
      "from: scratch\nsteps:\n  - copy: {src: busybox, dest: /bin/busybox}\n"
      "  - run: [/bin/busybox, chown, \"5:6\", /bin/busybox]\n";
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context("busybox", read_file("/bin/busybox"), 0755);
  const Outcome built = with_one_id(ecrin.build_invocation(recipe, {"-q", "-t", "made"}));
  INFO(built.description);
  REQUIRE(built.code == 0);
  const Arguments run = {"run", "--rm", "made", "/bin/busybox", "stat", "-c", "%u:%g", "/bin/busybox"};
  const Outcome refused = ecrin(run);
  INFO(refused.description);
  CHECK(one_error(refused));
  CHECK(contains(refused.err, "when this user had one id: build the image again"));
  // What an image needs stays.
  ecrin.must({"prune", "-f"});
  CHECK(with_one_id(ecrin.invocation(run)).out == "5:6\n");
  CHECK(ecrin.build(recipe, {"-t", "made"}) == trimmed(built.out));
  CHECK(ecrin.must(run) == "5:6");
  ecrin.must({"rmi", "-f", "made"});
  ecrin.must({"prune", "-f", "-a"});
  for (const char* name : {"/store/layers", "/store/recorded_layers"})
    CHECK(names_in(ecrin.scratch().path() + name).empty());
}
