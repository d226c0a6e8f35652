// ecrin where it is not the first: inside itself, in containers that allow little, on file systems that can
// do little. What is built there is the same image, or one error says at once what is missing.
#include <unistd.h>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// Owners, modes, links, what /proc and /dev are for, and a process that is left behind.
constexpr const char* k_recipe = R"sh(from: localhost/busybox
steps:
  - run: |
      mkdir /made && echo made > /made/file && chmod 4755 /made/file && chown 33:44 /made/file
      ln -s file /made/link && chown -h 5:6 /made/link && mkfifo /made/pipe && chown -R 7:8 /made/pipe
      hostname > /made/name
  - run: |
      echo hidden > /dev/null && test -c /dev/null && test -z "$(cat /dev/null)" && head -c 3 /dev/zero | wc -c > /made/zero
      test "$(cat /proc/self/comm)" = cat && grep -q '^Uid' /proc/self/status && ls /proc/self/fd > /dev/null
      echo through | cat /dev/stdin > /made/through && echo said > /dev/stderr
      test "$(readlink /proc/self/cwd)" = / && test -d /sys && touch /dev/shm/x
      grep -q localhost /etc/hosts && test -s /etc/resolv.conf
  - run:
      command: cat /run/secrets/word | wc -c > /made/secret-size && echo kept >> /cache/file && test -s /cache/file
      mounts:
        - secret: word
        - cache: /cache
        - tmpfs: /made/empty
  - run: sleep 1000 &
  - copy: {src: file, dest: /from-context, owner: "12:34"}
)sh";

/// A place with the recipe, what it needs, a program `ecrin`, and a tree for containers that have this host's
/// programs: to be seen as /w by whoever is in one.
class Nest {
public:
  Nest() : m_ecrin(Ecrin::Base::busybox) {
    const Scratch& scratch = m_ecrin.scratch();
    write_file(scratch / "w/recipe.yaml", k_recipe);
    write_file(scratch / "w/context/file", "of the context\n");
    write_file(scratch / "w/word", "secret\n");
    for (const auto& [name, target] : {std::pair("bin", "usr/bin"), std::pair("sbin", "usr/sbin"),
                                       std::pair("lib", "usr/lib"), std::pair("lib64", "usr/lib64")}) {
      make_directory(scratch / "w/tree/usr");
      REQUIRE(::symlink(target, (scratch / "w/tree" + ("/" + std::string(name))).c_str()) == 0);
    }
    for (const char* name : {"proc", "sys", "dev", "etc", "tmp", "w", "e"})
      make_directory(scratch / "w/tree/" + name);
    write_file(scratch / "w/tree/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    write_file(scratch / "w/tree/etc/group", "root:x:0:\n");
    write_file(scratch / "w/tree/etc/resolv.conf", "nameserver 192.0.2.1\n");
    write_file(scratch / "w/busybox.tar", read_file(setting().busybox));
  }
  Ecrin& ecrin() { return m_ecrin; }
  std::string w() { return m_ecrin.scratch() / "w"; }
  static std::string program_directory() { return setting().ecrin.substr(0, setting().ecrin.rfind('/')); }

  /// `ecrin build` of the recipe with a store of its own, from inside.
  static std::string build_script(const std::string& store, const std::string& ecrin = "/e/ecrin",
                                  const std::string& w = "/w") {
    const std::string program = ecrin + " --root " + store;
    return program + " load -q -i " + w + "/busybox.tar >&2 && " + program + " build --network host -q -f " +
           w + "/recipe.yaml --secret id=word,src=" + w + "/word " + w + "/context";
  }
  std::string expected() {
    return m_ecrin.must({"build", "--network", "host", "-q", "-f", w() + "/recipe.yaml", "--secret",
                         "id=word,src=" + w() + "/word", w() + "/context"});
  }
  /// The tree as an image of the store, and flags of `run` for it.
  void import_tree() {
    REQUIRE(run(host_command({"tar", "-C", w() + "/tree", "-cf", w() + "/tree.tar", "."})));
    m_ecrin.must({"import", w() + "/tree.tar", "tree"});
  }
  Arguments run_flags(Arguments more = {}) {
    Arguments flags = {"run",          "--rm", "--network", "host", "-v",
                       "/usr:/usr:ro", "-v",   w() + ":/w", "-v",   program_directory() + ":/e:ro"};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }
  Outcome inside(Arguments flags, const std::string& script) {
    Arguments words = run_flags(std::move(flags));
    words.insert(words.end(), {"tree", "sh", "-c", script});
    Invocation invocation = m_ecrin.invocation(std::move(words));
    invocation.timeout = std::chrono::seconds(240);
    return run(invocation);
  }

private:
  Ecrin m_ecrin;
};

/// As root of a user namespace of the test's user; `$1` and on are `arguments`.
Outcome as_root_of(const char* maps, const std::string& script, Arguments arguments = {}) {
  Arguments words = {"unshare", "--user", maps, "--mount", "--", "sh", "-c", script, "sh"};
  if (std::string(maps) == "--map-auto") words.insert(words.begin() + 2, "--map-root-user");
  words.insert(words.end(), arguments.begin(), arguments.end());
  Invocation invocation = host_command(std::move(words));
  invocation.timeout = std::chrono::seconds(240);
  return run(invocation);
}

nlohmann::json finding(const nlohmann::json& findings, const std::string& name) {
  for (const auto& one : findings)
    if (one["name"] == name) return one;
  return {};
}

}  // namespace

