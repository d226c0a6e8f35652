// Programs for other processors, on a host that has registered no emulator for them.
#include <memory>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/foreign_program.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// busybox beside them is this machine's own: programs of both kinds start each other.
constexpr const char* k_recipe = R"(
from: scratch
steps:
  - copy: {from: localhost/busybox, src: /, dest: /}
  - copy: {src: hello, dest: /hello, mode: 0755}
  - copy: {src: start, dest: /start, mode: 0755}
  - run: [/hello]
  - run: /start /hello > /out && /start /bin/sh -c '/start /start /hello; /hello' >> /out
)";

std::string missing(const std::string& emulator) {
  if (run(host_command({"sh", "-c", "command -v " + emulator + "-static"})).code != 0)
    return "this host has no " + emulator + "-static";
  if (run(host_command({"unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "binfmt_misc",
                        "none", "/mnt"}))
          .code != 0)
    return "this kernel has no binfmt_misc for user namespaces";
  return "";
}

struct Kind {
  Processor processor;
  std::string architecture;
};

void make_context(const Ecrin& ecrin, Processor processor) {
  ecrin.context("hello", program_that_says(processor, "hello\n"), 0755);
  ecrin.context("start", program_that_starts(processor), 0755);
}

Arguments on_arm64(Arguments flags) {
  flags.insert(flags.begin(), {"--platform", "linux/arm64"});
  return flags;
}

/// With the command in a user namespace of its own, in which `script` has changed the mounts.
Outcome after(const std::string& script, Invocation invocation) {
  const Arguments words = {"unshare", "--user", "--map-root-user",          "--mount", "--",
                           "sh",      "-c",     script + " && exec \"$@\"", "sh"};
  invocation.argv.insert(invocation.argv.begin(), words.begin(), words.end());
  return run(invocation);
}

}  // namespace

