#include "oci/runtime_features.hpp"

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "oci/runtime_config_json.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {

Json features_json(const RuntimeFeatures& features) {
  return parse_json(runtime_features_json(features), "features").value();
}

}  // namespace

TEST_CASE("the features of the runtime name what config.json is read with") {
  const Json json = features_json({});
  for (const char* bound : {"ociVersionMin", "ociVersionMax"}) {
    const std::string version = json.at(bound);
    CHECK(parse_runtime_config(R"({"root":{"path":"a"},"ociVersion":")" + version + "\"}").has_value());
  }
  CHECK(json.at("hooks") ==
        Json({"createContainer", "createRuntime", "poststart", "poststop", "prestart", "startContainer"}));
  CHECK(json.at("linux").at("namespaces") ==
        Json({"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}));
}

TEST_CASE("what the runtime cannot do is said in its features") {
  Json json = features_json({}).at("linux");
  CHECK(json.at("seccomp") == Json({{"enabled", false}}));
  CHECK(json.at("apparmor") == Json({{"enabled", false}}));
  CHECK(json.at("mountExtensions") == Json({{"idmap", {{"enabled", false}}}}));
  CHECK(json.at("cgroup").at("v2") == false);

  RuntimeFeatures features;
  features.mount_options = {"bind", "ro"};
  features.capabilities = {"CAP_CHOWN"};
  features.cgroup = {.v1 = true, .v2 = true, .systemd = true, .systemd_user = true, .rdma = false};
  features.seccomp = SeccompFeatures{.actions = {"SCMP_ACT_ALLOW"},
                                     .operators = {"SCMP_CMP_EQ"},
                                     .architectures = {"SCMP_ARCH_X86_64"},
                                     .known_flags = {"SECCOMP_FILTER_FLAG_LOG"},
                                     .supported_flags = {}};
  features.idmapped_mounts = true;
  const Json whole = features_json(features);
  CHECK(whole.at("mountOptions") == Json({"bind", "ro"}));
  json = whole.at("linux");
  CHECK(json.at("capabilities") == Json::array({"CAP_CHOWN"}));
  CHECK(json.at("cgroup").at("systemdUser") == true);
  CHECK(json.at("seccomp").at("archs") == Json::array({"SCMP_ARCH_X86_64"}));
  // An empty list says that there are none; a missing one would say nothing.
  CHECK(json.at("seccomp").at("supportedFlags") == Json::array());
  CHECK(json.at("mountExtensions").at("idmap").at("enabled") == true);
}
