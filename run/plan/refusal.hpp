// Why this host refuses user namespaces: the kernel says only EPERM or ENOSPC, the settings say the rest.
// Shared by user_namespace.cpp (the error) and host_features.cpp (the doctor).
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"

namespace ecrin::run {

struct RefusalFacts {
  // Texts of the settings; empty where the kernel has no such setting.
  std::optional<std::string> max_user_namespaces;   // user.max_user_namespaces
  std::optional<std::string> unprivileged_clone;    // kernel.unprivileged_userns_clone (Debian)
  std::optional<std::string> apparmor_restriction;  // kernel.apparmor_restrict_unprivileged_userns (Ubuntu)
  bool filtered = false;                            // a seccomp filter is on this process
};
RefusalFacts read_refusal_facts();
/// ErrorKind::denied (unsupported where the kernel has none), with the exact fix.
Error explain_user_namespace_refusal(int code, const RefusalFacts& facts);

}  // namespace ecrin::run
