#include "run/seccomp/seccomp.hpp"

#include <linux/capability.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>

#include "run/seccomp/seccomp_compiler.hpp"
#include "run/seccomp/seccomp_profile.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint32_t k_allow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t k_refuse = SECCOMP_RET_ERRNO | EPERM;

SeccompCondition masked_equal(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {
      .argument = argument, .comparison = SeccompComparison::masked_equal, .value = mask, .second = value};
}

Result<> add_all(SeccompCompiler& compiler, std::string_view names, std::uint32_t action) {
  constexpr std::string_view space = " \n";
  for (std::size_t start = names.find_first_not_of(space); start != std::string_view::npos;
       start = names.find_first_not_of(space, start)) {
    const std::size_t end = std::min(names.find_first_of(space, start), names.size());
    TRY(compiler.add(names.substr(start, end - start), action));
    start = end;
  }
  return {};
}

Result<> add_if(SeccompCompiler& compiler, std::string_view name, std::uint32_t action,
                const SeccompCondition& condition) {
  return compiler.add(name, action, {&condition, 1});
}

// Programs for other ABIs of the same machine run in containers too (32-bit x86 on x86-64).
Result<> add_architectures(SeccompCompiler& compiler) {
#if defined(__x86_64__)
  TRY(compiler.add_architecture("x86"));
  TRY(compiler.add_architecture("x32"));
#elif defined(__aarch64__)
  TRY(compiler.add_architecture("arm"));
#else
  (void)compiler;
#endif
  return {};
}

Result<> add_clone(SeccompCompiler& compiler, bool allowed) {
  if (allowed) {
    TRY(compiler.add("clone", k_allow));
    return compiler.add("clone3", k_allow);
  }
  TRY(add_if(compiler, "clone", k_allow, masked_equal(0, seccomp_profile::k_namespace_flags, 0)));
  // The default action says ENOSYS, but clone(2) exists: each of the flags is refused as the kernel would.
  for (std::uint64_t bit = 1; bit <= seccomp_profile::k_namespace_flags; bit <<= 1) {
    if (!(seccomp_profile::k_namespace_flags & bit)) continue;
    TRY(add_if(compiler, "clone", k_refuse, masked_equal(0, bit, bit)));
  }
  return {};
}

}  // namespace

Result<std::string> compile_seccomp_filter(CapabilitySet capabilities) {
  SeccompCompiler compiler = TRY(SeccompCompiler::create(SECCOMP_RET_ERRNO | ENOSYS));
  TRY(add_architectures(compiler));
  TRY(add_all(compiler, seccomp_profile::always(), k_allow));
  TRY(add_all(compiler, seccomp_profile::never(), k_refuse));
  for (const seccomp_profile::Group& group : seccomp_profile::groups())
    TRY(add_all(compiler, group.names, (group.capabilities & capabilities) ? k_allow : k_refuse));
  for (const seccomp_profile::Condition& condition : seccomp_profile::conditions())
    TRY(add_if(compiler, condition.name, k_allow,
               masked_equal(condition.argument, condition.mask, condition.value)));
  TRY(add_clone(compiler, capabilities & capability_bit(CAP_SYS_ADMIN)));
  constexpr std::uint64_t family = seccomp_profile::k_refused_socket_family;
  TRY(add_if(compiler, "socket", k_refuse,
             {.argument = 0, .comparison = SeccompComparison::equal, .value = family}));
  TRY(add_if(compiler, "socket", k_allow,
             {.argument = 0, .comparison = SeccompComparison::not_equal, .value = family}));
  return compiler.bytes();
}

}  // namespace ecrin::run
