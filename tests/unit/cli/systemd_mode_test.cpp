#include "cli/systemd_mode.hpp"

#include <algorithm>

#include "cli/commands/commands.hpp"
#include "cli/container_mounts.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

ContainerRequest request_of(const std::vector<std::string>& words) {
  const auto arguments = parse_arguments(run_verb(), words);
  REQUIRE(arguments);
  const auto request = container_request(
      *arguments, [](const std::string&) -> std::optional<std::string> { return std::nullopt; });
  REQUIRE(request);
  return *request;
}

oci::ImageConfig image_with(const std::vector<std::string>& command) {
  oci::ImageConfig image;
  image.cmd = command;
  return image;
}

}  // namespace

TEST_CASE("what is taken for a system manager") {
  CHECK(is_system_manager({"/sbin/init"}));
  CHECK(is_system_manager({"/usr/lib/systemd/systemd", "--unit=x"}));
  CHECK(is_system_manager({"systemd"}));
  CHECK_FALSE(is_system_manager({"init"}));
  CHECK_FALSE(is_system_manager({"/bin/sh"}));
  CHECK_FALSE(is_system_manager({}));
}

TEST_CASE("when systemd is process 1") {
  const oci::ImageConfig plain = image_with({"bash"});
  const oci::ImageConfig system = image_with({"/sbin/init"});
  CHECK_FALSE(boots_systemd(request_of({"image"}), plain));
  CHECK_FALSE(boots_systemd(request_of({"image"}), system));
  CHECK(boots_systemd(request_of({"image", "/sbin/init"}), plain));
  CHECK(boots_systemd(request_of({"--entrypoint=", "image", "/sbin/init"}), plain));
  CHECK(boots_systemd(request_of({"--entrypoint=/sbin/init", "image"}), plain));
  CHECK_FALSE(boots_systemd(request_of({"--systemd=false", "image", "/sbin/init"}), plain));
  CHECK(boots_systemd(request_of({"--systemd=true", "image"}), system));
  CHECK_FALSE(boots_systemd(request_of({"--systemd=true", "image"}), plain));
  CHECK(boots_systemd(request_of({"--systemd=always", "image", "own"}), plain));
  CHECK(boots_systemd(request_of({"--systemd", "image"}), plain));
  using Words = std::vector<std::string>;
  CHECK(runtime_config(request_of({"--systemd", "image"}), plain)->process.args == Words{"/sbin/init"});
  CHECK(runtime_config(request_of({"--systemd", "image"}), {})->process.args == Words{"/sbin/init"});
  CHECK(runtime_config(request_of({"--systemd", "image", "own"}), plain)->process.args == Words{"own"});
  CHECK(runtime_config(request_of({"--systemd=always", "image"}), plain)->process.args == Words{"bash"});
}

TEST_CASE("what systemd finds in its container") {
  const ContainerRequest request = request_of({"--systemd", "--tmpfs", "/run:size=1m", "image"});
  const auto config = runtime_config(request, {});
  REQUIRE(config);
  CHECK_FALSE(config->process.no_new_privileges);
  CHECK(runtime_config(request_of({"--systemd", "--security-opt", "no-new-privileges", "image"}), {})
            ->process.no_new_privileges);
  const std::vector<MountSpec> mounts = all_mounts(request, {});
  for (const char* place : {"/run", "/run/lock", "/tmp", "/var/log/journal"})
    CHECK(std::ranges::count(mounts, place, &MountSpec::destination) == 1);
  CHECK(mounts.front().options.back() == "size=1m");
  CHECK(systemd_variables("0123456789012345678901234567890123456789").back() ==
        "container_uuid=01234567890123456789012345678901");
}
