#include "run/plan/refusal.hpp"

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

std::optional<std::string> read_setting(const std::string& path) {
  const auto text = posix::read_file("/proc/sys/" + path, 4096);
  if (!text) return std::nullopt;
  return std::string(trim(*text));
}

std::string cause_and_fix(int code, const RefusalFacts& facts) {
  if (facts.max_user_namespaces == "0")
    return "user namespaces are switched off: run 'sysctl -w user.max_user_namespaces=15000' as root";
  if (code == ENOSPC)
    return fmt::format("the limit of user namespaces ({}) or their nesting depth (32) is reached",
                       facts.max_user_namespaces.value_or("user.max_user_namespaces"));
  if (facts.unprivileged_clone == "0")
    return "they are switched off for users: run 'sysctl -w kernel.unprivileged_userns_clone=1' as root";
  if (facts.apparmor_restriction == "1")
    return "AppArmor restricts them: install the profile of ecrin, or run 'sysctl -w "
           "kernel.apparmor_restrict_unprivileged_userns=0' as root";
  if (facts.filtered)
    return "a seccomp filter forbids them: start the outer container with --security-opt seccomp=unconfined "
           "(Kubernetes: seccompProfile Unconfined)";
  return "the kernel or a security module of this host forbids them; 'ecrin doctor' shows what it found";
}

}  // namespace

RefusalFacts read_refusal_facts() {
  RefusalFacts facts{.max_user_namespaces = read_setting("user/max_user_namespaces"),
                     .unprivileged_clone = read_setting("kernel/unprivileged_userns_clone"),
                     .apparmor_restriction = read_setting("kernel/apparmor_restrict_unprivileged_userns")};
  const auto status = posix::read_file("/proc/self/status", 64 * 1024);
  facts.filtered = status && status->find("\nSeccomp:\t2") != std::string::npos;
  return facts;
}

Error explain_user_namespace_refusal(int code, const RefusalFacts& facts) {
  constexpr std::string_view what = "cannot make a user namespace";
  if (code == EINVAL || code == ENOSYS)
    return Error(ErrorKind::unsupported, Error::from_errno(code, what).message())
        .hint("the kernel was built without user namespaces (CONFIG_USER_NS), or this is no fresh process");
  return Error(ErrorKind::denied, Error::from_errno(code, what).message()).hint(cause_and_fix(code, facts));
}

}  // namespace ecrin::run
