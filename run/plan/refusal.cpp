#include "run/plan/refusal.hpp"

#include <limits.h>
#include <unistd.h>

#include <array>
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

std::string own_program() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "/usr/bin/ecrin";
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
    return "AppArmor restricts them: " + apparmor_profile_fix(facts.program);
  if (facts.filtered)
    return "a seccomp filter forbids them: " + outer_container_fix(facts.outer, OuterNeed::user_namespaces);
  return "the kernel or a security module of this host forbids them; 'ecrin doctor' shows what it found";
}

}  // namespace

std::string apparmor_profile_fix(const std::string& program) {
  return fmt::format(
      "as root write this to /etc/apparmor.d/ecrin, then run 'apparmor_parser -r /etc/apparmor.d/ecrin' "
      "(or switch the restriction off: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0)\n"
      "abi <abi/4.0>,\n"
      "include <tunables/global>\n"
      "profile ecrin \"{}\" flags=(unconfined) {{\n"
      "  userns,\n"
      "  include if exists <local/ecrin>\n"
      "}}",
      program);
}

RefusalFacts read_refusal_facts() {
  RefusalFacts facts{.max_user_namespaces = read_setting("user/max_user_namespaces"),
                     .unprivileged_clone = read_setting("kernel/unprivileged_userns_clone"),
                     .apparmor_restriction = read_setting("kernel/apparmor_restrict_unprivileged_userns")};
  facts.outer = find_outer_container();
  facts.program = own_program();
  const auto status = posix::read_file("/proc/self/status", 64 * 1024);
  facts.filtered = status && status->find("\nSeccomp:\t2") != std::string::npos;
  return facts;
}

Error masked_proc_refusal(OuterContainer outer) {
  return Error(ErrorKind::denied, "parts of /proc are hidden here, so the kernel allows no new one")
      .hint(outer_container_fix(outer, OuterNeed::new_proc));
}

std::string masked_proc_hint(OuterContainer outer) {
  const Error error = masked_proc_refusal(outer);
  return fmt::format("{}; {}", error.message(), error.hint_text());
}

Error explain_memory_file_refusal(int code) {
  Error error = Error::from_errno(code, "cannot execute a memory file");
  if (code == EACCES)
    return std::move(error).hint(
        "memory files may not be executed here: sysctl -w vm.memfd_noexec=0 (as root)");
  return error;
}

Error explain_user_namespace_refusal(int code, const RefusalFacts& facts) {
  constexpr std::string_view what = "cannot make a user namespace";
  if (code == EINVAL || code == ENOSYS)
    return Error(ErrorKind::unsupported, Error::from_errno(code, what).message())
        .hint("the kernel was built without user namespaces (CONFIG_USER_NS), or this is no fresh process");
  return Error(ErrorKind::denied, Error::from_errno(code, what).message()).hint(cause_and_fix(code, facts));
}

}  // namespace ecrin::run
