#include "cli/security_options.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

oci::RuntimeConfig with(const std::vector<std::string>& options) {
  oci::RuntimeConfig config = oci::default_runtime_config({});
  const auto parsed = parse_security_options(options);
  REQUIRE(parsed);
  apply_security(*parsed, config);
  return config;
}

bool has(const std::vector<std::string>& list, const std::string& wanted) {
  return std::ranges::find(list, wanted) != list.end();
}

}  // namespace

TEST_CASE("the words of --security-opt in docker's and podman's form") {
  using Seccomp = SecurityOptions::Seccomp;
  CHECK(parse_security_options({}).value() == SecurityOptions{});
  CHECK(parse_security_options({"seccomp=unconfined"})->seccomp == Seccomp::unconfined);
  CHECK(parse_security_options({"seccomp:unconfined"})->seccomp == Seccomp::unconfined);
  const auto profile = parse_security_options({"seccomp=unconfined", "seccomp=./a:b=c.json"});
  CHECK(profile->seccomp == Seccomp::profile);
  CHECK(profile->seccomp_profile == "./a:b=c.json");
  CHECK(parse_security_options({"no-new-privileges"})->no_new_privileges == true);
  CHECK(parse_security_options({"no-new-privileges:false"})->no_new_privileges == false);
  CHECK(parse_security_options({"no-new-privileges=false", "no-new-privileges=true"})->no_new_privileges ==
        true);
  CHECK(parse_security_options({"apparmor=unconfined"})->apparmor.empty());
  CHECK(parse_security_options({"apparmor:mine"})->apparmor == "mine");
  CHECK_FALSE(parse_security_options({"label=disable"})->labels);
  CHECK(parse_security_options({"label=type:spc_t"})->labels);
  for (const char* bad : {"", "seccomp", "seccomp=", "what=1", "no-new-privileges=perhaps", "label=x",
                          "label", "mask=etc", "unmask=", "systempaths=x"})
    CHECK_FALSE(parse_security_options({bad}));
}

TEST_CASE("paths are hidden and shown") {
  CHECK(with({}).process.no_new_privileges);
  CHECK_FALSE(with({"no-new-privileges=false"}).process.no_new_privileges);
  const oci::RuntimeConfig more = with({"mask=/etc/a:/etc/b", "unmask=/proc/kcore:/proc/sys"});
  CHECK(has(more.masked_paths, "/etc/b"));
  CHECK_FALSE(has(more.masked_paths, "/proc/kcore"));
  CHECK(has(more.masked_paths, "/proc/keys"));
  CHECK_FALSE(has(more.read_only_paths, "/proc/sys"));
  CHECK(has(more.read_only_paths, "/proc/bus"));
  const oci::RuntimeConfig pattern = with({"unmask=/proc/*"});
  CHECK(pattern.read_only_paths.empty());
  CHECK(has(pattern.masked_paths, "/sys/firmware"));
  CHECK_FALSE(has(pattern.masked_paths, "/proc/kcore"));
  for (const char* all : {"unmask=ALL", "unmask=all", "systempaths=unconfined"}) {
    CHECK(with({all}).masked_paths.empty());
    CHECK(with({all}).read_only_paths.empty());
  }
  CHECK(with({"proc-opts=hidepid=2"}).mounts.front().options.back() == "hidepid=2");
}
