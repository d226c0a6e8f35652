// `ecrin mount` and `umount`: working containers written by the programs of the host.
#include <signal.h>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// A script under `ecrin unshare`, which finds the program as $ecrin.
Outcome in_session(const Ecrin& ecrin, const std::string& script) {
  std::string program = setting().ecrin + " --root " + ecrin.root();
  if (!ecrin.driver.empty()) program += " --driver " + ecrin.driver;
  return ecrin({"unshare", "sh", "-e", "-c", "ecrin=\"" + program + "\"\n" + script});
}

}  // namespace

TEST_CASE("a script writes into a working container through its mount") {
  Ecrin ecrin;
  ecrin.context("file", "of the host\n");
  const std::string script = R"sh(
c=$($ecrin from busybox)
$ecrin run --into $c 'mkdir /dir; echo old > /dir/old; echo gone > /gone'
m=$($ecrin mount $c)
test "$($ecrin mount)" = "$c  $m"
test "$($ecrin mount $c)" = "$m"
test "$(cat $m/dir/old)" = old
cp )sh" + ecrin.context_directory() +
                             R"sh(/file $m/dir/
chown 42:43 $m/dir/file
chmod 0640 $m/dir/file
echo new >> $m/dir/old
rm $m/gone
test "$($ecrin umount $c)" = $c
test ! -e $m
test -z "$($ecrin mount)"
$ecrin run --into $c 'cat /dir/file /dir/old; stat -c "%u:%g %a" /dir/file; test ! -e /gone'
$ecrin commit $c made >/dev/null
)sh";
  const Outcome first = in_session(ecrin, script);
  INFO(first.description);
  REQUIRE(first.code == 0);
  CHECK(first.out == "of the host\nold\nnew\n42:43 640\n");
  CHECK(ecrin.in_container("made", {"cat", "/dir/old"}) == "old\nnew\n");
  const std::string id = full_id(ecrin.inspect("made").at("Id"));
  CHECK(names_in(ecrin.root() + "/mounts").empty());
  CHECK(ecrin.left_behind().empty());

  // The layer's content is its key, so what follows comes from the cache.
  ecrin.must({"rm", "--all"});
  ecrin.must({"prune", "-f"});
  const Outcome second = in_session(ecrin, script);
  INFO(second.description);
  REQUIRE(second.code == 0);
  CHECK(second.out.empty());
  CHECK(contains(second.err, "cached: run: cat /dir/file"));
  CHECK(full_id(ecrin.inspect("made").at("Id")) == id);

  // Something else is another key.
  ecrin.must({"rm", "--all"});
  ecrin.context("file", "another\n");
  const Outcome third = in_session(ecrin, script);
  REQUIRE(third.code == 0);
  CHECK(third.out == "another\nold\nnew\n42:43 640\n");
}

TEST_CASE("a mount begins with nothing, and nothing written is no step", "[any-driver]") {
  Ecrin ecrin;
  const Outcome made = in_session(ecrin, R"sh(
c=$($ecrin from scratch)
m=$($ecrin mount $c)
mkdir -p $m/a/b
echo x > $m/a/b/c
$ecrin umount $c
m=$($ecrin mount $c)
cat $m/a/b/c
$ecrin umount --all
$ecrin commit $c tree
)sh");
  INFO(made.description);
  REQUIRE(made.code == 0);
  CHECK(ecrin.json({"from", "--list", "--format", "json"})[0]["Steps"] == 1);
  CHECK(ecrin.diff_ids("tree").size() == 1);
}

TEST_CASE("what was written is taken also when its session ends without umount", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"from", "--name", "c", "busybox"});
  REQUIRE(in_session(ecrin, "echo kept > $($ecrin mount c)/kept").code == 0);
  ecrin.must({"prune", "-f"});
  CHECK(ecrin({"run", "--into", "c", "cat /kept"}).out == "kept\n");
  CHECK(names_in(ecrin.root() + "/mounts").empty());
  REQUIRE(in_session(ecrin, "echo two > $($ecrin mount c)/two").code == 0);
  ecrin.must({"commit", "c", "made"});
  CHECK(ecrin.in_container("made", {"cat", "/two"}) == "two\n");
  // One that is removed gives up all of it.
  REQUIRE(in_session(ecrin, "echo three > $($ecrin mount c)/three").code == 0);
  ecrin.must({"rm", "c"});
  CHECK(names_in(ecrin.root() + "/mounts").empty());
  ecrin.must({"rmi", "made"});
  ecrin.must({"prune", "-f", "-a"});
  CHECK(names_in(ecrin.root() + "/layers").empty());
}

