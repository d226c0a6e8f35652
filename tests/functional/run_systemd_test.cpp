// ecrin run --systemd: what an init finds in its container. That systemd itself boots is checked where
// cgroups are delegated (tests/vm).
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

TEST_CASE("an init has its file systems, is process 1 and is told where it is") {
  Ecrin ecrin;
  const std::string tools = ecrin.scratch() / "tools";
  write_file(
      tools + "/systemd",
      "#!/bin/sh\necho $$ $container ${#container_uuid}\n"
      "for place in /run /run/lock /tmp /var/log/journal; do grep -c \" $place tmpfs \" /proc/mounts; done\n"
      "grep NoNewPrivs /proc/self/status\n",
      0755);
  const std::string found = "1 oci 32\n1\n1\n1\n1\nNoNewPrivs:\t0\n";
  CHECK(out_of(ecrin, {"-v", tools + ":/tools"}, {"/tools/systemd"}) == found);
  CHECK_FALSE(out_of(ecrin, {"-v", tools + ":/tools", "--systemd=false"}, {"/tools/systemd"}) == found);
}

TEST_CASE("an init is stopped by its own signal") {
  Ecrin ecrin;
  const std::string tools = ecrin.scratch() / "tools";
  write_file(tools + "/systemd", "#!/bin/sh\ntrap 'exit 9' 37\necho ready\nwhile :; do sleep 0.05; done\n",
             0755);
  ecrin.must({"run", "-d", "--name", "c", "-v", tools + ":/tools", "busybox", "/tools/systemd"});
  for (int tries = 0; tries < 200 && !contains(ecrin({"logs", "c"}).out, "ready"); ++tries)
    run(host_command({"sleep", "0.05"}));
  ecrin.must({"stop", "c"});
  CHECK(ecrin({"wait", "c"}).out == "9\n");
}

TEST_CASE("where no cgroup is delegated that is said before anything runs") {
  Ecrin ecrin;
  const Outcome refused = run_in(ecrin, {"--systemd=always"}, {"true"});
  if (refused.code == 0) ECRIN_SKIP("this user has cgroups");
  CHECK(refused.code == 125);
  CHECK(one_error(refused));
  CHECK(contains(refused.err, "cgroup"));
  CHECK(contains(refused.err, "hint: "));
  CHECK(ecrin({"ps", "-aq"}).out.empty());
}