TEST_CASE("ecrin builds inside ecrin, three deep", "[any-driver]") {
  Nest nest;
  nest.import_tree();
  write_file(nest.w() + "/deep.sh", R"sh(
level=$1
if [ "$level" = 3 ]; then
  )sh" + Nest::build_script("/w/store-3") +
                                        R"sh(
  exit
fi
/e/ecrin --root /w/store-$level import /w/tree.tar tree >&2
exec /e/ecrin --root /w/store-$level run --rm --network host --security-opt seccomp=unconfined -v /usr:/usr:ro \
  -v /w:/w -v /e:/e:ro tree sh /w/deep.sh $((level + 1))
)sh");
  const Outcome built = nest.inside({"--security-opt", "seccomp=unconfined"}, "sh /w/deep.sh 2");
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(trimmed(built.out) == nest.expected());
}

TEST_CASE("root without namespaces builds the same image in a plain root directory", "[any-driver]") {
  Nest nest;
  nest.import_tree();
  const Outcome built = nest.inside({}, Nest::build_script("/w/store"));
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(trimmed(built.out) == nest.expected());
  const Outcome looked = nest.inside({}, R"sh(
/e/ecrin --root /w/store doctor --format json > /w/doctor.json; echo $?
/e/ecrin --root /w/store build --network host -f /w/recipe.yaml --secret id=word,src=/w/word --no-cache /w/context 2>&1 |
  grep -c 'no namespaces can be made here'
/e/ecrin --root /w/store run --rm --network host busybox sh -c 'echo "$0 in $(pwd)"; kill -0 $PPID && exit 7'; echo $?
/e/ecrin --root /w/store run --rm --network host -v /w:/x busybox true; echo $?
/e/ecrin --root /w/store run --rm --network none busybox true; echo $?
/e/ecrin --root /w/store run -d --name c --network host busybox sleep 1000 > /w/id
/e/ecrin --root /w/store exec c sh -c 'cat /proc/self/comm; hostname'; echo $?
/e/ecrin --root /w/store rm -f -t 0 c > /dev/null; echo $?
/e/ecrin --root /w/store images -q | wc -l
)sh");
  INFO(looked.description);
  CHECK(looked.code == 0);
  const std::vector<std::string> lines = lines_of(looked.out);
  REQUIRE(lines.size() == 11);
  CHECK(lines[0] == "1");  // works, and something cannot be had
  CHECK(lines[1] == "1");  // said once
  CHECK(lines[2] == "sh in /");
  CHECK(lines[3] == "7");
  CHECK(lines[4] == "125");
  CHECK(lines[5] == "125");
  CHECK(lines[6] == "cat");
  CHECK(lines[8] == "0");
  CHECK(lines[9] == "0");
  const auto findings = nlohmann::json::parse(read_file(nest.w() + "/doctor.json"), nullptr, false);
  REQUIRE(findings.is_array());
  CHECK(finding(findings, "identity mode")["fact"].get<std::string>().starts_with("chroot"));
  CHECK(finding(findings, "isolation of containers")["level"] == "lack");
  // The same fix from both.
  const auto fix = finding(findings, "user namespaces")["fix"].get<std::string>();
  CHECK(contains(fix, "seccomp=unconfined"));
  CHECK(contains(looked.err, fix));
}

TEST_CASE("files that a plain root directory does not have are changed as in any container", "[any-driver]") {
  Nest nest;
  nest.import_tree();
  const std::string script = R"sh(
set -e
exec 3> /file
chown 33:44 /dev/fd/3 && chmod 640 /proc/self/fd/3 && touch -d @86400 /dev/fd/3
stat -c '%u:%g %a %Y' /file
ln -s /proc/self/mounts /etc/mtab && test -L /etc/mtab && chown -h 5:6 /etc/mtab
stat -c '%u:%g' /etc/mtab && readlink /etc/mtab && cat /etc/mtab > /dev/null
for file in /proc/version /proc/none; do
  chown 1 $file 2> /dev/null || chmod 600 $file 2> /dev/null || echo refused
done
echo nobody:x:99:99::/:/bin/sh > /etc/passwd
su nobody -c 'chmod 600 /proc/self/fd/3' 2> /dev/null || echo refused
)sh";
  // The devices of a plain root directory stand in for the ones around, which stay as they are.
  const std::string devices = "chmod 600 /dev/null && chown 5 /dev/null && stat -c '%a' /dev/null";
  write_file(nest.w() + "/script", script);
  const std::string terminal = R"sh(