TEST_CASE("a mounted working container gets no other steps, and is removed in its session", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"from", "--name", "c", "busybox"});
  const Outcome refused = in_session(ecrin, R"sh(
m=$($ecrin mount c)
echo written > $m/written
for words in 'run --into c true' 'commit c made' 'config --env A=b c' \
    'run --into other --mount type=bind,from=c,target=/m true'; do
  $ecrin from --name other busybox >/dev/null 2>&1 || true
  if $ecrin $words; then exit 9; fi
done
(cd $m; if $ecrin umount c; then exit 9; fi)
cat $m/written
# One that is busy keeps no other.
n=$($ecrin mount other)
(cd $m; if $ecrin umount --all; then exit 9; fi)
test ! -e $n
$ecrin rm c
test ! -e $m
)sh");
  INFO(refused.description);
  CHECK(refused.code == 0);
  CHECK(refused.out == "written\nother\nc\n");
  CHECK(contains(refused.err, "'c' is mounted"));
  CHECK(contains(refused.err, "ecrin umount c"));
  CHECK(names_in(ecrin.root() + "/mounts").empty());

  ecrin.must({"from", "--name", "c", "busybox"});
  Running session(
      ecrin.invocation({"unshare", "sh", "-c",
                        setting().ecrin + " --root " + ecrin.root() + " mount c; echo there; sleep 100"}));
  REQUIRE(session.wait_for_output("there"));
  for (const Arguments& words : std::vector<Arguments>{{"umount", "c"}, {"rm", "c"}, {"mount", "c"}}) {
    const Outcome elsewhere = ecrin(words);
    INFO(elsewhere.description);
    CHECK(one_error(elsewhere));
    CHECK(contains(elsewhere.err, "mounted in another 'ecrin unshare'"));
  }
  session.signal(SIGTERM);
}

TEST_CASE("outside of a session a working container is mounted as a copy only", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"from", "--name", "c", "busybox"});
  ecrin.driver = "";
  const Outcome outside = ecrin({"mount", "c"});
  INFO(outside.description);
  CHECK(one_error(outside));
  CHECK(contains(outside.err, "ecrin unshare"));
  CHECK(ecrin({"umount", "c"}).code == 0);  // as buildah: it is not mounted, which is what was asked for
  CHECK(one_error(ecrin({"mount", "nothing"})));
  ecrin.driver = "copy";
  const std::string path = ecrin.must({"mount", "c"});
  write_file(path + "/written", "by hand\n");
  CHECK(ecrin.json({"mount", "--format", "json"}).at(0).at("mountpoint") == path);
  ecrin.must({"umount", "c"});
  ecrin.must({"commit", "c", "made"});
  CHECK(ecrin.in_container("made", {"cat", "/written"}) == "by hand\n");
  CHECK(ecrin.diff_ids("made").size() == 2);
  CHECK(names_in(ecrin.root() + "/mounts").empty());
}

TEST_CASE("an image that is removed by force takes mounts of its containers with it", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"tag", "busybox", "other"});
  ecrin.build("from: localhost/busybox\nsteps: [{write: {dest: /base, content: x}}]\n", {"-t", "base"});
  ecrin.must({"from", "--name", "c", "base"});
  const std::string path = ecrin.must({"--driver", "copy", "mount", "c"});
  write_file(path + "/old", "of the first\n");
  ecrin.must({"rmi", "-f", "base"});
  CHECK(ecrin.must({"mount"}).empty());
  ecrin.must({"from", "--name", "c", "busybox"});
  CHECK(ecrin({"run", "--into", "c", "test ! -e /old"}).code == 0);
}
