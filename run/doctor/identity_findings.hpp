// Who this program is in its containers, how they are kept apart, and what would be better.
#pragma once

#include <vector>

#include "run/doctor/finding.hpp"
#include "run/doctor/identity_probe.hpp"
#include "run/plan/refusal.hpp"

namespace ecrin::run {

struct IdentityFacts {
  Result<IdentityProbe> probe;
  RefusalFacts refusal;
  bool is_root = false;
  bool no_new_privileges = false;
  std::string map_program;     // path of newuidmap; "": one of the two is missing
  std::string ranges_problem;  // MapChoice of this user's ranges, as if both programs were there
  std::string ranges_fix;
  std::uint64_t users = 0, groups = 0;  // in these ranges, with the user
  bool notifications = true;            // the kernel tells of system calls (seccomp_unotify(2))
};
IdentityFacts read_identity_facts(const IdentityRequest& request);

/// Pure.
std::vector<Finding> identity_findings(const IdentityFacts& facts);

}  // namespace ecrin::run
