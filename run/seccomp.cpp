#include "run/seccomp.hpp"

#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "run/seccomp_profile.hpp"

namespace ecrin::run {
namespace {

struct ReleaseContext {
  void operator()(void* context) const { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, ReleaseContext>;

scmp_arg_cmp masked_equal(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

// libseccomp returns negative errno values.
Result<> check(int outcome, std::string_view what) {
  if (outcome >= 0) return {};
  return std::unexpected(
      Error::from_errno(-outcome, fmt::format("cannot make the seccomp filter ({})", what)));
}

class Compiler {
public:
  explicit Compiler(Context context) : m_context(std::move(context)) {}

  /// A call that this libseccomp does not know cannot be in the filter: it falls under the default, ENOSYS.
  Result<> add(std::string_view name, std::uint32_t action, const scmp_arg_cmp* condition = nullptr) {
    const std::string text(name);
    const int number = ::seccomp_syscall_resolve_name(text.c_str());
    if (number == __NR_SCMP_ERROR) {
      log::debug("this libseccomp does not know the system call '{}'", text);
      return {};
    }
    return check(::seccomp_rule_add_array(m_context.get(), action, number, condition ? 1 : 0, condition),
                 name);
  }

  Result<> add_all(std::string_view names, std::uint32_t action) {
    constexpr std::string_view space = " \n";
    for (std::size_t start = names.find_first_not_of(space); start != std::string_view::npos;
         start = names.find_first_not_of(space, start)) {
      const std::size_t end = std::min(names.find_first_of(space, start), names.size());
      TRY(add(names.substr(start, end - start), action));
      start = end;
    }
    return {};
  }

  Result<std::string> bytes() {
    const Fd memory(::memfd_create("seccomp", MFD_CLOEXEC));
    if (!memory) return fail_errno("cannot create a memory file for the seccomp filter");
    TRY(check(::seccomp_export_bpf(m_context.get(), memory.get()), "export"));
    if (::lseek(memory.get(), 0, SEEK_SET) < 0) return fail_errno("cannot read the seccomp filter");
    return posix::read_fd(memory);
  }

private:
  Context m_context;
};

// Programs for other ABIs of the same machine run in containers too (32-bit x86 on x86-64).
Result<> add_architectures(scmp_filter_ctx context) {
#if defined(__x86_64__)
  TRY(check(::seccomp_arch_add(context, SCMP_ARCH_X86), "x86"));
  TRY(check(::seccomp_arch_add(context, SCMP_ARCH_X32), "x32"));
#elif defined(__aarch64__)
  TRY(check(::seccomp_arch_add(context, SCMP_ARCH_ARM), "arm"));
#else
  (void)context;
#endif
  return {};
}

Result<> add_clone(Compiler& compiler, bool allowed) {
  if (allowed) {
    TRY(compiler.add("clone", SCMP_ACT_ALLOW));
    return compiler.add("clone3", SCMP_ACT_ALLOW);
  }
  const scmp_arg_cmp none = masked_equal(0, seccomp_profile::k_namespace_flags, 0);
  TRY(compiler.add("clone", SCMP_ACT_ALLOW, &none));
  // The default action says ENOSYS, but clone(2) exists: each of the flags is refused as the kernel would.
  for (std::uint64_t bit = 1; bit <= seccomp_profile::k_namespace_flags; bit <<= 1) {
    if (!(seccomp_profile::k_namespace_flags & bit)) continue;
    const scmp_arg_cmp set = masked_equal(0, bit, bit);
    TRY(compiler.add("clone", SCMP_ACT_ERRNO(EPERM), &set));
  }
  return {};
}

}  // namespace

Result<std::string> compile_seccomp_filter(CapabilitySet capabilities) {
  Context context(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
  if (!context) return fail(ErrorKind::unsupported, "cannot make a seccomp filter on this machine");
  TRY(add_architectures(context.get()));
  // A binary tree instead of a list of comparisons: the kernel walks it for every system call.
  (void)::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  Compiler compiler(std::move(context));
  TRY(compiler.add_all(seccomp_profile::always(), SCMP_ACT_ALLOW));
  TRY(compiler.add_all(seccomp_profile::never(), SCMP_ACT_ERRNO(EPERM)));
  for (const seccomp_profile::Group& group : seccomp_profile::groups())
    TRY(compiler.add_all(group.names,
                         (group.capabilities & capabilities) ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM)));
  for (const seccomp_profile::Condition& condition : seccomp_profile::conditions()) {
    const scmp_arg_cmp equal = masked_equal(condition.argument, condition.mask, condition.value);
    TRY(compiler.add(condition.name, SCMP_ACT_ALLOW, &equal));
  }
  TRY(add_clone(compiler, capabilities & capability_bit(CAP_SYS_ADMIN)));
  constexpr std::uint64_t family = seccomp_profile::k_refused_socket_family;
  const scmp_arg_cmp refused{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = family, .datum_b = 0};
  const scmp_arg_cmp others{.arg = 0, .op = SCMP_CMP_NE, .datum_a = family, .datum_b = 0};
  TRY(compiler.add("socket", SCMP_ACT_ERRNO(EPERM), &refused));
  TRY(compiler.add("socket", SCMP_ACT_ALLOW, &others));
  return compiler.bytes();
}

}  // namespace ecrin::run
