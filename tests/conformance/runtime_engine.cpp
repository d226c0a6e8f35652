#include "tests/conformance/runtime_engine.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/setting.hpp"

namespace ecrin::tests {

std::string runtime_program(const Scratch& scratch) {
  const std::string link = scratch / "ecrin-runtime";
  if (!exists(link)) succeeded(run(host_command({"ln", "-s", setting().ecrin, link})));
  return link;
}

std::string succeeded(const Outcome& outcome) {
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return trimmed(outcome.out);
}

bool is_installed(const std::string& program) {
  return run(host_command({"sh", "-c", "command -v -- \"$1\"", "sh", program})).code == 0;
}

Podman::Podman() : m_tools(m_scratch), m_runtime(runtime_program(m_scratch)) {
  must({"pull", "oci-archive:" + setting().busybox});
}

Podman::~Podman() {
  (void)(*this)({"rm", "--all", "--force", "--time", "0"});
}

Invocation Podman::invocation(const Arguments& arguments) const {
  Arguments words = {"--runtime", m_runtime};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return m_tools.podman_invocation(std::move(words));
}

Outcome Podman::operator()(const Arguments& arguments) const {
  return tests::run(invocation(arguments));
}

std::string Podman::must(const Arguments& arguments) const {
  return succeeded((*this)(arguments));
}

Outcome Podman::run(Arguments flags, const Arguments& command) const {
  flags.insert(flags.begin(), {"run", "--rm", "--network", "none"});
  flags.emplace_back("localhost/busybox");
  flags.insert(flags.end(), command.begin(), command.end());
  return (*this)(flags);
}

std::string Podman::must_run(const Arguments& flags, const Arguments& command) const {
  return succeeded(run(flags, command));
}

void Podman::detached(const std::string& name, const Arguments& command, Arguments flags) const {
  flags.insert(flags.begin(), {"run", "--detach", "--name", name, "--network", "none"});
  flags.emplace_back("localhost/busybox");
  flags.insert(flags.end(), command.begin(), command.end());
  must(flags);
}

std::string Podman::state(const std::string& name, const std::string& field) const {
  return must({"inspect", "--format", "{{.State." + field + "}}", name});
}

}  // namespace ecrin::tests
