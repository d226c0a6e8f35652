#include "run/emulation/platform_support.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <fstream>

#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

oci::Platform platform(std::string_view text) {
  return oci::Platform::parse(text).value();
}

PlatformFacts on(std::string_view host) {
  return {.host = platform(host)};
}

PlatformFacts with_emulator(PlatformFacts facts) {
  facts.emulator = "/usr/bin/qemu-static";
  return facts;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("programs for the host's own processor run natively, whatever their variant") {
  CHECK(decide(platform("linux/amd64"), on("linux/amd64")) == ProgramsRun::natively);
  CHECK(decide(platform("linux/amd64/v3"), on("linux/amd64")) == ProgramsRun::natively);
  CHECK(decide(platform("linux/arm64/v8"), on("linux/arm64")) == ProgramsRun::natively);
}

TEST_CASE("what runs as things are is left as it is") {
  PlatformFacts facts = with_emulator(on("linux/amd64"));
  facts.runs = true;
  CHECK(decide(platform("linux/arm64"), facts) == ProgramsRun::by_registration);
  CHECK(decide(platform("linux/386"), facts) == ProgramsRun::natively);
  PlatformFacts arm = on("linux/arm64");
  arm.runs = true;
  CHECK(decide(platform("linux/arm/v7"), arm) == ProgramsRun::natively);
  CHECK(decide(platform("linux/amd64"), arm) == ProgramsRun::by_registration);
}

TEST_CASE("an emulator is registered where nothing else runs the programs") {
  for (const char* name : {"linux/arm64", "linux/arm/v7", "linux/386", "linux/riscv64", "linux/s390x"})
    CHECK(decide(platform(name), with_emulator(on("linux/amd64"))) == ProgramsRun::by_emulator);
}

TEST_CASE("where owners are kept by answering calls, 32-bit programs are emulated if possible") {
  PlatformFacts facts = on("linux/amd64");
  facts.runs = true;
  facts.answers_calls = true;
  CHECK(decide(platform("linux/386"), facts) == ProgramsRun::natively);
  facts = with_emulator(facts);
  CHECK(decide(platform("linux/386"), facts) == ProgramsRun::by_emulator);
  CHECK(decide(platform("linux/arm64"), facts) == ProgramsRun::by_registration);
  facts.binfmt_code = EPERM;
  CHECK(decide(platform("linux/386"), facts) == ProgramsRun::natively);
}

TEST_CASE("what is missing is named with the fix") {
  PlatformFacts facts = on("linux/amd64");
  facts.emulator_problem = "there is no qemu-aarch64-static in PATH";
  const auto none = decide(platform("linux/arm64"), facts);
  REQUIRE_FALSE(none);
  CHECK(none.error().kind() == ErrorKind::unsupported);
  CHECK(none.error().message() ==
        "cannot run programs for linux/arm64 on this linux/amd64 host: there is no qemu-aarch64-static in "
        "PATH");
  CHECK(contains(none.error().hint_text(), "apt-get install qemu-user-static"));

  facts = with_emulator(on("linux/amd64"));
  facts.binfmt_code = EPERM;
  const auto old = decide(platform("linux/arm64"), facts);
  REQUIRE_FALSE(old);
  CHECK(contains(old.error().hint_text(), "Linux 6.7"));
  CHECK(contains(old.error().hint_text(), "binfmt-support"));
  facts.binfmt_code = ENODEV;
  CHECK(contains(decide(platform("linux/arm64"), facts).error().hint_text(), "modprobe binfmt_misc"));
  facts.binfmt_code = ENOSPC;
  CHECK(contains(decide(platform("linux/arm64"), facts).error().message(), "No space left"));
  facts.binfmt_code = 0;
  facts.in_user_namespace = false;
  CHECK(contains(decide(platform("linux/arm64"), facts).error().message(), "for the whole host"));
}

TEST_CASE("other systems and unknown processors are refused whatever there is") {
  PlatformFacts facts = with_emulator(on("linux/amd64"));
  facts.runs = true;
  for (const char* name : {"windows/amd64", "freebsd/arm64", "linux/sparc"}) {
    const auto refused = decide(platform(name), facts);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::unsupported);
    CHECK(contains(refused.error().message(), name));
  }
}

TEST_CASE("an emulator must be a static program of this host") {
  const test::TempDirectory directory;
  const auto put = [&](const std::string& name, const std::string& from) {
    std::ofstream(directory.path(name), std::ios::binary) << std::ifstream(from, std::ios::binary).rdbuf();
    ::chmod(directory.path(name).c_str(), 0755);
  };
  CHECK(contains(find_emulator("arm64", directory.path()).problem, "no qemu-aarch64-static in PATH"));
  put("qemu-aarch64", "/proc/self/exe");  // tests are linked dynamically
  const FoundEmulator dynamic = find_emulator("arm64", directory.path());
  CHECK(dynamic.path.empty());
  CHECK(contains(dynamic.problem, "linked dynamically"));
  put("qemu-aarch64-static", "/etc/passwd");
  CHECK(find_emulator("arm64", directory.path()).path.empty());
  CHECK(find_emulator("sparc", directory.path()).path.empty());
}