own=$(tty) && chown 33:44 $own && chmod 604 $own && touch -c -d @86400 $own && stat -c '%u:%g %a' $own
)sh";
  write_file(nest.w() + "/terminal", terminal);
  const Outcome inside = nest.inside({}, R"sh(
/e/ecrin --root /w/store load -q -i /w/busybox.tar >&2
/e/ecrin --root /w/store run --rm --network host busybox sh -c "$(cat /w/script)"
/e/ecrin --root /w/store run --rm -t --network host busybox sh -c "$(cat /w/terminal)"
/e/ecrin --root /w/store run --rm --network host busybox sh -c ")sh" +
                                             devices +
                                             R"sh("
stat -c %a /dev/null
)sh");
  INFO(inside.description);
  REQUIRE(inside.code == 0);
  const Arguments usual = {"run", "--rm", "--network", "host", "busybox", "sh", "-c", script};
  const std::string changed = "33:44 640 86400\n5:6\n/proc/self/mounts\nrefused\nrefused\nrefused\n";
  CHECK(nest.ecrin().must(usual) + "\n" == changed);
  CHECK(inside.out == changed + "33:44 604\r\n666\n666\n");
}

TEST_CASE("nothing lies on a root directory that is the one of this host", "[any-driver]") {
  const Ecrin ecrin(Ecrin::Base::none);
  const auto inside = [&](const std::string& script) {
    const Outcome outcome =
        run(ecrin.invocation({"run", "--rm", "--network", "host", "--read-only", "--security-opt",
                              "seccomp=unconfined", "--rootfs", "/", "sh", "-c", script}));
    INFO(outcome.description);
    CHECK(outcome.code == 0);
    return trimmed(outcome.out);
  };
  CHECK(inside("grep -c '^[^ ]* [^ ]* [^ ]* [^ ]* / ' /proc/self/mountinfo") == "1");
  // The kernel refuses it to who has another root directory than the mounts have.
  CHECK(inside("unshare --user true && echo made") == "made");
}

TEST_CASE("one id, no helpers and no devices: the same image", "[any-driver]") {
  Nest nest;
  const std::string without = R"sh(
mount -t tmpfs tmpfs "$1/dev" && for name in null zero full random urandom tty; do
  touch "$1/dev/$name" && mount --bind /dev/$name "$1/dev/$name" || exit 99
done
mkdir "$1/dev/shm" "$1/dev/pts" && mount --rbind "$1/dev" /dev || exit 99
mount --bind /dev/null /usr/bin/newuidmap && mount --bind /dev/null /usr/bin/newgidmap || exit 99
test ! -e /dev/fuse && test ! -e /dev/net || exit 98
)sh";
  make_directory(nest.ecrin().scratch() / "dev");
  const Outcome built =
      as_root_of("--map-root-user",
                 without + Nest::build_script(nest.ecrin().scratch() / "one", setting().ecrin, nest.w()),
                 {nest.ecrin().scratch().path()});
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(trimmed(built.out) == nest.expected());
}

TEST_CASE("one id in a plain root directory: the same image", "[any-driver]") {
  Nest nest;
  const std::string store = nest.ecrin().scratch() / "one";
  const Outcome built =
      as_root_of("--map-root-user",
                 "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set -sys_admin "
                 "--inh-caps -sys_admin sh -c \"$1\"",
                 {setting().ecrin + " --root " + store + " info >&2 && " +
                  Nest::build_script(store, setting().ecrin, nest.w())});
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(contains(built.err, "chroot"));
  CHECK(trimmed(built.out) == nest.expected());
}

