// Why this host refuses user namespaces: the kernel says only EPERM or ENOSPC, the settings say the rest.
// Shared by user_namespace.cpp (the error) and host_features.cpp (the doctor).
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "run/plan/outer_container.hpp"

namespace ecrin::run {

struct RefusalFacts {
  // Texts of the settings; empty where the kernel has no such setting.
  std::optional<std::string> max_user_namespaces;   // user.max_user_namespaces
  std::optional<std::string> unprivileged_clone;    // kernel.unprivileged_userns_clone (Debian)
  std::optional<std::string> apparmor_restriction;  // kernel.apparmor_restrict_unprivileged_userns (Ubuntu)
  bool filtered = false;                            // a seccomp filter is on this process
  OuterContainer outer = OuterContainer::none;
  std::string program;  // absolute path of this one
};
RefusalFacts read_refusal_facts();
/// The text of an AppArmor profile that lets this program make user namespaces, and what to do with it.
std::string apparmor_profile_fix(const std::string& program);
/// Why the kernel allows no new procfs, with the fix; as one text for a hint.
Error masked_proc_refusal(OuterContainer outer);
std::string masked_proc_hint(OuterContainer outer);
/// Why a program in a memory file cannot be executed.
Error explain_memory_file_refusal(int code);
/// ErrorKind::denied (unsupported where the kernel has none), with the exact fix.
Error explain_user_namespace_refusal(int code, const RefusalFacts& facts);

}  // namespace ecrin::run