TEST_CASE("images for other processors are built and run") {
  const Kind kind = GENERATE(Kind{Processor::arm64, "arm64"}, Kind{Processor::riscv64, "riscv64"});
  INFO(kind.architecture);
  if (const auto lack = missing(kind.architecture == "arm64" ? "qemu-aarch64" : "qemu-riscv64");
      !lack.empty())
    ECRIN_SKIP(lack);
  Ecrin ecrin;
  make_context(ecrin, kind.processor);
  const std::string platform = "linux/" + kind.architecture;
  ecrin.build(k_recipe, {"--platform", platform, "-t", "app"});
  CHECK(ecrin.inspect("app").at("Architecture") == kind.architecture);
  CHECK(out_of(ecrin, {"--platform", platform}, {"cat", "/out"}, "app") == "hello\nhello\nhello\n");
  CHECK(out_of(ecrin, {"--platform", platform}, {"/start", "/hello"}, "app") == "hello\n");
  // Who does not say it hears of it.
  const Outcome unasked = run_in(ecrin, {}, {"/hello"}, "app");
  INFO(unasked.description);
  CHECK(unasked.out == "hello\n");
  CHECK(contains(unasked.err, platform));
  // Nothing of the emulator is in the image, and the steps are found again.
  CHECK_FALSE(contains(out_of(ecrin, {}, {"find", "/", "-xdev"}, "app"), "qemu"));
  const Outcome again = ecrin.try_build(k_recipe, {"--platform", platform, "--progress", "json"});
  CHECK(count_state(step_reports(again), "done") == 0);
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("whatever starts programs of an image for another processor can do so") {
  if (const auto lack = missing("qemu-aarch64"); !lack.empty()) ECRIN_SKIP(lack);
  Ecrin ecrin;
  make_context(ecrin, Processor::arm64);
  ecrin.build(k_recipe, on_arm64({"-t", "app"}));
  SECTION("containers that are started, entered and started again") {
    ecrin.must(
        {"create", "--name", "one", "--platform", "linux/arm64", "app", "/start", "/bin/sleep", "600"});
    for (int i = 0; i < 2; ++i) {
      ecrin.must({"start", "one"});
      CHECK(ecrin.must({"exec", "one", "/start", "/hello"}) == "hello");
      ecrin.must({"stop", "-t", "0", "one"});
    }
    ecrin.must({"rm", "one"});
  }
  SECTION("a step that failed") {
    const Outcome failed =
        ecrin.try_build(std::string(k_recipe) + "  - run: /hello && exit 3\n", on_arm64({}));
    INFO(failed.description);
    CHECK(failed.code == 3);
    CHECK(ecrin.must({"debug", "--", "/start", "/hello"}) == "hello");
  }
  SECTION("a system that is entered") {
    CHECK(ecrin.must({"enter", "--platform", "linux/arm64", "app", "/start", "/hello"}) == "hello");
  }
  SECTION("a build by a script") {
    ecrin.must({"from", "--platform", "linux/arm64", "--name", "work", "app"});
    CHECK(ecrin.must({"run", "--into", "work", "/start", "/hello"}) == "hello");
    ecrin.must({"commit", "work", "made"});
    CHECK(ecrin.inspect("made").at("Architecture") == "arm64");
  }
  SECTION("several processors in one build") {
    if (const auto lack = missing("qemu-riscv64"); !lack.empty()) ECRIN_SKIP(lack);
    ecrin.context("hello-arm64", program_that_says(Processor::arm64, "arm64\n"), 0755);
    ecrin.context("hello-riscv64", program_that_says(Processor::riscv64, "riscv64\n"), 0755);
    ecrin.build(
        "from: scratch\nsteps:\n"
        "  - copy: {src: \"hello-${TARGETARCH}\", dest: /hello, mode: 0755}\n"
        "  - run: [/hello]\n",
        {"--platform", "linux/arm64,linux/riscv64", "-t", "both"});
    for (const std::string architecture : {"arm64", "riscv64"})
      CHECK(out_of(ecrin, {"--platform", "linux/" + architecture}, {"/hello"}, "both") ==
            architecture + "\n");
  }
}

TEST_CASE("an emulator runs programs in a user namespace with one id, and keeps their owners",
          "[any-driver]") {
  if (const auto lack = missing("qemu-aarch64"); !lack.empty()) ECRIN_SKIP(lack);
  Ecrin ecrin;
  make_context(ecrin, Processor::arm64);
  const std::string recipe = std::string(k_recipe) + "  - run: [/start, /bin/chown, \"7:8\", /out]\n";
  const std::string expected = ecrin.build(recipe, on_arm64({"-t", "app"}));
  Ecrin other;
  make_context(other, Processor::arm64);
  const Outcome single = after("true", other.build_invocation(recipe, on_arm64({"-q", "-t", "app"})));
  INFO(single.description);
  REQUIRE(single.code == 0);
  CHECK(trimmed(single.out) == expected);
}

TEST_CASE("32-bit programs of this processor run without an emulator") {
  Ecrin ecrin;
  ecrin.context("hello", program_that_says(Processor::i386, "hello\n"), 0755);
  if (run(host_command({ecrin.context_directory() + "/hello"})).out != "hello\n")
    ECRIN_SKIP("this kernel runs no 32-bit programs");
  const std::string recipe =
      "from: scratch\nsteps:\n  - copy: {src: hello, dest: /hello, mode: 0755}\n  - run: [/hello]\n";
  const auto check = [&](const auto& invoke) {
    const Outcome built =
        invoke(ecrin.build_invocation(recipe, {"--platform", "linux/386", "-q", "-t", "app"}));
    INFO(built.description);
    REQUIRE(built.code == 0);
    CHECK(ecrin.inspect("app").at("Architecture") == "386");
    const Outcome ran = invoke(ecrin.invocation({"run", "--rm", "--platform", "linux/386", "app", "/hello"}));
    INFO(ran.description);
    CHECK(ran.out == "hello\n");
  };
  SECTION("in a user namespace with many ids") {
    check([](const Invocation& invocation) { return run(invocation); });
  }
  // There an emulator is preferred, which keeps owners.
  SECTION("in one with a single id") {
    check([](const Invocation& invocation) {
      return after("mount --bind /dev/null /usr/bin/qemu-i386-static; true", invocation);
    });
  }
}

TEST_CASE("what is missing for another processor is told before anything is done", "[any-driver]") {
  if (const auto lack = missing("qemu-aarch64"); !lack.empty()) ECRIN_SKIP(lack);
  Ecrin ecrin;
  make_context(ecrin, Processor::arm64);
  const std::string without = "mount --bind /dev/null /usr/bin/qemu-aarch64-static";
  const Outcome build = after(without, ecrin.build_invocation(k_recipe, on_arm64({"--progress", "plain"})));
  INFO(build.description);
  CHECK(one_error(build));
  CHECK(contains(build.err, "there is no qemu-aarch64-static in PATH"));
  CHECK(contains(build.err, "apt-get install qemu-user-static"));
  CHECK_FALSE(contains(build.err, "[1/"));
  // Files can be made for it, and containers too, only not started.
  const std::string files = "from: scratch\nsteps:\n  - copy: {src: hello, dest: /hello, mode: 0755}\n";
  const Outcome copied = after(without, ecrin.build_invocation(files, on_arm64({"-t", "app"})));
  INFO(copied.description);
  CHECK(copied.code == 0);
  const Outcome made = after(without, ecrin.invocation({"create", "--name", "one", "app", "/hello"}));
  INFO(made.description);
  CHECK(made.code == 0);
  for (const Arguments& words : {Arguments{"start", "one"}, Arguments{"run", "--rm", "app", "/hello"},
                                 Arguments{"run", "--rm", "--platform", "linux/arm64", "none", "/hello"}}) {
    const Outcome refused = after(without, ecrin.invocation(words));
    INFO(refused.description);
    CHECK(refused.code == 125);
    CHECK(contains(refused.err, "apt-get install qemu-user-static"));
  }
  const Outcome dynamic = after("mount --bind /bin/ls /usr/bin/qemu-aarch64-static",
                                ecrin.invocation({"run", "--rm", "app", "/hello"}));
  INFO(dynamic.description);
  CHECK(one_error(dynamic));
  CHECK(contains(dynamic.err, "linked dynamically"));
  const Outcome doctor = after(without, ecrin.invocation({"doctor", "--format", "json"}));
  INFO(doctor.description);
  CHECK(contains(doctor.out, "programs cannot be run for arm64"));
  CHECK(contains(doctor.out, "apt-get install qemu-user-static"));
}

TEST_CASE("a program for another processor is called one where it cannot be executed", "[any-driver]") {
  Ecrin ecrin;
  make_context(ecrin, Processor::arm64);
  ecrin.context("damaged", program_that_says(Processor::arm64, "").substr(0, 18) + "\x01\x02 and more", 0755);
  ecrin.context("text", "no program\n", 0755);
  ecrin.build(
      "from: localhost/busybox\nsteps:\n"
      "  - copy: {src: [hello, damaged, text], dest: /, mode: 0755}\n",
      {"-t", "app"});
  const auto said = [&](const std::string& program) {
    const Outcome outcome = run_in(ecrin, {}, {program}, "app");
    INFO(outcome.description);
    CHECK(outcome.code == 126);
    CHECK(one_error(outcome));
    return outcome.err;
  };
  const std::string hello = said("/hello");
  CHECK(contains(hello, "it is a program for arm64"));
  CHECK(contains(hello, "--platform linux/arm64"));
  CHECK(contains(said("/damaged"), "for another processor (number 513 of ELF)"));
  CHECK(contains(said("/text"), "no #! line"));
  for (const std::string platform : {"windows/amd64", "linux/sparc"}) {
    const Outcome refused = run_in(ecrin, {"--platform", platform}, {"/hello"}, "app");
    INFO(refused.description);
    CHECK(refused.code == 125);
    CHECK(one_error(refused));
    CHECK(contains(refused.err, "cannot run programs for " + platform));
  }
}

TEST_CASE("a Debian for arm64 is bootstrapped, built on and run", "[any-driver][heavy]") {
  if (const auto lack = missing("qemu-aarch64"); !lack.empty()) ECRIN_SKIP(lack);
  const Outcome sources = run(host_command({"apt-get", "indextargets", "--format", "$(RELEASE)"}));
  if (!contains(sources.out, "bookworm")) ECRIN_SKIP("the apt sources of this host have no bookworm");
  Ecrin ecrin(Ecrin::Base::none);
  const std::string recipe =
      "from: {bootstrap: debian, suite: bookworm, variant: minbase}\n"
      "steps:\n"
      "  - run: useradd somebody && uname -m > /arch && dpkg --print-architecture >> /arch\n"
      "  - run: cp /usr/bin/id /id && chmod 4755 /id && su somebody -c '/id -u' >> /arch\n";
  Invocation invocation = ecrin.build_invocation(recipe, on_arm64({"-t", "system"}));
  invocation.timeout = std::chrono::seconds(850);
  const Outcome built = run(invocation);
  INFO(built.description);
  REQUIRE(built.code == 0);
  CHECK(ecrin.inspect("system").at("Architecture") == "arm64");
  CHECK(out_of(ecrin, {"--platform", "linux/arm64"}, {"cat", "/arch"}, "system") == "aarch64\narm64\n0\n");
  // Other users, and the names that programs give each other.
  CHECK(out_of(ecrin, {"--platform", "linux/arm64"},
               {"/bin/bash", "-c", "su somebody -c 'id -un'; exec -a other sh -c 'echo $0'"},
               "system") == "somebody\nother\n");
}
