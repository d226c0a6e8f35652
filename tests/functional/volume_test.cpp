// Volumes: made, filled, listed, used, removed; and what else is mounted into containers.
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

TEST_CASE("volumes are made, listed, looked at and removed", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  CHECK(ecrin.must({"volume", "create", "-l", "team=a", "--label", "x", "data"}) == "data");
  const std::string nameless = ecrin.must({"volume", "create"});
  CHECK(nameless.size() == 64);
  CHECK(ecrin({"volume", "create", "data"}).code == 125);
  CHECK(ecrin.must({"volume", "create", "--ignore", "data"}) == "data");
  for (const char* bad : {"../x", "a/b", ".x", ""}) CHECK(one_error(ecrin({"volume", "create", bad})));
  CHECK(ecrin({"volume", "exists", "data"}).code == 0);
  CHECK(ecrin({"volume", "exists", "other"}).code == 1);
  CHECK(ecrin.must({"volume", "ls", "-q", "--filter", "label=team=a"}) == "data");
  CHECK(ecrin.must({"volume", "list", "--format", "{{.Name}} {{.Driver}}", "-f", "name=dat"}) ==
        "data local");
  CHECK(one_error(ecrin({"volume", "ls", "--filter", "colour=red"})));
  const auto facts = ecrin.json({"volume", "inspect", "data"})[0];
  CHECK(facts["Labels"]["team"] == "a");
  CHECK(facts["Mountpoint"] == ecrin.root() + "/volumes/data/data");
  CHECK(facts["InUse"] == false);
  CHECK(ecrin({"volume", "inspect", "other"}).code == 1);
  const Outcome removed = ecrin({"volume", "rm", "other", "data"});
  CHECK(removed.code == 1);
  CHECK(removed.out == "data\n");
  CHECK(ecrin({"volume", "rm", "-f", "other"}).code == 0);
  CHECK(ecrin.must({"volume", "prune", "-f", "--filter", "name=nothing"}).starts_with("Total"));
  CHECK(contains(ecrin.must({"volume", "prune", "-f"}), nameless));
  CHECK(ecrin.must({"volume", "ls", "-q"}).empty());
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("an empty volume gets what the image has, and keeps what it has then") {
  Ecrin ecrin;
  ecrin.build(
      "from: localhost/busybox\nname: filled\nsteps:\n  - run: mkdir -p /srv/a && echo image > /srv/a/f && "
      "chown -R 5:6 /srv && chmod 0750 /srv\n");
  ecrin.must({"volume", "create", "made"});
  const Arguments look = {"sh", "-c", "cat /srv/a/f; stat -c '%u:%g %a' /srv; echo mine > /srv/a/f"};
  CHECK(out_of(ecrin, {"-v", "made:/srv"}, look, "filled") == "image\n5:6 750\n");
  CHECK(out_of(ecrin, {"-v", "made:/srv"}, {"cat", "/srv/a/f"}, "filled") == "mine\n");
  CHECK(out_of(ecrin, {"-v", "used:/srv"}, {"cat", "/srv/a/f"}, "filled") == "image\n");
  CHECK(out_of(ecrin, {"-v", "bare:/srv:nocopy"}, {"ls", "/srv"}, "filled").empty());
  CHECK(out_of(ecrin, {"--mount", "type=volume,src=made,dst=/part,volume-subpath=a,ro"},
               {"cat", "/part/f"}) == "mine\n");
  CHECK(out_of(ecrin, {"--mount", "src=made,dst=/part,subpath=../../.."}, {"cat", "/part/a/f"}) == "mine\n");
  CHECK(one_error(run_in(ecrin, {"--mount", "src=made,dst=/part,subpath=none"}, {"true"})));
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("a part of a volume stays inside it, whatever its symlinks say") {
  Ecrin ecrin;
  out_of(ecrin, {"-v", "v:/v"}, {"sh", "-c", "ln -s / /v/root; ln -s /etc /v/etc"});
  const Outcome outcome = run_in(ecrin, {"--mount", "src=v,dst=/part,subpath=root"}, {"ls", "/part"});
  CHECK(outcome.out == "etc\nroot\n");
  CHECK(run_in(ecrin, {"--mount", "src=v,dst=/part,subpath=etc"}, {"true"}).code == 125);
}

TEST_CASE("volumes of the image and nameless ones go with the container") {
  Ecrin ecrin;
  ecrin.context("Containerfile",
                "FROM localhost/busybox\nRUN mkdir /data && echo image > /data/f\nVOLUME /data /other\n");
  ecrin.must({"build", "-q", "-t", "declared", ecrin.context_directory()});
  CHECK(
      out_of(ecrin, {"-v", "/third"},
             {"sh", "-c", "cat /data/f; echo x > /other/x; grep -c -E ' /(data|other|third) ' /proc/mounts"},
             "declared") == "image\n3\n");
  CHECK(ecrin.must({"volume", "ls", "-q"}).empty());
  CHECK(out_of(ecrin, {"-v", "named:/data"}, {"cat", "/data/f"}, "declared") == "image\n");
  CHECK(ecrin.must({"volume", "ls", "-q"}) == "named");
  CHECK(out_of(ecrin, {"--image-volume", "tmpfs"},
               {"sh", "-c", "ls /data; grep -c ' /data tmpfs ' /proc/mounts"}, "declared") == "1\n");
  CHECK(out_of(ecrin, {"--image-volume", "ignore"},
               {"sh", "-c", "cat /data/f; grep -c ' /data ' /proc/mounts || true"},
               "declared") == "image\n0\n");
  CHECK(one_error(run_in(ecrin, {"--image-volume", "what"}, {"true"})));
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("mount points that a container needed are no changes of its tree") {
  Ecrin ecrin;
  ecrin.context("Containerfile", "FROM localhost/busybox\nVOLUME /deep/inside /other\n");
  ecrin.must({"build", "-q", "-t", "declared", ecrin.context_directory()});
  ecrin.must({"run", "--name", "user", "--network", "none", "--read-only", "-v", "v:/mine", "--tmpfs",
              "/run/x", "declared", "sh", "-c",
              "grep -q ' /run/x ' /proc/mounts && touch /var/tmp/f /run/x/f /other/f"});
  CHECK(ecrin.must({"diff", "user"}).empty());
  ecrin.must({"rm", "user"});
}

TEST_CASE("a volume that a container mounts is neither removed nor pruned") {
  Ecrin ecrin;
  Running container(ecrin.invocation({"run", "--rm", "-i", "--network", "none", "-v", "busy:/v", "busybox",
                                      "sh", "-c", "echo kept > /v/f; echo ready; cat"}));
  REQUIRE(container.wait_for_output("ready"));
  ecrin.must({"volume", "create", "idle"});
  const Outcome refused = ecrin({"volume", "rm", "busy"});
  CHECK(refused.code == 2);
  CHECK(one_error(refused));
  CHECK(ecrin.must({"volume", "ls", "-q", "--filter", "dangling=false"}) == "busy");
  CHECK(ecrin.must({"volume", "ls", "-q", "--filter", "dangling=true"}) == "idle");
  const std::string pruned = ecrin.must({"prune", "-f", "--volumes"});
  CHECK(contains(pruned, "idle"));
  CHECK_FALSE(contains(pruned, "busy"));
  container.end_input();
  CHECK(container.wait().code == 0);
  CHECK(out_of(ecrin, {"-v", "busy:/v"}, {"cat", "/v/f"}) == "kept\n");
  ecrin.must({"volume", "rm", "busy"});
  CHECK(names_in(ecrin.root() + "/volumes").empty());
}

TEST_CASE("a volume is free when its container is removed whose directory has gone") {
  Ecrin ecrin;
  for (const Arguments& removal : {Arguments{"rm", "user"}, Arguments{"container", "prune", "-f"}}) {
    ecrin.must({"run", "--name", "user", "--network", "none", "-v", "kept:/v", "busybox", "true"});
    for (const std::string& id : names_in(ecrin.root() + "/containers"))
      std::filesystem::rename(ecrin.root() + "/containers/" + id, ecrin.root() + "/tmp/" + id);
    ecrin.must(removal);
    CHECK(ecrin.must({"ps", "-aq"}).empty());
    ecrin.must({"volume", "rm", "kept"});
  }
}

TEST_CASE("images are mounted into containers") {
  Ecrin ecrin;
  ecrin.must({"create", "--name", "user", "--mount", "type=image,src=busybox,dst=/i", "busybox", "true"});
  CHECK(ecrin.inspect("user")["Mounts"][0]["Type"] == "image");
  ecrin.must({"rm", "user"});
  ecrin.build("from: scratch\nname: tools\nsteps: [{write: {dest: /opt/tool, content: \"tool\\n\"}}]\n");
  const auto mount = [](const std::string& more) {
    return Arguments{"--mount", "type=image,source=tools,destination=/tools" + more};
  };
  CHECK(out_of(ecrin, mount(""), {"cat", "/tools/opt/tool"}) == "tool\n");
  CHECK(run_in(ecrin, mount(""), {"touch", "/tools/x"}).code != 0);
  CHECK(out_of(ecrin, mount(",rw=true"), {"sh", "-c", "echo x > /tools/x; cat /tools/x"}) == "x\n");
  CHECK(out_of(ecrin, mount(""), {"ls", "/tools"}) == "opt\n");
  CHECK(out_of(ecrin, mount(",subpath=/opt"), {"cat", "/tools/tool"}) == "tool\n");
  CHECK(run_in(ecrin, {"--mount", "type=image,source=none,destination=/t"}, {"true"}).code == 125);
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("U gives a directory to the container's user, and mounts on mounts come in their order") {
  Ecrin ecrin;
  const std::string host = ecrin.scratch() / "host";
  write_file(host + "/sub/file", "1\n");
  CHECK(out_of(ecrin, {"--user", "7:8", "-v", host + ":/in:U,z"},
               {"sh", "-c", "stat -c %u:%g /in /in/sub/file"}) == "7:8\n7:8\n");
  CHECK(out_of(ecrin, {"-v", host + ":/in:U"}, {"sh", "-c", "stat -c %u:%g /in /in/sub/file"}) ==
        "0:0\n0:0\n");
  const std::string other = ecrin.scratch() / "other";
  write_file(other + "/seen", "");
  CHECK(out_of(ecrin, {"-v", other + ":/a/sub", "-v", host + ":/a"}, {"ls", "/a/sub"}) == "seen\n");
}

TEST_CASE("a container gets the volumes of another one, and keeps them") {
  Ecrin ecrin;
  const std::string host = ecrin.scratch() / "host";
  write_file(host + "/file", "host\n");
  ecrin.must({"create", "--name", "first", "--network", "none", "-v", "data:/data", "-v", "/anon", "-v",
              host + ":/in", "--tmpfs", "/t", "busybox", "sh", "-c", "echo d > /data/x; echo a > /anon/x"});
  ecrin.must({"start", "-a", "first"});
  CHECK(out_of(ecrin, {"--network", "none", "--volumes-from", "first:ro"},
               {"sh", "-c",
                "cat /data/x /anon/x /in/file; touch /data/no 2>/dev/null || echo kept; ls -d /t || true"}) ==
        "d\na\nhost\nkept\n");
  // One's own mounts win.
  CHECK(out_of(ecrin, {"--network", "none", "--volumes-from", "first", "--tmpfs", "/data"}, {"ls", "/data"})
            .empty());
  ecrin.must({"run", "-d", "--name", "second", "--network", "none", "--stop-timeout", "0", "--volumes-from",
              "first", "busybox", "sleep", "1000"});
  ecrin.must({"rm", "first"});
  ecrin.must({"restart", "second"});
  CHECK(ecrin.must({"exec", "second", "cat", "/anon/x", "/in/file"}) == "a\nhost");
  ecrin.must({"rm", "-f", "second"});
  const Outcome missing = run_in(ecrin, {"--volumes-from", "first"}, {"true"});
  CHECK(missing.code == 125);
  CHECK(one_error(missing));
}
