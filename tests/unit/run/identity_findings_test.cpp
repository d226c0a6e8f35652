#include "run/doctor/identity_findings.hpp"

#include <algorithm>
#include <cerrno>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

using Level = Finding::Level;

IdentityFacts facts(IdentityProbe probe) {
  IdentityFacts facts{.probe = std::move(probe)};
  facts.map_program = "/usr/bin/newuidmap";
  facts.users = facts.groups = 65537;
  return facts;
}

const IdentityProbe k_mapped = {.mode = IdentityMode::mapped, .users = 65537, .groups = 65537};

Finding find(const IdentityFacts& facts, const std::string& name) {
  const auto findings = identity_findings(facts);
  const auto found = std::ranges::find(findings, name, &Finding::name);
  return found == findings.end() ? Finding{} : *found;
}

Level worst(const IdentityFacts& facts) {
  Level level = Level::ok;
  for (const Finding& finding : identity_findings(facts)) level = std::max(level, finding.level);
  return level;
}

}  // namespace

TEST_CASE("nothing is missing where ranges of ids are mapped") {
  CHECK(worst(facts(k_mapped)) == Level::ok);
  CHECK(find(facts(k_mapped), "identity mode").fact == "mapped: 65537 user ids and 65537 group ids");
}

TEST_CASE("one id is a note with the line that gives more") {
  IdentityFacts one =
      facts({.mode = IdentityMode::single, .users = 1, .groups = 1, .note = "why", .fix = "line"});
  one.ranges_problem = "there is no range";
  one.ranges_fix = "line";
  CHECK(worst(one) == Level::note);
  CHECK(find(one, "subuid ranges").fix == "line");
  CHECK(find(one, "identity mode").fix == "line");
  one.map_program.clear();
  CHECK(worst(one) == Level::note);
  // Nobody would answer for the calls that set owners.
  one.notifications = false;
  CHECK(find(one, "identity mode").level == Level::lack);
}

TEST_CASE("programs that write maps and fail are found by trying") {
  IdentityFacts failing = facts(
      {.mode = IdentityMode::single, .users = 1, .groups = 1, .note = "newuidmap failed", .fix = "setuid"});
  CHECK(find(failing, "newuidmap and newgidmap").fact == "newuidmap failed");
  CHECK(find(failing, "newuidmap and newgidmap").fix == "setuid");
  failing.no_new_privileges = true;
  failing.refusal.outer = OuterContainer::kubernetes;
  CHECK(find(failing, "newuidmap and newgidmap").fix.find("allowPrivilegeEscalation") != std::string::npos);
}

TEST_CASE("without user namespaces nothing runs, but for root who may change the root directory") {
  IdentityFacts refused = facts(k_mapped);
  refused.probe = std::unexpected(Error(ErrorKind::denied, "refused").hint("the fix"));
  CHECK(worst(refused) == Level::problem);
  CHECK(find(refused, "user namespaces").fact == "refused");
  CHECK(find(refused, "user namespaces").fix == "the fix");
  const IdentityFacts plain = facts({.mode = IdentityMode::chroot,
                                     .users = 4294967295,
                                     .groups = 4294967295,
                                     .note = "refused",
                                     .fix = "the fix",
                                     .namespaces = EPERM,
                                     .network = EPERM,
                                     .proc = EPERM});
  CHECK(worst(plain) == Level::lack);
  CHECK(find(plain, "user namespaces").fix == "the fix");
  CHECK(find(plain, "/proc of containers").name.empty());
}

TEST_CASE("AppArmor's restriction is a problem with a profile for this program, unless it is let through") {
  IdentityFacts restricted = facts(k_mapped);
  restricted.refusal.apparmor_restriction = "1";
  restricted.refusal.program = "/opt/ecrin";
  CHECK(worst(restricted) == Level::ok);
  restricted.probe = std::unexpected(Error(ErrorKind::denied, "refused"));
  const Finding finding = find(restricted, "AppArmor restriction of user namespaces");
  CHECK(finding.level == Level::problem);
  CHECK(finding.fix.find("profile ecrin \"/opt/ecrin\"") != std::string::npos);
}

TEST_CASE("a hidden /proc and a network that cannot be had are told with the words of the outer container") {
  IdentityProbe probe = k_mapped;
  probe.proc = EPERM;
  IdentityFacts masked = facts(probe);
  masked.refusal.outer = OuterContainer::podman;
  CHECK(worst(masked) == Level::note);
  CHECK(find(masked, "/proc of containers").fix.find("podman run --security-opt unmask=ALL") !=
        std::string::npos);
  probe.network = EPERM;
  CHECK(find(facts(probe), "isolation of containers").level == Level::lack);
  probe.namespaces = EPERM;
  CHECK(find(facts(probe), "isolation of containers").level == Level::problem);
}
