#include "cli/cdi_devices.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

Result<oci::CdiSpec> parse(const std::string& yaml) {
  const auto json = parse_yaml(yaml, "the file");
  if (!json) return std::unexpected(json.error());
  return oci::parse_cdi_spec(*json, "the file");
}

constexpr const char* k_gadget = R"(cdiVersion: "0.6.0"
kind: example.com/gadget
containerEdits: {env: [COMMON=yes]}
devices:
  - name: "1"
    containerEdits:
      env: ["GADGET=one"]
      deviceNodes: [{path: /dev/gadget, hostPath: /dev/zero, major: 1, minor: 5, fileMode: 0666}, {path: /dev/null}]
      mounts: [{hostPath: /usr, containerPath: /opt/x, options: [ro, rbind]}]
      hooks: [{hookName: createContainer, path: /bin/true, args: ["true", x], timeout: 3}]
      additionalGids: [44, 0]
  - name: two
)";

}  // namespace

TEST_CASE("names of vendors' devices") {
  CHECK(oci::parse_cdi_name("nvidia.com/gpu=all") == oci::CdiName{.kind = "nvidia.com/gpu", .device = "all"});
  CHECK(oci::parse_cdi_name("v/c=0:1"));
  for (const char* other :
       {"/dev/a=b", "/dev/null", "gpu=all", "nvidia.com/gpu", "nvidia.com/gpu=", "/gpu=all", "a/b/c=d"})
    CHECK_FALSE(oci::parse_cdi_name(other));
}

TEST_CASE("a description of devices is read from YAML") {
  const auto spec = parse(k_gadget);
  REQUIRE(spec);
  CHECK(spec->kind == "example.com/gadget");
  REQUIRE(spec->devices.size() == 2);
  CHECK(spec->devices[0].name == "1");
  oci::RuntimeConfig config;
  config.process.env = {"GADGET=none", "A=b"};
  config.process.additional_gids = {0};
  oci::apply_cdi_edits(spec->edits, config);
  oci::apply_cdi_edits(spec->devices[0].edits, config);
  oci::apply_cdi_edits(spec->devices[0].edits, config);
  CHECK(config.process.env == std::vector<std::string>{"GADGET=one", "A=b", "COMMON=yes"});
  CHECK(config.process.additional_gids == std::vector<gid_t>{0, 44});
  REQUIRE(config.mounts.size() == 3);
  CHECK(config.mounts[0].source == "/dev/zero");
  CHECK(config.mounts[1].source == "/dev/null");
  CHECK(config.mounts[2].type == "bind");
  CHECK(config.hooks.create_container.front().timeout == 3);
}

TEST_CASE("what is wrong with a description is an error") {
  const std::string head = "cdiVersion: 0.6.0\nkind: a.b/c\n";
  CHECK(parse(head));
  for (const char* rest :
       {"devices: [{name: ''}]", "devices: [{}]", "devices: 5", "containerEdits: {env: [A]}",
        "containerEdits: {deviceNodes: [{path: dev/x}]}", "containerEdits: {mounts: [{hostPath: /a}]}",
        "containerEdits: {hooks: [{hookName: never, path: /a}]}",
        "containerEdits: {hooks: [{hookName: poststop, path: a}]}",
        "containerEdits: {intelRdt: {closID: x}}"}) {
    INFO(rest);
    CHECK_FALSE(parse(head + rest));
  }
  CHECK_FALSE(parse("kind: a/b\n"));
  CHECK_FALSE(parse("cdiVersion: 1.0.0\nkind: ab\n"));
  CHECK_FALSE(parse("[]"));
  CHECK_FALSE(parse(": ["));
}

TEST_CASE("devices are found in directories, the later one first") {
  const test::TempDirectory directory;
  const std::string first = directory.path() + "/first";
  const std::string second = directory.path() + "/second";
  for (const std::string& path : {first, second}) REQUIRE(posix::make_directories(path, 0700));
  const auto write = [](const std::string& path, const std::string& text) { std::ofstream(path) << text; };
  write(first + "/gadget.yaml", k_gadget);
  write(first + "/broken.json", "{");
  write(first + "/other.txt", "what");
  const auto found = find_cdi_devices({"example.com/gadget=1", "example.com/gadget=two"}, {first, second});
  REQUIRE(found);
  CHECK(found->size() == 3);
  write(
      second + "/gadget.json",
      R"({"cdiVersion":"0.5.0","kind":"example.com/gadget","devices":[{"name":"1","containerEdits":{"env":["X=2"]}}]})");
  const auto later = find_cdi_devices({"example.com/gadget=1"}, {first, second});
  REQUIRE(later);
  CHECK(later->back().env == std::vector<std::string>{"X=2"});
  write(second + "/gadget.yml", k_gadget);
  CHECK(find_cdi_devices({"example.com/gadget=1"}, {first, second}).error().kind() == ErrorKind::conflict);
  CHECK(find_cdi_devices({"example.com/gadget=3"}, {first}).error().kind() == ErrorKind::not_found);
  CHECK(find_cdi_devices({}, {first})->empty());
}
