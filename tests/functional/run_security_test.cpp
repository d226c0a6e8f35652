// ecrin run --security-opt: filters of system calls from files, what is hidden, privileges.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

// Everything is allowed but chroot without its capability, and but mkdir.
constexpr const char* k_profile = R"({"defaultAction":"SCMP_ACT_ALLOW",
  "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]},
             {"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]}],
  "syscalls":[
    {"names":["chroot"],"action":"SCMP_ACT_ERRNO","errno":"EXDEV","excludes":{"caps":["CAP_SYS_CHROOT"]}},
    {"names":["mkdir","mkdirat","no_such_call"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]})";

}  // namespace

TEST_CASE("a profile of system calls from a file") {
  Ecrin ecrin;
  write_file(ecrin.scratch() / "here/profile.json", k_profile);
  const std::string option = "seccomp=" + (ecrin.scratch() / "here/profile.json");
  const Outcome made = run_in(ecrin, {"--security-opt", option}, {"mkdir", "/made"});
  CHECK(made.code == 1);
  CHECK(contains(made.err, "No space left"));
  CHECK(run_in(ecrin, {"--security-opt", option}, {"chroot", "/", "true"}).code == 0);
  const Outcome refused =
      run_in(ecrin, {"--security-opt", option, "--cap-drop", "all"}, {"chroot", "/", "true"});
  CHECK(contains(refused.err, "ross-device"));
  CHECK(out_of(ecrin, {"--security-opt", "seccomp=unconfined"}, {"grep", "Seccomp:", "/proc/self/status"}) ==
        "Seccomp:\t0\n");
  write_file(ecrin.scratch() / "bad.json", "{\"defaultAction\": 5}");
  for (const char* name : {"bad.json", "missing.json"}) {
    const Outcome bad = run_in(ecrin, {"--security-opt", "seccomp=" + (ecrin.scratch() / name)}, {"true"});
    INFO(bad.description);
    CHECK(bad.code == 125);
    CHECK(one_error(bad));
  }
}

TEST_CASE("a profile is that of later programs and starts too") {
  Ecrin ecrin;
  write_file(ecrin.scratch() / "here/profile.json", k_profile);
  Invocation made = ecrin.invocation({"run", "-d", "--name", "c", "--stop-timeout", "0", "--security-opt",
                                      "seccomp=profile.json", "busybox", "sleep", "1000"});
  made.directory = ecrin.scratch() / "here";
  const Outcome started = run(made);
  INFO(started.description);
  REQUIRE(started.code == 0);
  CHECK(ecrin({"exec", "c", "mkdir", "/made"}).code == 1);
  CHECK(ecrin({"exec", "--privileged", "c", "mkdir", "/made"}).code == 0);
  ecrin.must({"restart", "c"});
  CHECK(ecrin({"exec", "c", "mkdir", "/other"}).code == 1);
  ecrin.must({"rm", "-f", "c"});
}

TEST_CASE("what is hidden, what is not, and setuid programs") {
  Ecrin ecrin;
  CHECK(out_of(ecrin, {"--security-opt", "mask=/etc/passwd"}, {"cat", "/etc/passwd"}).empty());
  const Arguments shows = {"sh", "-c", "grep -c ' /proc/sys ' /proc/mounts || true"};
  CHECK(out_of(ecrin, {}, shows) == "1\n");
  CHECK(out_of(ecrin, {"--security-opt", "unmask=/proc/s*"}, shows) == "0\n");
  const Arguments privileges = {"grep", "NoNewPrivs", "/proc/self/status"};
  CHECK(out_of(ecrin, {}, privileges) == "NoNewPrivs:\t1\n");
  CHECK(out_of(ecrin, {"--security-opt", "no-new-privileges=false"}, privileges) == "NoNewPrivs:\t0\n");
  CHECK(out_of(ecrin, {"--security-opt", "label=disable", "--security-opt", "apparmor=unconfined"},
               {"echo", "x"}) == "x\n");
  for (const char* option : {"what", "label=x", "mask=etc", "seccomp="}) {
    const Outcome refused = run_in(ecrin, {"--security-opt", option}, {"true"});
    CHECK(refused.code == 125);
    CHECK(one_error(refused));
  }
}

TEST_CASE("devices of vendors, with their hooks") {
  Ecrin ecrin;
  const std::string specs = ecrin.scratch() / "cdi";
  const std::string log = ecrin.scratch() / "log";
  write_file(specs + "/hook", "#!/bin/sh\necho $1 >> " + log + "\ncat > /dev/null\n", 0755);
  std::string hooks;
  for (const char* name : {"createRuntime", "createContainer", "poststart", "poststop"})
    hooks += std::string("        - {hookName: ") + name + ", path: " + specs + "/hook, args: [hook, " +
             name + "]}\n";
  write_file(specs + "/gadget.yaml",
             "cdiVersion: 0.6.0\nkind: example.com/gadget\ndevices:\n  - name: one\n    containerEdits:\n"
             "      env: [GADGET=one]\n      deviceNodes: [{path: /dev/gadget, hostPath: /dev/zero}]\n      "
             "hooks:\n" +
                 hooks);
  CHECK(out_of(ecrin, {"--cdi-spec-dir", specs, "--device", "example.com/gadget=one"},
               {"sh", "-c", "echo $GADGET; head -c 3 /dev/gadget | wc -c"}) == "one\n3\n");
  CHECK(read_file(log) == "createRuntime\ncreateContainer\npoststart\npoststop\n");
  const Outcome missing =
      run_in(ecrin, {"--cdi-spec-dir", specs, "--device", "example.com/gadget=two"}, {"true"});
  CHECK(missing.code == 125);
  CHECK(one_error(missing));
}
