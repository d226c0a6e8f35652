#include "run/plan/refusal.hpp"

#include <cerrno>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

TEST_CASE("a refused user namespace is explained by the setting that refuses it") {
  struct Case {
    int code;
    RefusalFacts facts;
    std::string fix;
  };
  const std::vector<Case> cases = {
      {ENOSPC, {.max_user_namespaces = "0"}, "sysctl -w user.max_user_namespaces=15000"},
      {ENOSPC, {.max_user_namespaces = "7"}, "the limit of user namespaces (7)"},
      {EPERM, {.unprivileged_clone = "0"}, "sysctl -w kernel.unprivileged_userns_clone=1"},
      {EPERM,
       {.unprivileged_clone = "1", .apparmor_restriction = "1"},
       "apparmor_restrict_unprivileged_userns=0"},
      {EPERM, {.filtered = true}, "seccomp=unconfined"},
      {EPERM, {.filtered = true, .outer = OuterContainer::kubernetes}, "seccompProfile: {type: Unconfined}"},
      {EPERM, {.apparmor_restriction = "1", .program = "/opt/ecrin"}, "profile ecrin \"/opt/ecrin\""},
      {EPERM, {}, "ecrin doctor"},
  };
  for (const Case& item : cases) {
    const Error error = explain_user_namespace_refusal(item.code, item.facts);
    CHECK(error.kind() == ErrorKind::denied);
    CHECK(error.hint_text().find(item.fix) != std::string::npos);
  }
}

TEST_CASE("a kernel without user namespaces is unsupported") {
  CHECK(explain_user_namespace_refusal(EINVAL, {}).kind() == ErrorKind::unsupported);
}
