// Containerfiles, one behaviour each: the image that ecrin makes of them is the one that buildah makes, in
// config and tree, or the one that docker documents where buildah differs
// (tests/conformance/containerfiles/check.py).
#include "tests/conformance/tools.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

void check_cases(const std::vector<std::string>& topics) {
  Ecrin ecrin(Ecrin::Base::none);
  Arguments argv = {"python3",   setting().source + "/tests/conformance/containerfiles/check.py",
                    "--ecrin",   setting().ecrin,
                    "--base",    setting().busybox,
                    "--scratch", ecrin.scratch() / "work"};
  for (const std::string& topic : topics) argv.push_back(topic + "-*");
  Invocation invocation = host_command(std::move(argv));
  invocation.timeout = std::chrono::seconds(900);
  const Outcome outcome = run(invocation);
  INFO(outcome.description);
  CHECK(outcome.code == 0);
}

}  // namespace

TEST_CASE("containerfiles: stages") {
  check_cases({"from", "onbuild", "maintainer"});
}
TEST_CASE("containerfiles: arguments") {
  check_cases({"arg"});
}
TEST_CASE("containerfiles: variables and labels") {
  check_cases({"env", "label"});
}
TEST_CASE("containerfiles: syntax") {
  check_cases({"syntax", "heredoc"});
}
TEST_CASE("containerfiles: run") {
  check_cases({"run", "mount"});
}
TEST_CASE("containerfiles: copy") {
  check_cases({"copy"});
}
TEST_CASE("containerfiles: add, workdir and user") {
  check_cases({"add", "workdir", "user"});
}
TEST_CASE("containerfiles: config") {
  check_cases({"cmd", "entrypoint", "expose", "volume", "stopsignal", "healthcheck", "shell"});
}
TEST_CASE("containerfiles: ignore files") {
  check_cases({"ignore"});
}
