#include "cli/resource_flags.hpp"

#include <map>

#include "cli/commands/commands.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

Result<oci::Resources> parsed(std::vector<std::string> words) {
  words.push_back("image");
  return parse_resources(TRY(parse_arguments(run_verb(), words)));
}

std::optional<std::int64_t> quota(const std::string& cpus) {
  const auto resources = parsed({"--cpus", cpus});
  return resources ? resources->cpu.quota : -1;
}

}  // namespace

TEST_CASE("no limit is asked for: nothing to do") {
  CHECK(parsed({})->empty());
  CHECK(
      parsed({"--memory", "0", "--cpus", "0", "--pids-limit", "-1", "--cpu-shares", "0", "--cpu-quota", "-1"})
          ->empty());
  CHECK(parsed({"--pids-limit", "0", "--cpu-period", "0", "--cpuset-cpus", "", "--cpu-quota", "0"})->empty());
}

TEST_CASE("sizes of memory") {
  CHECK(parsed({"-m", "64m"})->memory == oci::MemoryResources{.limit = 64 << 20});
  CHECK(parsed({"--memory=1.5g"})->memory.limit == std::int64_t{3} << 29);
  CHECK(parsed({"-m", "1g", "--memory-swap", "2g"})->memory.swap == std::int64_t{2} << 30);
  CHECK(parsed({"-m", "1g", "--memory-swap", "-1"})->memory.swap == oci::k_unlimited);
  CHECK(parsed({"--memory-reservation", "1k"})->memory == oci::MemoryResources{.reservation = 1024});
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{"-m", "64q"},
                                             {"-m", ""},
                                             {"-m", "-5"},
                                             {"-m", "99999999999999999999"},
                                             {"--memory-swap", "1g"},
                                             {"--memory-swap", "-1"},
                                             {"-m", "1g", "--memory-swap", "1m"},
                                             {"-m", "1m", "--memory-reservation", "1g"}}) {
    const auto result = parsed(bad);
    REQUIRE_FALSE(result);
    CHECK(result.error().kind() == ErrorKind::invalid);
  }
}

TEST_CASE("processors are decimals") {
  CHECK(quota("1") == 100000);
  CHECK(quota("1.5") == 150000);
  CHECK(quota(".25") == 25000);
  CHECK(quota("0.01") == 1000);
  CHECK(quota("0.123456789") == 12345);
  CHECK(quota("2.") == 200000);
  CHECK(quota("0.0") == std::nullopt);
  CHECK(parsed({"--cpus", "2"})->cpu.period == 100000);
  CHECK(parsed({"--cpus", "0", "--cpu-quota", "5000"})->cpu.quota == 5000);
  for (const char* bad : {"", ".", "x", "-1", "1.x", "1.5.5", "0.001", "1e3", "99999999", "1.00000z", "+1"})
    CHECK(quota(bad) == -1);
}

TEST_CASE("quota, period and shares have the kernel's bounds") {
  const auto cpu = parsed({"--cpu-quota", "20000", "--cpu-period", "50000", "-c", "512"})->cpu;
  CHECK(cpu == oci::CpuResources{.shares = 512, .quota = 20000, .period = 50000});
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{"--cpu-quota", "10"},
                                             {"--cpu-quota", "-2"},
                                             {"--cpu-period", "10"},
                                             {"--cpu-period", "2000000"},
                                             {"--cpu-shares", "many"},
                                             {"--cpus", "1", "--cpu-quota", "5000"},
                                             {"--cpus", "1", "--cpu-period", "5000"}})
    CHECK_FALSE(parsed(bad));
}

TEST_CASE("lists of processors and nodes") {
  CHECK(parsed({"--cpuset-cpus", "0-2,4", "--cpuset-mems", "0"})->cpu ==
        oci::CpuResources{.cpus = "0-2,4", .mems = "0"});
  for (const char* bad : {"a", "1-", "-1", "2-1", "1,,2", "1;2", "0-99999999", "1 2", "0-1-2"})
    CHECK_FALSE(parsed({"--cpuset-cpus", bad}));
}

TEST_CASE("processes and threads") {
  CHECK(parsed({"--pids-limit", "100"})->pids == 100);
  for (const char* bad : {"", "-2", "x", "99999999999"}) CHECK_FALSE(parsed({"--pids-limit", bad}));
}

TEST_CASE("the service manager is where the surroundings say, or where it usually is") {
  std::map<std::string, std::string> variables;
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  using Addresses = std::vector<std::string>;
  CHECK(service_manager_addresses(environment, 1000) ==
        Addresses{"unix:path=/run/user/1000/bus", "unix:path=/run/user/1000/systemd/private"});
  variables["XDG_RUNTIME_DIR"] = "/run/here";
  variables["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/run/here/bus";
  CHECK(service_manager_addresses(environment, 1000) ==
        Addresses{"unix:path=/run/here/bus", "unix:path=/run/here/systemd/private"});
  variables["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/tmp/other";
  CHECK(service_manager_addresses(environment, 1000).front() == "unix:path=/tmp/other");
  CHECK(service_manager_addresses(environment, 0) == Addresses{"unix:path=/run/dbus/system_bus_socket"});
}
