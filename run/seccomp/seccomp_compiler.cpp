#include "run/seccomp/seccomp_compiler.hpp"

#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

// libseccomp returns negative errno values.
Result<> check(int outcome, std::string_view what) {
  if (outcome >= 0) return {};
  return std::unexpected(
      Error::from_errno(-outcome, fmt::format("cannot make the seccomp filter ({})", printable(what))));
}

scmp_compare operation(SeccompComparison comparison) {
  switch (comparison) {
    case SeccompComparison::not_equal:
      return SCMP_CMP_NE;
    case SeccompComparison::less:
      return SCMP_CMP_LT;
    case SeccompComparison::less_or_equal:
      return SCMP_CMP_LE;
    case SeccompComparison::equal:
      return SCMP_CMP_EQ;
    case SeccompComparison::greater_or_equal:
      return SCMP_CMP_GE;
    case SeccompComparison::greater:
      return SCMP_CMP_GT;
    case SeccompComparison::masked_equal:
      return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

}  // namespace

void SeccompCompiler::Release::operator()(void* context) const {
  ::seccomp_release(context);
}

Result<SeccompCompiler> SeccompCompiler::create(std::uint32_t otherwise) {
  SeccompCompiler compiler(::seccomp_init(otherwise));
  if (!compiler.m_context)
    return fail(ErrorKind::unsupported, "cannot make a seccomp filter on this machine");
  // A binary tree instead of a list of comparisons: the kernel walks it for every system call.
  (void)::seccomp_attr_set(compiler.m_context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  return compiler;
}

Result<> SeccompCompiler::add_architecture(const std::string& name) {
  const std::uint32_t architecture = ::seccomp_arch_resolve_name(name.c_str());
  if (architecture == 0)
    return fail(ErrorKind::unsupported, "this libseccomp does not know the architecture '{}'",
                printable(name));
  const int outcome = ::seccomp_arch_add(m_context.get(), architecture);
  return outcome == -EEXIST ? Result<>() : check(outcome, name);
}

Result<> SeccompCompiler::pass_other_architectures() {
  return check(::seccomp_attr_set(m_context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW), "other ABIs");
}

Result<> SeccompCompiler::add(std::string_view name, std::uint32_t action,
                              std::span<const SeccompCondition> conditions) {
  const std::string text(name);
  const int number = ::seccomp_syscall_resolve_name(text.c_str());
  if (number == __NR_SCMP_ERROR) {
    log::debug("this libseccomp does not know the system call '{}'", printable(text));
    return {};
  }
  std::vector<scmp_arg_cmp> comparisons;
  for (const SeccompCondition& condition : conditions)
    comparisons.push_back({.arg = condition.argument,
                           .op = operation(condition.comparison),
                           .datum_a = condition.value,
                           .datum_b = condition.second});
  return check(::seccomp_rule_add_array(m_context.get(), action, number,
                                        static_cast<unsigned>(comparisons.size()), comparisons.data()),
               name);
}

Result<std::string> SeccompCompiler::bytes() const {
  const Fd memory(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!memory) return fail_errno("cannot create a memory file for the seccomp filter");
  TRY(check(::seccomp_export_bpf(m_context.get(), memory.get()), "export"));
  if (::lseek(memory.get(), 0, SEEK_SET) < 0) return fail_errno("cannot read the seccomp filter");
  return posix::read_fd(memory);
}

std::string seccomp_library_version() {
  const scmp_version* version = ::seccomp_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->micro);
}

}  // namespace ecrin::run
