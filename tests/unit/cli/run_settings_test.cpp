#include "cli/run_settings.hpp"

#include "cli/commands/commands.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

Result<build::RunSettings> settings(std::vector<std::string> words) {
  return run_settings(TRY(parse_arguments(build_verb(), words)));
}

using Hosts = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("hosts are written in podman's and docker's ways") {
  CHECK(*parse_add_host("db:10.0.0.1") == Hosts{{"db", "10.0.0.1"}});
  CHECK(*parse_add_host("db=::1") == Hosts{{"db", "::1"}});
  CHECK(*parse_add_host("db:fd00::2") == Hosts{{"db", "fd00::2"}});
  CHECK(*parse_add_host("a;b:[::1]") == Hosts{{"a", "::1"}, {"b", "::1"}});
  for (const char* bad :
       {"", "db", "db:", "db:name", ":10.0.0.1", "a b:10.0.0.1", "a:host-gateway", "a;:1.2.3.4"})
    CHECK_FALSE(parse_add_host(bad));
}

TEST_CASE("limits have a soft and a hard value") {
  const auto both = parse_ulimit("nofile=10:20");
  REQUIRE(both);
  CHECK(both->type == "RLIMIT_NOFILE");
  CHECK(both->soft == 10);
  CHECK(both->hard == 20);
  CHECK(parse_ulimit("core=-1")->hard == UINT64_MAX);
  CHECK(parse_ulimit("NPROC=5")->hard == 5);
  for (const char* bad : {"", "nofile", "nofile=", "nofile=x", "nofile=2:1", "nofile=1:2:3", "nothing=1"})
    CHECK_FALSE(parse_ulimit(bad));
}

TEST_CASE("settings of RUN steps: what is an input of their keys and what is not") {
  const auto plain = settings({"--dns", "1.2.3.4", "--ulimit", "core=0", "--shm-size", "1m"});
  REQUIRE(plain);
  CHECK(build::key_inputs(*plain).empty());
  const auto others = settings({"--add-host", "a:1.2.3.4", "--cap-drop", "all", "-v", "/tmp:/x",
                                "--security-opt", "seccomp=unconfined", "--security-opt", "unmask=ALL",
                                "--security-opt", "no-new-privileges:true"});
  REQUIRE(others);
  CHECK(build::key_inputs(*others).size() == 6);
  CHECK_FALSE(others->seccomp);
  CHECK_FALSE(others->masked_paths);
  CHECK(others->no_new_privileges);
  CHECK(others->capabilities->empty());
}

TEST_CASE("what is said later of RUN steps takes the place of what was said of the same thing") {
  const auto first = settings({"--add-host", "a:1.1.1.1", "--add-host", "a:::1", "--add-host", "b:2.2.2.2",
                               "-v", "/tmp:/x", "--ulimit", "core=0", "--cap-drop", "all"});
  const auto second =
      settings({"--add-host", "a:3.3.3.3", "-v", "/:/x", "-v", "/tmp:/y", "--ulimit", "core=1"});
  REQUIRE(first);
  REQUIRE(second);
  const build::RunSettings both = build::with_more(*first, *second);
  CHECK(both.hosts == Hosts{{"b", "2.2.2.2"}, {"a", "3.3.3.3"}});
  REQUIRE(both.mounts.size() == 2);
  CHECK(both.mounts[0].source == "/");
  REQUIRE(both.limits.size() == 1);
  CHECK(both.limits[0].soft == 1);
  CHECK(both.capabilities->empty());
  CHECK(build::with_more(*first, *first).hosts == first->hosts);
}

TEST_CASE("a resolver that is given takes the place of the host's, and only of what it says") {
  const std::string host = "domain x\nnameserver 9.9.9.9\noptions edns0\n";
  build::RunSettings given;
  CHECK(build::with_resolver(given, host) == host);
  given.nameservers = {"1.1.1.1", "::1"};
  CHECK(build::with_resolver(given, host) == "domain x\noptions edns0\nnameserver 1.1.1.1\nnameserver ::1\n");
  given.search_domains = {"a", "b"};
  given.resolver_options = {"ndots:2"};
  CHECK(build::with_resolver(given, host) ==
        "search a b\nnameserver 1.1.1.1\nnameserver ::1\noptions ndots:2\n");
}
