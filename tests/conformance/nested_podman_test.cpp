// ecrin in containers of Debian's podman: with no flag but a volume for the store, and under a filter and
// with capabilities as docker has them. The image is the one that is built outside.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/conformance/runtime_engine.hpp"
#include "tests/conformance/tools.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

constexpr const char* k_recipe = R"sh(from: localhost/busybox
steps:
  - run: mkdir /made && echo made > /made/file && chmod 4755 /made/file && chown 33:44 /made/file
  - run: test -c /dev/null && echo x > /dev/null && ls /proc/self/fd | wc -l > /dev/null && echo y | cat /dev/stdin > /made/y
  - run: rm /made/y && ln -s file /made/link && chown -h 5:6 /made/link
)sh";

/// What docker's filter refuses to a container without CAP_SYS_ADMIN.
std::string docker_filter() {
  using nlohmann::json;
  constexpr unsigned namespaces[] = {0x00020000, 0x02000000, 0x04000000, 0x08000000,
                                     0x10000000, 0x20000000, 0x40000000};
  json calls = json::array();
  calls.push_back({{"names",
                    {"unshare", "setns", "mount", "umount", "umount2", "pivot_root", "fsopen", "fsconfig",
                     "fsmount", "move_mount", "open_tree", "mount_setattr", "keyctl", "add_key",
                     "sethostname", "open_by_handle_at", "pidfd_getfd"}},
                   {"action", "SCMP_ACT_ERRNO"},
                   {"errnoRet", 1}});
  calls.push_back({{"names", {"clone3"}}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", 38}});
  for (const unsigned bit : namespaces)
    calls.push_back(
        {{"names", {"clone"}},
         {"action", "SCMP_ACT_ERRNO"},
         {"errnoRet", 1},
         {"args", {{{"index", 0}, {"value", bit}, {"valueTwo", bit}, {"op", "SCMP_CMP_MASKED_EQ"}}}}});
  return json{{"defaultAction", "SCMP_ACT_ALLOW"}, {"syscalls", calls}}.dump();
}

/// Containers with this host's programs.
class Outer {
public:
  Outer() : m_tools(m_ecrin.scratch()) {
    const Scratch& scratch = m_ecrin.scratch();
    for (const auto& [name, target] : {std::pair("bin", "usr/bin"), std::pair("sbin", "usr/sbin"),
                                       std::pair("lib", "usr/lib"), std::pair("lib64", "usr/lib64")}) {
      make_directory(scratch / "tree/usr");
      REQUIRE(::symlink(target, (scratch / ("tree/" + std::string(name))).c_str()) == 0);
    }
    for (const char* name : {"proc", "sys", "dev", "etc", "tmp", "w", "e", "run"})
      make_directory(scratch / "tree/" + name);
    write_file(scratch / "tree/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    write_file(scratch / "w/recipe.yaml", k_recipe);
    write_file(scratch / "w/filter.json", docker_filter());
    write_file(scratch / "w/busybox.tar", read_file(setting().busybox));
    make_directory(scratch / "w/context");
  }

  Outcome run(Arguments flags, const std::string& script) {
    const std::string program = setting().ecrin.substr(0, setting().ecrin.rfind('/'));
    Outcome last;
    // As in Tools::podman_run.
    for (const Arguments& how : {Arguments{"--runtime", "runc", "run"},
                                 Arguments{"--runtime", "crun", "run", "--cgroups=disabled"}}) {
      Arguments words = how;
      words.insert(words.end(), {"--rm", "--network", "none", "-v", "/usr:/usr:ro", "-v", program + ":/e:ro",
                                 "-v", m_ecrin.scratch() / "w:/w"});
      words.insert(words.end(), flags.begin(), flags.end());
      words.insert(words.end(), {"--rootfs", m_ecrin.scratch() / "tree", "sh", "-c", script});
      last = m_tools.podman(std::move(words));
      if (last.code == 0) break;
    }
    return last;
  }
  std::string filter() { return "seccomp=" + m_ecrin.scratch() / "w/filter.json"; }
  std::string expected() { return m_ecrin.build(k_recipe, {"--network", "host"}); }

  static std::string build(const std::string& store) {
    const std::string ecrin = "/e/ecrin --root " + store;
    return ecrin + " load -q -i /w/busybox.tar >&2 && " + ecrin +
           " build -q --network host -f /w/recipe.yaml /w/context && " + ecrin +
           " run --rm --network host busybox cat /proc/self/comm";
  }

private:
  Ecrin m_ecrin;
  Tools m_tools;
};

}  // namespace

TEST_CASE("ecrin builds in a container of podman with no flag but a volume") {
  Outer outer;
  const Outcome built = outer.run({}, Outer::build("/w/store"));
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(lines_of(built.out) == std::vector<std::string>{outer.expected(), "cat"});
  // Its /proc is masked, which is said, with the flag of podman that lifts it.
  CHECK(contains(built.err, "unmask=ALL"));
  const Outcome unmasked = outer.run({"--security-opt", "unmask=ALL"}, Outer::build("/w/other"));
  INFO(unmasked.description);
  CHECK(unmasked.code == 0);
  CHECK_FALSE(contains(unmasked.err, "unmask=ALL"));
}

TEST_CASE("ecrin builds as root of a container that may make no namespaces") {
  Outer outer;
  const Outcome built = outer.run({"--security-opt", outer.filter()}, Outer::build("/w/store"));
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(lines_of(built.out) == std::vector<std::string>{outer.expected(), "cat"});
  CHECK(contains(built.err, "podman run --security-opt seccomp=unconfined"));
}

TEST_CASE("where neither namespaces nor a root directory can be had, doctor and run say the same") {
  Outer outer;
  const Outcome said = outer.run({"--security-opt", outer.filter(), "--cap-drop", "SYS_CHROOT"},
                                 "/e/ecrin --root /w/store doctor --format json > /w/doctor.json; echo $?; "
                                 "/e/ecrin --root /w/store load -q -i /w/busybox.tar; echo $?");
  INFO(said.description);
  CHECK(said.code == 0);
  CHECK(lines_of(said.out) == std::vector<std::string>{"2", "125"});
  CHECK(contains(said.err, "podman run --security-opt seccomp=unconfined"));
}
