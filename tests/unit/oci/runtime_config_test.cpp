#include "oci/runtime_config.hpp"

#include <sys/resource.h>

#include <algorithm>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

TEST_CASE("a container gets the image's program, environment and directory") {
  ImageConfig image;
  image.entrypoint = std::vector<std::string>{"/bin/app", "-v"};
  image.cmd = std::vector<std::string>{"run"};
  image.env = {"A=b"};
  image.working_dir = "/srv";
  const RuntimeConfig config = default_runtime_config(image);
  CHECK(config.process.args == std::vector<std::string>{"/bin/app", "-v", "run"});
  CHECK(config.process.env ==
        std::vector<std::string>{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b"});
  CHECK(config.process.cwd == "/srv");
  CHECK(config.process.no_new_privileges);
  CHECK_FALSE(config.process.terminal);

  image.env = {"PATH=/mine"};
  image.working_dir = "relative";
  CHECK(default_runtime_config(image).process.env == std::vector<std::string>{"PATH=/mine"});
  CHECK(default_runtime_config(image).process.cwd == "/relative");
  CHECK(default_runtime_config(ImageConfig()).process.cwd == "/");
  CHECK(default_runtime_config(ImageConfig()).process.args.empty());
}

TEST_CASE("the eleven default capabilities, and no dangerous one") {
  const std::vector<std::string>& capabilities = default_capabilities();
  CHECK(capabilities.size() == 11);
  CHECK(std::is_sorted(capabilities.begin(), capabilities.end()));
  for (const char* name : {"CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_SYS_PTRACE",
                           "CAP_AUDIT_WRITE", "CAP_DAC_READ_SEARCH"})
    CHECK(std::find(capabilities.begin(), capabilities.end(), name) == capabilities.end());
  CHECK(default_runtime_config(ImageConfig()).process.capabilities == Capabilities::of(capabilities));
}

TEST_CASE("the default mounts come parents first, /sys and cgroup are read-only") {
  const RuntimeConfig config = default_runtime_config(ImageConfig());
  std::vector<std::string> destinations;
  for (const RuntimeMount& mount : config.mounts) {
    destinations.push_back(mount.destination);
    const auto has = [&](const char* option) {
      return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
    };
    CHECK(has("nosuid"));
    CHECK(has("ro") == mount.destination.starts_with("/sys"));
  }
  CHECK(destinations == std::vector<std::string>{"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue",
                                                 "/sys", "/sys/fs/cgroup"});
  CHECK(config.namespaces.size() == 6);
  CHECK(config.default_seccomp);
  const auto masked = [&](const char* path) {
    return std::find(config.masked_paths.begin(), config.masked_paths.end(), path) !=
           config.masked_paths.end();
  };
  CHECK(masked("/proc/kcore"));
  CHECK(masked("/proc/keys"));
  CHECK(masked("/sys/firmware"));
  CHECK(std::find(config.read_only_paths.begin(), config.read_only_paths.end(), "/proc/sys") !=
        config.read_only_paths.end());
}

TEST_CASE("the limit of open files can be set without privileges") {
  struct rlimit own = {};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &own) == 0);
  const RuntimeConfig config = default_runtime_config(ImageConfig());
  REQUIRE(config.process.rlimits.size() == 1);
  CHECK(config.process.rlimits[0].type == "RLIMIT_NOFILE");
  CHECK(config.process.rlimits[0].hard <= own.rlim_max);
  CHECK(config.process.rlimits[0].soft == config.process.rlimits[0].hard);
}