TEST_CASE("a store on an overlay, a read-only root and no tun device", "[any-driver]") {
  Nest nest;
  const Outcome built = as_root_of("--map-auto", R"sh(
cd "$1" && mkdir upper work root && mount -t overlay -o userxattr,lowerdir=w/tree,upperdir=upper,workdir=work none root || exit 99
for name in usr proc sys dev; do mount --rbind /$name root/$name || exit 99; done
mount --bind w root/w && mount --bind "$2" root/e || exit 99
mount -t tmpfs none root/dev/net || exit 99
chroot root sh -c "$3" || exit
mkdir "$1/w/volume" && mount -o remount,ro,bind root && chroot root sh -c "$4"
)sh",
                                   {nest.ecrin().scratch().path(), Nest::program_directory(),
                                    Nest::build_script("/store"), Nest::build_script("/w/volume")});
  INFO(built.description);
  if (built.code == 99) ECRIN_SKIP("this host mounts no overlay in a user namespace");
  REQUIRE(built.code == 0);
  const std::string expected = nest.expected();
  CHECK(lines_of(built.out) == std::vector<std::string>{expected, expected});
}

TEST_CASE("a user without a name and without a home", "[any-driver]") {
  Nest nest;
  Invocation invocation =
      nest.ecrin().invocation({"build", "--network", "host", "-q", "-f", nest.w() + "/recipe.yaml",
                               "--secret", "id=word,src=" + nest.w() + "/word", nest.w() + "/context"});
  Arguments before = {"unshare", "--user", "--map-user=54321", "--map-group=54321", "--", "env",
                      "-u",      "HOME"};
  invocation.argv.insert(invocation.argv.begin(), before.begin(), before.end());
  const Outcome built = run(invocation);
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(trimmed(built.out) == nest.expected());
  // Without --root there is no place, or none that can be written.
  for (const char* home : {"", "HOME=/proc"}) {
    Invocation nowhere = host_command({"unshare", "--user", "--map-user=54321", "--", "env", "-u", "HOME"});
    if (*home) nowhere.argv.emplace_back(home);
    nowhere.argv.insert(nowhere.argv.end(), {setting().ecrin, "images"});
    const Outcome refused = run(nowhere);
    INFO(refused.description);
    CHECK(one_error(refused));
    CHECK(contains(refused.err, "--root"));
  }
}

TEST_CASE("a file system that cannot hold a store is told at once", "[any-driver]") {
  Nest nest;
  make_directory(nest.ecrin().scratch() / "disk");
  const std::string script = R"sh(
mount -t "$3" $4 none "$1" || exit 99
"$2" --root "$1/store" --driver copy load -q -i "$5" && "$2" --root "$1/store" --driver copy run --rm --network host busybox true
code=$?; "$2" --root "$1/store" doctor; exit $code
)sh";
  const auto tried = [&](const std::string& type, const std::string& options) {
    return as_root_of("--map-auto", script,
                      {nest.ecrin().scratch() / "disk", setting().ecrin, type, options, setting().busybox});
  };
  // No attributes of a user's own.
  const Outcome without = tried("ramfs", "-w");
  INFO(without.description);
  if (without.code == 99) ECRIN_SKIP("this host lets nobody mount a ramfs in a user namespace");
  CHECK(without.code == 125);
  CHECK(contains(without.err, "no extended attributes"));
  CHECK(contains(without.err, "--root"));
  CHECK(contains(without.out, "no extended attributes"));
  // No programs.
  const Outcome noexec = tried("tmpfs", "-onoexec");
  INFO(noexec.description);
  if (noexec.code == 99) ECRIN_SKIP("this host lets nobody mount a tmpfs in a user namespace");
  CHECK(noexec.code == 125);
  CHECK(contains(noexec.err, "noexec"));
  CHECK(contains(noexec.out, "noexec"));
}

TEST_CASE("doctor says who is used, and the line that gives more", "[any-driver]") {
  const Ecrin ecrin(Ecrin::Base::none);
  const auto with = [&](const std::string& before) {
    Invocation invocation = ecrin.invocation({"doctor", "--format", "json"});
    Arguments words = {"unshare", "--user", "--map-current-user",    "--keep-caps", "--mount", "--",
                       "sh",      "-c",     before + " exec \"$@\"", "sh"};
    invocation.argv.insert(invocation.argv.begin(), words.begin(), words.end());
    const Outcome outcome = run(invocation);
    INFO(outcome.description);
    auto findings = nlohmann::json::parse(outcome.out, nullptr, false);
    REQUIRE(findings.is_array());
    return findings;
  };
  const auto lacking = with("mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid &&");
  CHECK(finding(lacking, "identity mode")["fact"].get<std::string>().starts_with("single"));
  CHECK(finding(lacking, "identity mode")["level"] == "note");
  const auto ranges = finding(lacking, "subuid ranges");
  CHECK(ranges["level"] == "note");
  CHECK(contains(ranges["fix"].get<std::string>(), ":100000:65536\" to /etc/subuid and /etc/subgid"));
  CHECK(finding(lacking, "identity mode")["fix"] == ranges["fix"]);
  const auto usual = ecrin.json({"info", "--format", "json"});
  CHECK(usual["identity"]["mode"] == "mapped");
}
