#include "cli/surroundings_flags.hpp"

#include <algorithm>

#include "cli/commands/commands.hpp"
#include "cli/container_request.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

Result<ContainerRequest> request_of(std::vector<std::string> words) {
  words.emplace_back("image");
  words.emplace_back("program");
  const Arguments arguments = TRY(parse_arguments(run_verb(), words));
  return container_request(arguments,
                           [](const std::string&) -> std::optional<std::string> { return std::nullopt; });
}

oci::RuntimeConfig config_of(const std::vector<std::string>& words, const oci::ImageConfig& image = {}) {
  const auto request = request_of(words);
  REQUIRE(request);
  const auto config = runtime_config(*request, image);
  REQUIRE(config);
  return *config;
}

}  // namespace

TEST_CASE("what surrounds a program becomes its configuration") {
  const oci::RuntimeConfig config =
      config_of({"--umask", "077", "--oom-score-adj=-5", "--sysctl", "net.a=1", "--annotation", "k=v=w"});
  CHECK(config.process.umask == 077u);
  CHECK(config.process.oom_score_adj == -5);
  CHECK(config.sysctl.at("net.a") == "1");
  CHECK(config.annotations.at("k") == "v=w");
  CHECK(find_namespace(config, oci::Namespace::ipc) != nullptr);
  CHECK(find_namespace(config_of({"--ipc=host"}), oci::Namespace::ipc) == nullptr);
  CHECK(find_namespace(config_of({"--uts=host"}), oci::Namespace::uts) == nullptr);
  CHECK(find_namespace(config_of({"--pid=private", "--cgroupns=private", "--ipc=shareable"}),
                       oci::Namespace::ipc) != nullptr);
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{"--umask", "9"},
                                             {"--umask", "1777"},
                                             {"--oom-score-adj", "1001"},
                                             {"--oom-score-adj", "-"},
                                             {"--sysctl", "=1"},
                                             {"--pid", "host"},
                                             {"--ipc", "container:x"},
                                             {"--uts=host", "--hostname", "x"},
                                             {"--group-add", "keep-groups"},
                                             {"--tz", "/etc/passwd"},
                                             {"--tz", "../x"},
                                             {"--platform", "linux/arm64", "--arch", "arm64"}})
    CHECK_FALSE(request_of(bad));
}

TEST_CASE("a privileged container has everything that its user can give") {
  const oci::RuntimeConfig config = config_of({"--privileged"});
  CHECK(std::ranges::count(config.process.capabilities.bounding, "CAP_SYS_ADMIN") == 1);
  CHECK_FALSE(config.process.no_new_privileges);
  CHECK(config.masked_paths.empty());
  CHECK(config.read_only_paths.empty());
  const auto request = request_of({"--privileged"});
  CHECK(request->security.seccomp == SecurityOptions::Seccomp::unconfined);
  CHECK(config_of({"--privileged", "--security-opt", "no-new-privileges"}).process.no_new_privileges);
}

TEST_CASE("variables of the image are left out") {
  oci::ImageConfig image;
  image.env = {"PATH=/x", "A=1", "B=2"};
  using Names = std::vector<std::string>;
  CHECK(config_of({"--unsetenv", "A", "-e", "C=3"}, image).process.env == Names{"PATH=/x", "B=2", "C=3"});
  CHECK(config_of({"--unsetenv-all", "-e", "B=2"}, image).process.env == Names{"PATH=/x", "B=2"});
}

TEST_CASE("a platform in parts") {
  CHECK(request_of({"--arch", "arm64", "--variant", "v8"})->platform->to_string() ==
        oci::Platform::parse("linux/arm64/v8")->to_string());
  CHECK_FALSE(request_of({})->platform);
}
